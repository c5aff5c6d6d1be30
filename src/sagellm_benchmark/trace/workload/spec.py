"""The specification of a workload: one YAML file, strict.

In: a path. Out: a Workload, whose every key is known, of the right type and in range, and fits the
others; or one error with file, line and key. `docs/workloads.md` explains each key.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec

from sagellm_benchmark.document import Document, Place, read_document
from sagellm_benchmark.errors import InputError
from sagellm_benchmark.trace.fields import MAX_ID, MAX_TOKENS
from sagellm_benchmark.trace.workload.gaps import Gaps, gamma_gaps, weibull_gaps
from sagellm_benchmark.trace.workload.laws import Law, NotNegative, Positive, Strict
from sagellm_benchmark.trace.workload.rates import Rate

SCHEMA = "sagellm.workload/1"

_Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]
_Few = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
_Tokens = Annotated[int, msgspec.Meta(ge=1, le=MAX_TOKENS)]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID)]
_Variation = Annotated[float, msgspec.Meta(ge=0.05, le=50)]

Part = TypeVar("Part")

_PLACE = re.compile(r"\.(\w+)|\[(\d+)\]")
_QUOTED_FIELD = re.compile(r"unknown field `(\w+)`")


class Spread(Strict):
    """`gamma` or `weibull`: the gaps' coefficient of variation."""

    cv: _Variation


class Arrivals(Strict):
    """A law of gaps with a parameter."""

    gamma: Spread | None = None
    weibull: Spread | None = None

    def __post_init__(self) -> None:
        if (self.gamma is None) == (self.weibull is None):
            raise ValueError("needs exactly one of gamma, weibull")

    def gaps(self) -> Gaps:
        """The law."""
        if self.gamma is not None:
            return gamma_gaps(self.gamma.cv)
        return weibull_gaps(self.weibull.cv)


class Ranked(Strict):
    """`zipf`: `NAME1` to `NAMEn`, the k-th with the weight k**-skew."""

    name: _Name
    count: _Few
    skew: NotNegative = 0.0


class Choice(Strict):
    """Values with their weights, or numbered names; drawn for each session."""

    mix: Annotated[dict[str, NotNegative], msgspec.Meta(min_length=1)] | None = None
    zipf: Ranked | None = None

    def __post_init__(self) -> None:
        if (self.mix is None) == (self.zipf is None):
            raise ValueError("needs exactly one of mix, zipf")
        if self.mix is not None and not any(self.mix.values()):
            raise ValueError("mix: no value has a weight above 0")


class Priorities(Strict):
    """Priorities with their weights."""

    mix: Annotated[dict[int, NotNegative], msgspec.Meta(min_length=1)]

    def __post_init__(self) -> None:
        if not any(self.mix.values()):
            raise ValueError("mix: no value has a weight above 0")


class Level(Strict):
    """One level of a tree of shared prefixes: each node above it has `count` such children.

    Attributes:
        tokens: Of each node, whole blocks.
        count: Nodes to choose from.
        skew: The k-th is chosen with the weight k**-skew.
    """

    tokens: _Tokens
    count: _Few = 1
    skew: NotNegative = 0.0


class Sessions(Strict):
    """What arrives is a session of several turns.

    Attributes:
        turns: Requests of a session.
        think_s: Seconds from the end of a reply to the next request.
    """

    turns: float | Law
    think_s: float | Law


class Pool(Strict):
    """`servegen`: clients with measured windows, from a folder of ServeGen's.

    Attributes:
        path: The folder, seen from the specification.
        clients: The busiest so many; all where it is not given.
        rate: Requests per second of all together, in the mean; as measured where it is not given.
        from_s: Where in the measurement to begin.
    """

    path: _Name
    clients: _Few | None = None
    rate: Positive | None = None
    from_s: NotNegative = 0.0


class Client(Strict, kw_only=True):
    """A source of requests, or several alike."""

    name: _Name | None = None
    count: _Few = 1
    skew: NotNegative = 0.0
    share: Positive | None = None
    rate: Positive | Rate | None = None
    arrivals: Literal["poisson", "constant"] | Arrivals = "poisson"
    servegen: Pool | None = None
    input_tokens: Positive | Law | None = None
    output_tokens: Positive | Law | None = None
    pairs: Annotated[list[tuple[_Tokens, _Tokens]], msgspec.Meta(min_length=1)] | None = None
    pairs_of: _Name | None = None
    prefix: list[Level] = msgspec.field(default_factory=list)
    sessions: Sessions | None = None
    context_tokens: _Tokens | None = None
    model: _Name | Choice | None = None
    tenant: _Name | Choice | None = None
    lora: _Name | Choice | None = None
    request_class: _Name | Choice | None = msgspec.field(name="class", default=None)
    priority: int | Priorities | None = None
    operation: _Name | None = None


