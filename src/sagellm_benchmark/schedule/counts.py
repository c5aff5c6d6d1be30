"""The figures of a plan: how many rows, how much of everything, and the digest of it all.

In: the rows of one pass, in due order. Out: totals, peaks, an estimate of how many requests fly at
once, and a digest that is the same for the same schedule on any machine. Kept of a row are 8 bytes
where it has a session.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Sequence
from math import inf
from operator import attrgetter
from typing import Any

import msgspec

from sagellm_benchmark.schedule.peaks import Peaks
from sagellm_benchmark.schedule.planned import Planned
from sagellm_benchmark.trace.row import Header, Row

_NS_PER_S = 1_000_000_000
_COARSE_S = 0.1
_COARSE_TIES = 0.2

_encoder = msgspec.json.Encoder(order="deterministic")
_encode, _encode_lines = _encoder.encode, _encoder.encode_lines

_recorded = attrgetter(
    *("messages", "prompt", "prompt_token_ids", "tools", "response_format"),
    *("sampling", "extra_body", "headers", "stream", "lora_adapter"),
)
_Recorded = tuple[Any, ...] | None


class Count:
    """The figures of the rows seen so far, which come in due order.

    Args:
        header: The trace's.
        rule: By which prompts are made.

    Attributes:
        messages: The first row with recorded messages; None where there is none.
        token_ids: The first row with a prompt recorded as token ids; None where there is none.
        models: Rows by the model that they name; None for those that name none.
        operations: Rows by what they ask for; None for those that do not say.
    """

    def __init__(self, header: Header, rule: str) -> None:
        self.rows = 0
        self.input_tokens = 0
        self.output_tokens = 0
        self.made_prompts = 0
        self.messages: str | None = None
        self.token_ids: str | None = None
        self.models: Counter[str | None] = Counter()
        self.operations: Counter[str | None] = Counter()
        self._digest = hashlib.sha256(_encode([rule, header.block_size]) + b"\n")
        self._sessions = array("q")  # hashes: a million sessions' names would take 100 MB
        self._coarse_grid = (header.time_resolution_s or 0.0) >= _COARSE_S
        self._peaks = Peaks()

    @property
    def digest(self) -> str:
        """SHA-256 of the schedule so far, in hex."""
        return self._digest.hexdigest()

    @property
    def peaks(self) -> Peaks:
        """How dense the rows lie."""
        self._peaks.settle()
        return self._peaks

    @property
    def span_ns(self) -> int:
        """From the first due time to the last."""
        return self.peaks.span_ns

    @property
    def mean_rate_per_s(self) -> float | None:
        """Rows a second between the first and the last; None where that is no time."""
        return (self.peaks.rows - 1) / (self.span_ns / _NS_PER_S) if self.span_ns else None

    @property
    def period_s(self) -> float:
        """From the first row to where the next would be, one mean gap behind the last."""
        rows = self.peaks.rows
        return self.span_ns / _NS_PER_S * rows / (rows - 1) if self.span_ns else 0.0

    @property
    def sessions(self) -> int:
        """Different session ids."""
        if not self._sessions:
            return 0
        import numpy as np

        names = np.frombuffer(self._sessions, dtype=np.int64)
        names.sort()  # where they lie: their order is of no matter, and a copy would take as much
        return 1 + int(np.count_nonzero(names[1:] != names[:-1]))

    @property
    def coarse(self) -> bool:
        """Arrivals lie on so wide a grid that gaps between them mean little."""
        tied = self.peaks.ties >= _COARSE_TIES * self.rows
        return self.span_ns > 0 and (self._coarse_grid or tied)

    def add(self, block: Sequence[Planned]) -> None:
        """Count the next rows; one that waits has the due time that its arrival suggests.

        Raises:
            UsageError: One is due centuries after the start.
        """
        rows = [planned.row for planned in block]
        replies = [row.output_tokens or 0 for row in rows]
        self.rows += len(rows)
        self.input_tokens += sum([row.input_tokens or 0 for row in rows])
        self.output_tokens += sum(replies)
        self.models.update([row.model or None for row in rows])
        self.operations.update([row.operation for row in rows])
        names = [row.session_id for row in rows]
        self._sessions.extend([hash(each) for each in names if each is not None])
        dues_ns = [planned.due_ns for planned in block]
        if None in dues_ns:
            replies = [each for each, due in zip(replies, dues_ns, strict=True) if due is not None]
        self._peaks.add([due for due in dues_ns if due is not None], replies)
        recorded = list(map(_said, rows))
        self._contents(rows, recorded)
        self._digest.update(_encode_lines(list(map(_canonical, block, recorded))))

    def repeat(self, times: float) -> None:
        """Note that the whole is replayed more than once."""
        said = ["loop", None if times == inf else times, round(self.period_s * _NS_PER_S)]
        self._digest.update(_encode(said) + b"\n")

    def _contents(self, rows: Sequence[Row], recorded: Sequence[_Recorded]) -> None:
        """Follow which prompts were recorded."""
        self.made_prompts += len(rows)
        if any(recorded):
            self.made_prompts -= sum(row.has_content for row in rows)
            if self.messages is None:
                talks = (row.request_id for row in rows if row.messages is not None)
                self.messages = next(talks, None)
            if self.token_ids is None:
                coded = (row.request_id for row in rows if row.prompt_token_ids is not None)
                self.token_ids = next(coded, None)


def _said(row: Row) -> _Recorded:
    """What was recorded of a request; None where nothing was, as in most traces."""
    if (
        row.messages
        is row.prompt
        is row.prompt_token_ids
        is row.tools
        is row.response_format
        is row.sampling
        is row.extra_body
        is row.headers
        is row.stream
        is row.lora_adapter
        is None
    ):
        return None
    return _recorded(row)


def _canonical(planned: Planned, said: _Recorded) -> tuple[Any, ...]:
    """A row's line of the schedule, which the digest is over."""
    row = planned.row
    # The fields are named one by one: a getter and an unpacked tuple take twice as long.
    line = (
        planned.seq,
        None if row.depends_on else planned.due_ns,
        row.request_id,
        row.operation,
        row.model,
        row.input_tokens,
        row.output_tokens,
        row.max_tokens,
        row.prefix_block_ids,
        said and _hashed(said),
    )
    if not row.depends_on:
        return line
    waits = (row.depends_on, planned.think_ns, row.relation, row.new_input_tokens)
    return (*line, *waits, row.message_mode)


def _hashed(said: tuple[Any, ...]) -> str:
    return hashlib.sha256(_encode(said)).hexdigest()
