"""The figures of a plan: how many rows, how much of everything, and the digest of it all.

In: the rows of one pass, in due order. Out: totals, peaks, an estimate of how many requests fly at
once, and a digest that is the same for the same schedule on any machine. Nothing of a row is kept
but its session's id.
"""

from __future__ import annotations

import hashlib
import heapq

import msgspec

from sagellm_benchmark.schedule.planned import Planned
from sagellm_benchmark.trace.prompts import PROMPT_RULE
from sagellm_benchmark.trace.row import Header

FIRST_TOKEN_S = 0.5
TOKEN_S = 0.02
"""What a reply is taken to last before anything was measured: so long to its first token, and so
long each."""

_NS_PER_S = 1_000_000_000
_COARSE_S = 0.1
_COARSE_TIES = 0.2

_encode = msgspec.json.Encoder(order="deterministic").encode


def reply_s(output_tokens: float) -> float:
    """Estimate how long a reply of so many tokens lasts, in seconds."""
    return FIRST_TOKEN_S + output_tokens * TOKEN_S


class Count:
    """The figures of the rows seen so far, which come in due order.

    Args:
        header: The trace's.

    Attributes:
        digest: SHA-256 of the schedule so far.
    """

    def __init__(self, header: Header) -> None:
        self.rows = 0
        self.span_ns = 0
        self.input_tokens = 0
        self.output_tokens = 0
        self.peak_rate_per_s = 0
        self.peak_streams = 0
        self.sessions: set[str] = set()
        self.made_prompts = 0
        self.rows_without_model = 0
        self.digest = hashlib.sha256(_encode([PROMPT_RULE, header.block_size]) + b"\n")
        self._coarse_grid = (header.time_resolution_s or 0.0) >= _COARSE_S
        self._ties = 0
        self._first_ns: int | None = None
        self._last_ns = 0
        self._bin = (0, 0)
        self._ends: list[int] = []

    @property
    def mean_rate_per_s(self) -> float | None:
        """Rows a second between the first and the last; None where that is no time."""
        return (self.rows - 1) / (self.span_ns / _NS_PER_S) if self.span_ns else None

    @property
    def coarse(self) -> bool:
        """Arrivals lie on so wide a grid that gaps between them mean little."""
        tied = self._ties >= _COARSE_TIES * self.rows
        return self.span_ns > 0 and (self._coarse_grid or tied)

    def add(self, planned: Planned) -> None:
        """Count the next row."""
        row = planned.row
        self.rows += 1
        self.input_tokens += row.input_tokens or 0
        self.output_tokens += row.output_tokens or 0
        self.made_prompts += not row.has_content
        self.rows_without_model += not row.model
        if row.session_id is not None:
            self.sessions.add(row.session_id)
        if planned.due_ns is not None:
            self._due(planned.due_ns, row.output_tokens or 0)
        self.digest.update(_canonical(planned))

    def _due(self, due_ns: int, output_tokens: int) -> None:
        if self._first_ns is None:
            self._first_ns = due_ns
        elif due_ns == self._last_ns:
            self._ties += 1
        self._last_ns = due_ns
        self.span_ns = due_ns - self._first_ns
        second, count = due_ns // _NS_PER_S, 1
        if second == self._bin[0]:
            count += self._bin[1]
        self._bin = (second, count)
        self.peak_rate_per_s = max(self.peak_rate_per_s, count)
        while self._ends and self._ends[0] <= due_ns:
            heapq.heappop(self._ends)
        heapq.heappush(self._ends, due_ns + round(reply_s(output_tokens) * _NS_PER_S))
        self.peak_streams = max(self.peak_streams, len(self._ends))


def _canonical(planned: Planned) -> bytes:
    """One line of the schedule that the digest is over."""
    row = planned.row
    sent = [
        *(row.messages, row.prompt, row.prompt_token_ids, row.tools, row.response_format),
        *(row.sampling, row.extra_body, row.headers, row.stream, row.lora_adapter),
    ]
    recorded = sent.count(None) < len(sent)
    return (
        _encode(
            (
                planned.seq,
                planned.due_ns,
                row.request_id,
                row.operation,
                row.model,
                row.input_tokens,
                row.output_tokens,
                row.max_tokens,
                row.prefix_block_ids,
                hashlib.sha256(_encode(sent)).hexdigest() if recorded else None,
            )
        )
        + b"\n"
    )