class Workload(Strict, kw_only=True):
    """A whole specification."""

    schema: Literal["sagellm.workload/1"]
    name: _Name | None = None
    seed: Annotated[int, msgspec.Meta(ge=0)] | None = None
    duration_s: Positive | None = None
    requests: _Count | None = None
    concurrency: _Count | None = None
    block_size: Annotated[int, msgspec.Meta(ge=1, le=1 << 20)] = 64
    clients: Annotated[list[Client], msgspec.Meta(min_length=1, max_length=10_000)]

    @property
    def at_once(self) -> bool:
        """No client has a rate: all rows arrive at 0, for a closed loop or one burst."""
        return all(client.rate is None and client.servegen is None for client in self.clients)


def read_workload(path: Path) -> tuple[Workload, str]:
    """Read a specification and check it whole.

    Returns:
        The specification, and the SHA-256 of its file.

    Raises:
        InputError: It is not one; the text names line and key.
    """
    document = read_document(path)
    workload = structured(document, Workload)
    for place, problem in _conflicts(workload):
        raise document.error(f"{_written(place)}{problem}", place)
    return workload, hashlib.sha256(path.read_bytes()).hexdigest()


def structured(document: Document, kind: type[Part]) -> Part:
    """Read a document as a structure.

    Raises:
        InputError: It is not one; the text names line and key.
    """
    try:
        return msgspec.convert(document.value, kind, str_keys=True)
    except msgspec.ValidationError as error:
        raise _invalid(document, str(error)) from None


def _invalid(document: Document, problem: str) -> InputError:
    what, _, where = problem.partition(" - at ")
    inside = where.partition(" in ")[2] or where
    place: Place = tuple(int(number) if number else name for name, number in _PLACE.findall(inside))
    unknown = _QUOTED_FIELD.search(what)
    what = what.replace("Object contains unknown field", "no such key:")
    what = what.replace("Object missing required field", "missing key")
    for word, plain in (("`object`", "a mapping"), ("`array`", "a list"), (" | null", "")):
        what = what.replace(word, plain)
    what = what.replace("object", "mapping").replace("array", "list")
    return document.error(
        f"{_written(place)}{what[:1].lower()}{what[1:]}",
        (*place, unknown[1]) if unknown else place,
    )


def _written(place: Place) -> str:
    """A place as the document's reader would say it, with a colon behind."""
    text = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in place)
    return f"{text[1:]}: " if text else ""


def _conflicts(workload: Workload) -> Iterator[tuple[Place, str]]:
    """What is wrong between keys that are right alone."""
    timed = [client.rate or client.servegen for client in workload.clients]
    if any(timed) and not all(timed):
        number = next(number for number, each in enumerate(timed) if not each)
        yield ("clients", number), "needs a rate, as other clients have one"
    if workload.at_once:
        if workload.requests is None:
            yield (), "needs requests: N, as no client has a rate"
        if workload.duration_s is not None:
            yield ("duration_s",), "has no meaning where no client has a rate"
    else:
        if workload.requests is None and workload.duration_s is None:
            yield (), "needs duration_s, requests, or both"
        if workload.concurrency is not None:
            yield ("concurrency",), "is a closed loop, and clients with a rate are none"
    names: set[str] = set()
    for number, client in enumerate(workload.clients):
        if client.name in names:
            yield ("clients", number, "name"), f"{client.name!r} stands twice"
        names |= {client.name} - {None}
        for key, problem in _client_conflicts(client, workload):
            yield ("clients", number, *key), problem


def _client_conflicts(client: Client, workload: Workload) -> Iterator[tuple[Place, str]]:
    yield from _length_conflicts(client)
    if client.servegen is not None:
        for key in ("rate", "input_tokens", "output_tokens", "pairs", "pairs_of"):
            if getattr(client, key) is not None:
                yield (key,), "is what servegen brings; write one of them (rate: inside servegen)"
        if client.count != 1 or client.arrivals != "poisson":
            key = "count" if client.count != 1 else "arrivals"
            yield (key,), "is what servegen brings; leave it out"
    if workload.at_once:
        for key in ("count", "sessions"):
            if getattr(client, key) not in (1, None):
                yield (key,), "needs a rate"
    elif client.share is not None:
        yield ("share",), "is for clients without a rate"
    for number, level in enumerate(client.prefix):
        if level.tokens % workload.block_size:
            yield (
                ("prefix", number, "tokens"),
                f"{level.tokens} is not whole blocks of block_size {workload.block_size}",
            )
    shared = sum(level.tokens for level in client.prefix)
    if client.context_tokens is not None and client.context_tokens < shared + 2:
        yield ("context_tokens",), f"is too few beside {shared} tokens of prefix"


def _length_conflicts(client: Client) -> Iterator[tuple[Place, str]]:
    if client.servegen is not None:
        return
    ways = [key for key in ("input_tokens", "pairs", "pairs_of") if getattr(client, key)]
    if len(ways) != 1:
        yield (), "needs exactly one of input_tokens, pairs, pairs_of"
    paired = ways[0] != "input_tokens"
    if paired and client.output_tokens is not None:
        yield ("output_tokens",), f"is what {ways[0]} brings; leave it out"
    silent = not paired and client.output_tokens is None
    if silent and (client.operation != "embeddings" or client.sessions is not None):
        yield (), "needs output_tokens beside input_tokens"


def described(workload: Workload) -> Any:
    """The specification as plain values, for a trace's header."""
    return msgspec.to_builtins(workload, str_keys=True)
