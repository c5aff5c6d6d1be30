"""What a coordinator and its workers say to each other.

In and out: bytes, msgpack, the one payload of Locust's message `sagellm`. Each letter names its
run, so that what is late from the run before is known for what it is. Keys and header values are in
none of them: each worker reads its own.
"""

from __future__ import annotations

import zlib
from typing import Any

import msgspec

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.load.share import Share
from sagellm_benchmark.schedule.planned import Planned

MESSAGE = "sagellm"
"""Locust's name for all of them."""

LETTER_BYTES = 256 * 1024
"""About the most that one letter holds: while one is taken in nothing else is."""

_ZIP_FROM = 16 * 1024
NOBODY = -1


class Letter(msgspec.Struct, tag=True, frozen=True, kw_only=True):
    """Any of them.

    Attributes:
        run: Name of the run.
    """

    run: str


class Here(Letter, frozen=True, kw_only=True):
    """From a worker, until it is answered: it can be asked to begin."""


class Welcome(Letter, frozen=True, kw_only=True):
    """To a worker: its `Here` has been heard."""


class Begin(Letter, frozen=True, kw_only=True):
    """To a worker: get ready for a run.

    Attributes:
        worker: What the worker is called in it.
        number: 0, 1, 2, … in the order in which workers joined.
        version: The coordinator's.
        options: Raw values of the options by their keys, without secrets.
        found: Values that the coordinator took from elsewhere than the options, by their keys.
        header_names: The headers that every request is to have.
        host: The targets.
        run_time_s: Locust's.
        stop_timeout_s: Locust's.
        salt: Of the prompts.
        block_size: Of the trace's prefix blocks.
        tokens_per_word: Of the prompts' wording, with the next two.
        template_tokens: As above.
        wording_source: As above.
        tokenizer_sha256: Of the tokenizer, where there is one.
        sessions: Rows wait for others in this run.
        streams: How many requests the worker may have in flight at once, about; None if unknown.
        manifest: `run.json` so far, for the worker's own segment.
    """

    worker: str
    number: int
    version: str
    options: dict[str, Any]
    found: dict[str, Any]
    header_names: list[str]
    host: str
    run_time_s: float | None
    stop_timeout_s: float
    salt: str
    block_size: int | None
    tokens_per_word: float
    template_tokens: int
    wording_source: str
    tokenizer_sha256: str | None
    sessions: bool
    streams: int | None
    manifest: bytes


class Go(Letter, frozen=True, kw_only=True):
    """To a worker: the run starts.

    Attributes:
        origin_ns: Second 0 of the run, by the worker's clock.
        anchor_ns: An instant by the worker's clock, and
        anchor_unix_s: the same one by the coordinator's wall clock.
        share: What of the run's limits is the worker's.
    """

    origin_ns: int
    anchor_ns: int
    anchor_unix_s: float
    share: Share


class Ping(Letter, frozen=True, kw_only=True):
    """To a worker: what time is it there? Answered at once."""

    sent_ns: int


class Rows(Letter, frozen=True, kw_only=True):
    """To a worker: what to send, packed by `pack_rows`."""

    packed: bytes


class Resize(Letter, frozen=True, kw_only=True):
    """To a worker: its share is another one from now on."""

    share: Share


class Last(Letter, frozen=True, kw_only=True):
    """To a worker: no more rows will come."""


class Finish(Letter, frozen=True, kw_only=True):
    """To a worker: send no more; what is on the wire may take so long."""

    timeout_s: float


class Ack(Letter, frozen=True, kw_only=True):
    """To a worker: its records are here up to this byte.

    Attributes:
        offset: Bytes that have arrived.
        again: A part is missing: send on from here.
    """

    offset: int
    again: bool = False


class GoOn(Letter, frozen=True, kw_only=True):
    """To a worker that stood still: whether it still belongs to the run."""

    allowed: bool


class Ready(Letter, frozen=True, kw_only=True):
    """From a worker: it could begin, or what is in the way."""

    problem: str | None = None


