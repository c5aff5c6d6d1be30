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
from heapq import heappop, heappush, heapreplace
from itertools import chain
from math import inf
from operator import attrgetter, eq
from typing import Any

import msgspec

from sagellm_benchmark.schedule.planned import Planned
from sagellm_benchmark.trace.row import Header

FIRST_TOKEN_S = 0.5
TOKEN_S = 0.02
"""What a reply is taken to last before anything was measured: so long to its first token, and so
long each."""

_NS_PER_S = 1_000_000_000
_COARSE_S = 0.1
_COARSE_TIES = 0.2

_FIRST_TOKEN_NS = round(FIRST_TOKEN_S * _NS_PER_S)
_TOKEN_NS = round(TOKEN_S * _NS_PER_S)

_encoder = msgspec.json.Encoder(order="deterministic")
_encode, _encode_lines = _encoder.encode, _encoder.encode_lines

# Getters: a million rows are looked at through them, and one call is a third of ten.
_session = attrgetter("session_id")
_content = attrgetter("messages", "prompt", "prompt_token_ids")
_NO_CONTENT = (None,) * 3
_asked = attrgetter(
    *("request_id", "operation", "model", "input_tokens", "output_tokens", "max_tokens"),
    "prefix_block_ids",
)
_recorded = attrgetter(
    *("messages", "prompt", "prompt_token_ids", "tools", "response_format"),
    *("sampling", "extra_body", "headers", "stream", "lora_adapter"),
)
_NOT_RECORDED = (None,) * 10


def reply_s(output_tokens: float) -> float:
    """Estimate how long a reply of so many tokens lasts, in seconds."""
    return FIRST_TOKEN_S + output_tokens * TOKEN_S


class Count:
    """The figures of the rows seen so far, which come in due order.

    Args:
        header: The trace's.
        rule: By which prompts are made.

    Attributes:
        messages: The first row with recorded messages; None where there is none.
        models: Rows by the model that they name; None for those that name none.
        operations: Rows by what they ask for; None for those that do not say.
    """

    def __init__(self, header: Header, rule: str) -> None:
        self.rows = 0
        self.input_tokens = 0
        self.output_tokens = 0
        self.peak_rate_per_s = 0
        self.peak_streams = 0
        self.made_prompts = 0
        self.messages: str | None = None
        self.models: Counter[str | None] = Counter()
        self.operations: Counter[str | None] = Counter()
        self._digest = hashlib.sha256(_encode([rule, header.block_size]) + b"\n")
        self._sessions = array("q")  # hashes: a million sessions' names would take 100 MB
        self._timed = 0
        self._coarse_grid = (header.time_resolution_s or 0.0) >= _COARSE_S
        self._ties = 0
        self._first_ns: int | None = None
        self._last_ns: int | None = None
        self._second = self._in_second = 0
        self._ends: list[int] = []

    @property
    def digest(self) -> str:
        """SHA-256 of the schedule so far, in hex."""
        return self._digest.hexdigest()

    @property
    def span_ns(self) -> int:
        """From the first due time to the last."""
        if self._first_ns is None or self._last_ns is None:
            return 0
        return self._last_ns - self._first_ns

    @property
    def mean_rate_per_s(self) -> float | None:
        """Rows a second between the first and the last; None where that is no time."""
        return (self._timed - 1) / (self.span_ns / _NS_PER_S) if self.span_ns else None

    @property
    def period_s(self) -> float:
        """From the first row to where the next would be, one mean gap behind the last."""
        return self.span_ns / _NS_PER_S * self._timed / (self._timed - 1) if self.span_ns else 0.0

    @property
    def sessions(self) -> int:
        """Different session ids."""
        if not self._sessions:
            return 0
        import numpy as np

        return int(np.unique(np.frombuffer(self._sessions, dtype=np.int64)).size)

    @property
    def coarse(self) -> bool:
        """Arrivals lie on so wide a grid that gaps between them mean little."""
        tied = self._ties >= _COARSE_TIES * self.rows
        return self.span_ns > 0 and (self._coarse_grid or tied)

    def add(self, block: Sequence[Planned]) -> None:
        """Count the next rows; one that waits has the due time that its arrival suggests."""
        rows = [planned.row for planned in block]
        replies = [row.output_tokens or 0 for row in rows]
        self.rows += len(rows)
        self.input_tokens += sum([row.input_tokens or 0 for row in rows])
        self.output_tokens += sum(replies)
        self.made_prompts += list(map(_content, rows)).count(_NO_CONTENT)
        if self.messages is None:
            talks = (row.request_id for row in rows if row.messages is not None)
            self.messages = next(talks, None)
        self.models.update([row.model or None for row in rows])
        self.operations.update([row.operation for row in rows])
        self._sessions.extend([hash(each) for each in map(_session, rows) if each is not None])
        timed = [
            (planned.due_ns, tokens)
            for planned, tokens in zip(block, replies, strict=True)
            if planned.due_ns is not None
        ]
        if timed:
            self._rates([due_ns for due_ns, _ in timed])
            self._streams(timed)
        self._digest.update(_encode_lines([_canonical(planned) for planned in block]))

    def repeat(self, times: float) -> None:
        """Note that the whole is replayed more than once."""
        said = ["loop", None if times == inf else times, round(self.period_s * _NS_PER_S)]
        self._digest.update(_encode(said) + b"\n")

    def _rates(self, dues_ns: list[int]) -> None:
        """Follow the ties, and the rows of each second."""
        self._ties += sum(map(eq, dues_ns, chain((self._last_ns,), dues_ns)))
        if self._timed == 0:
            self._first_ns = dues_ns[0]
        self._timed += len(dues_ns)
        self._last_ns = dues_ns[-1]
        second, rows, peak = self._second, self._in_second, self.peak_rate_per_s
        for due_ns in dues_ns:
            if due_ns // _NS_PER_S == second:
                rows += 1
            else:
                second, rows = due_ns // _NS_PER_S, 1
            if rows > peak:
                peak = rows
        self._second, self._in_second, self.peak_rate_per_s = second, rows, peak

    def _streams(self, timed: list[tuple[int, int]]) -> None:
        """Follow how many replies last at once."""
        ends = self._ends
        for due_ns, output_tokens in timed:
            end_ns = due_ns + _FIRST_TOKEN_NS + output_tokens * _TOKEN_NS
            if ends and ends[0] <= due_ns:
                heapreplace(ends, end_ns)
                while ends[0] <= due_ns:
                    heappop(ends)
            else:
                heappush(ends, end_ns)
                if len(ends) > self.peak_streams:
                    self.peak_streams = len(ends)


def _canonical(planned: Planned) -> list[Any]:
    """One line of the schedule that the digest is over."""
    row = planned.row
    recorded = _recorded(row)
    line: list[Any] = [
        planned.seq,
        None if row.depends_on else planned.due_ns,
        *_asked(row),
        None if recorded == _NOT_RECORDED else hashlib.sha256(_encode(recorded)).hexdigest(),
    ]
    if row.depends_on:
        line += (row.depends_on, planned.think_ns, row.relation)
        line += (row.new_input_tokens, row.message_mode)
    return line
