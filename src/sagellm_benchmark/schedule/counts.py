"""The figures of a plan: how many rows, how much of everything, and the digest of it all.

In: the rows of one pass, in due order. Out: totals, peaks, an estimate of how many requests fly at
once, and a digest that is the same for the same schedule on any machine. Kept of a row are 8 bytes
where it has a session.
"""

from __future__ import annotations

import hashlib
from array import array
from heapq import heappop, heappush, heapreplace
from math import inf
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
_DIGEST_BYTES = 1 << 16

_encoder = msgspec.json.Encoder(order="deterministic")
_encode, _encode_into = _encoder.encode, _encoder.encode_into


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
    """

    def __init__(self, header: Header, rule: str) -> None:
        self.rows = 0
        self.input_tokens = 0
        self.output_tokens = 0
        self.peak_rate_per_s = 0
        self.peak_streams = 0
        self.made_prompts = 0
        self.messages: str | None = None
        self.models: dict[str | None, int] = {}
        self._digest = hashlib.sha256(_encode([rule, header.block_size]) + b"\n")
        self._sessions = array("q")  # hashes: a million sessions' names would take 100 MB
        self._timed = 0
        self._coarse_grid = (header.time_resolution_s or 0.0) >= _COARSE_S
        self._ties = 0
        self._first_ns: int | None = None
        self._last_ns = 0
        self._second = self._in_second = 0
        self._lines = bytearray()
        self._ends: list[int] = []

    @property
    def digest(self) -> str:
        """SHA-256 of the schedule so far, in hex."""
        so_far = self._digest.copy()
        so_far.update(self._lines)
        return so_far.hexdigest()

    @property
    def span_ns(self) -> int:
        """From the first due time to the last."""
        return 0 if self._first_ns is None else self._last_ns - self._first_ns

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

    def add(self, planned: Planned) -> None:
        """Count the next row; one that waits has the due time that its arrival suggests."""
        row = planned.row
        self.rows += 1
        output_tokens = row.output_tokens or 0
        self.input_tokens += row.input_tokens or 0
        self.output_tokens += output_tokens
        self.made_prompts += not row.has_content
        if row.messages is not None and self.messages is None:
            self.messages = row.request_id
        model = row.model or None
        self.models[model] = self.models.get(model, 0) + 1
        if row.session_id is not None:
            self._sessions.append(hash(row.session_id))
        if planned.due_ns is not None:
            self._due(planned.due_ns, output_tokens)
        lines = self._lines
        _encode_into(_canonical(planned), lines, -1)
        lines += b"\n"
        if len(lines) > _DIGEST_BYTES:
            self._digest.update(lines)
            lines.clear()

    def repeat(self, times: float) -> None:
        """Note that the whole is replayed more than once."""
        said = ["loop", None if times == inf else times, round(self.period_s * _NS_PER_S)]
        self._lines += _encode(said) + b"\n"

    def _due(self, due_ns: int, output_tokens: int) -> None:
        self._timed += 1
        if self._first_ns is None:
            self._first_ns = due_ns
        elif due_ns == self._last_ns:
            self._ties += 1
        self._last_ns = due_ns
        second = due_ns // _NS_PER_S
        if second == self._second:
            self._in_second += 1
        else:
            self._second, self._in_second = second, 1
        if self._in_second > self.peak_rate_per_s:
            self.peak_rate_per_s = self._in_second
        ends, end_ns = self._ends, due_ns + _FIRST_TOKEN_NS + output_tokens * _TOKEN_NS
        if ends and ends[0] <= due_ns:
            heapreplace(ends, end_ns)
            while ends[0] <= due_ns:
                heappop(ends)
        else:
            heappush(ends, end_ns)
            self.peak_streams = max(self.peak_streams, len(ends))


def _canonical(planned: Planned) -> list[Any]:
    """One line of the schedule that the digest is over."""
    row = planned.row
    sent = [
        *(row.messages, row.prompt, row.prompt_token_ids, row.tools, row.response_format),
        *(row.sampling, row.extra_body, row.headers, row.stream, row.lora_adapter),
    ]
    recorded = sent.count(None) < len(sent)
    line: list[Any] = [
        planned.seq,
        None if row.depends_on else planned.due_ns,
        row.request_id,
        row.operation,
        row.model,
        row.input_tokens,
        row.output_tokens,
        row.max_tokens,
        row.prefix_block_ids,
        hashlib.sha256(_encode(sent)).hexdigest() if recorded else None,
    ]
    if row.depends_on:
        line += (row.depends_on, planned.think_ns, row.relation)
        line += (row.new_input_tokens, row.message_mode)
    return line