class Pong(Letter, frozen=True, kw_only=True):
    """From a worker: the answer to a `Ping`, with its own time."""

    sent_ns: int
    at_ns: int


class Batch(Letter, frozen=True, kw_only=True):
    """From a worker: the bytes of its records from `offset` on, cut anywhere."""

    offset: int
    data: bytes


class Pulse(Letter, frozen=True, kw_only=True):
    """From a worker, every second: how it is."""

    sent: int
    in_flight: int
    planned: int
    tokens_in_flight: int
    cpu_percent: float | None
    loop_lag_ms: float | None
    read_lag_ms: float | None
    memory_mb: float
    failed: str | None = None


class Stalled(Letter, frozen=True, kw_only=True):
    """From a worker: it stood still for so long and sends nothing until it hears `GoOn`."""

    seconds: float


class Done(Letter, frozen=True, kw_only=True):
    """From a worker: its part of the run has ended, and all its records are on the way.

    Attributes:
        planned: Rows that it released, or settled without sending.
        bytes: Of its records.
        figures: What the load cost it, as in the summary's `generator.workers`.
        loop_lags: Counts of its loop lags, as `Histogram.counts` gives them.
        read_lags: Counts of its read lags.
        stalls: [start_s, end_s, worker] each, seconds of the run.
        peers: The addresses that it was connected to.
        failed: Why not all of its records could be written.
        left: It leaves, whether the run is over or not, for this reason.
    """

    planned: int
    bytes: int
    figures: dict[str, Any]
    loop_lags: dict[str, Any]
    read_lags: dict[str, Any]
    stalls: list[tuple[float, float, str]]
    peers: list[str]
    failed: str | None = None
    left: str | None = None


ToWorker = Welcome | Begin | Go | Ping | Rows | Resize | Last | Finish | Ack | GoOn
FromWorker = Here | Ready | Pong | Batch | Pulse | Stalled | Done


class Handed(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A row on its way to a worker.

    Attributes:
        planned: The row.
        behind: Numbers of the rows that wait for it.
        parents: How many rows it waits for; 0 for one that has a time of its own.
        hears: Whose words it goes on with, -1 for nobody's.
    """

    planned: Planned
    behind: list[int] = []
    parents: int = 0
    hears: int = NOBODY


_encoder = msgspec.msgpack.Encoder()
pack = _encoder.encode
_to_worker = msgspec.msgpack.Decoder(ToWorker)
_from_worker = msgspec.msgpack.Decoder(FromWorker)
_rows = msgspec.msgpack.Decoder(list[Handed])


def to_worker(data: bytes) -> ToWorker:
    """Read what the coordinator wrote.

    Raises:
        UsageError: It is none of these letters: another version wrote it.
    """
    return _read(_to_worker, data)


def from_worker(data: bytes) -> FromWorker:
    """Read what a worker wrote.

    Raises:
        UsageError: It is none of these letters: another version wrote it.
    """
    return _read(_from_worker, data)


def _read(decoder: Any, data: bytes) -> Any:
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, TypeError) as error:
        raise UsageError(
            f"a message of another version of this package ({error}): install the same version on "
            "every worker"
        ) from None


def pack_rows(rows: list[msgspec.Raw]) -> bytes:
    """Rows, each packed, as one; recorded texts are worth packing tight, numbers are not."""
    data = pack(rows)
    if len(data) < _ZIP_FROM * max(1, len(rows) // 64):
        return b"\0" + data
    return b"\1" + zlib.compress(data, 1)


def unpack_rows(packed: bytes) -> list[Handed]:
    """The rows again."""
    data = packed[1:]
    return _rows.decode(zlib.decompress(data) if packed[0] else data)


def bare(planned: Planned) -> Planned:
    """All of a request that its record needs: what it says may be long, and is not kept twice."""
    row = planned.row
    if not row.has_content:
        return planned
    row = msgspec.structs.replace(row, messages=None, prompt=None, prompt_token_ids=None)
    return msgspec.structs.replace(planned, row=row)
