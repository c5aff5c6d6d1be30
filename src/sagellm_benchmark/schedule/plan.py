"""The plan of a run: which rows, when, and what that amounts to.

In: a trace, a selection, a pace. Out: rows in due order with their number and due time, as a stream
that can be started again, and the figures of the one pass that checked them all. The same trace,
selection and pace give the same digest on any machine; the salt and the text of made prompts are
not part of it, the rule that makes them is. Held in memory: 8 bytes a row while checking.
"""

from __future__ import annotations

import hashlib
import heapq
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.schedule.planned import Planned
from sagellm_benchmark.trace.prompts import PROMPT_RULE
from sagellm_benchmark.trace.row import Header, Row
from sagellm_benchmark.trace.source import Trace
from sagellm_benchmark.trace.transforms import Pace, Selection, pace_factor, select

_NS_PER_S = 1_000_000_000
_FIRST_TOKEN_NS = 500_000_000
_TOKEN_NS = 20_000_000
_COARSE_S = 0.1
_COARSE_TIES = 0.2

_encode = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True)
class Plan:
    """What a run will send.

    Attributes:
        rows: Requests.
        span_s: First to last due time; 0 in a closed loop.
        rate_per_s: Mean rate, (rows - 1) / span_s; None where there is no span.
        peak_rate_per_s: Most rows due within one whole second of the run's clock; None in a closed
            loop.
        input_tokens: Sum over the rows that say how many.
        output_tokens: Sum over the rows that say how many.
        peak_streams: Estimate of the most requests in flight at once, were each to last 0.5 s and
            20 ms a token; None in a closed loop.
        digest: SHA-256 of the schedule, in hex.
        trace_sha256: SHA-256 of the file, in hex; None where the rows are made.
        rows_read: Rows of the file that were looked at.
        drops: Rows left out, by reason.
        inversions: Rows that the file has out of order of time.
        sessions: Different session ids.
        coarse: Arrivals lie on a grid so wide that many are tied; gaps between them mean little.
        recorded_content: Some rows carry recorded messages or prompts.
        rows_without_model: Rows that name no model.
        block_size: Tokens of one prefix block; None where rows have no block ids.
        factor: What all times are divided by.
    """

    rows: int
    span_s: float
    rate_per_s: float | None
    peak_rate_per_s: int | None
    input_tokens: int
    output_tokens: int
    peak_streams: int | None
    digest: str
    trace_sha256: str | None
    rows_read: int
    drops: dict[str, int]
    inversions: int
    sessions: int
    coarse: bool
    recorded_content: bool
    rows_without_model: int
    block_size: int | None
    factor: float
    _timetable: _Timetable = field(repr=False)

    def planned(self) -> Iterator[Planned]:
        """Begin a new pass over the rows, in due order."""
        return self._timetable.planned()


def make_plan(trace: Trace, selection: Selection, pace: Pace, *, closed: bool = False) -> Plan:
    """Read all selected rows once, check them, and count.

    Args:
        trace: The rows.
        selection: The part of them to send.
        pace: How fast; of no effect in a closed loop.
        closed: Rows are sent when a user is free, not at a time.

    Raises:
        UsageError: No row is left, an id comes twice, or a row cannot be sent.
    """
    factor = 1.0 if closed else pace_factor(trace, selection, pace)
    timetable = _Timetable(trace, selection, factor, closed)
    check, count = _Check(), _Count(trace.header)
    for planned in timetable.planned():
        check.add(planned.row)
        count.add(planned)
    check.finish(trace, selection)
    return Plan(
        rows=count.rows,
        span_s=count.span_ns / _NS_PER_S,
        rate_per_s=count.mean_rate_per_s,
        peak_rate_per_s=None if closed else count.peak_rate_per_s,
        input_tokens=count.input_tokens,
        output_tokens=count.output_tokens,
        peak_streams=None if closed else count.peak_streams,
        digest=count.digest.hexdigest(),
        trace_sha256=trace.sha256,
        rows_read=trace.rows_read,
        drops=trace.drops,
        inversions=trace.inversions,
        sessions=len(count.sessions),
        coarse=not closed and count.coarse,
        recorded_content=count.recorded_content,
        rows_without_model=count.rows_without_model,
        block_size=trace.header.block_size,
        factor=factor,
        _timetable=timetable,
    )


@dataclass(frozen=True)
class _Timetable:
    """The passes over the selected rows."""

    trace: Trace
    selection: Selection
    factor: float
    closed: bool

    def planned(self) -> Iterator[Planned]:
        origin_s = self.selection.start_s
        for seq, row in enumerate(select(self.trace.rows(), self.selection)):
            arrival_s = _arrival_s(row)
            if origin_s is None:
                origin_s = arrival_s
            due_s = (arrival_s - origin_s) / self.factor
            yield Planned(seq, None if self.closed else round(due_s * _NS_PER_S), row)


def _arrival_s(row: Row) -> float:
    if row.arrival_time_s is None:
        raise UsageError(
            f"request {row.request_id} waits for others and has no arrival time; "
            "such rows cannot be replayed yet"
        )
    return row.arrival_time_s


class _Check:
    """What makes rows unfit to be sent."""

    def __init__(self) -> None:
        # Hashes, not ids: 16 million of them take 128 MB, and equal ones are looked at again.
        self._hashes = array("q")

    def add(self, row: Row) -> None:
        if row.message_mode == "delta" and row.turn_index:
            raise UsageError(
                f"request {row.request_id} carries only its own turn (message_mode delta); "
                "such sessions cannot be replayed yet"
            )
        if row.prompt_token_ids is not None:
            raise UsageError(
                f"request {row.request_id} carries prompt_token_ids; such rows cannot be sent yet"
            )
        if row.input_tokens is None and not _content(row):
            raise UsageError(f"request {row.request_id} has neither input_tokens nor content")
        self._hashes.append(hash(row.request_id))

    def finish(self, trace: Trace, selection: Selection) -> None:
        if not self._hashes:
            dropped = f", dropped: {trace.drops}" if trace.drops else ""
            raise UsageError(
                f"{trace.path or 'the trace'}: no rows to send ({trace.rows_read} read{dropped}); "
                "see --start, --end"
            )
        suspects = _repeated(self._hashes)
        if not suspects:
            return
        seen: set[str] = set()
        for row in select(trace.rows(), selection):
            if row.request_id in seen:
                raise UsageError(
                    f"{trace.path or 'the trace'}: request_id {row.request_id!r} is there twice"
                )
            if hash(row.request_id) in suspects:
                seen.add(row.request_id)


def _repeated(hashes: array[int]) -> set[int]:
    import numpy as np

    ordered = np.sort(np.frombuffer(hashes, dtype=np.int64))
    return set(ordered[1:][ordered[1:] == ordered[:-1]].tolist())


def _content(row: Row) -> bool:
    return not (row.messages is None and row.prompt is None and row.prompt_token_ids is None)


class _Count:
    """The figures of the rows seen so far, which come in due order."""

    def __init__(self, header: Header) -> None:
        self.rows = 0
        self.span_ns = 0
        self.input_tokens = 0
        self.output_tokens = 0
        self.peak_rate_per_s = 0
        self.peak_streams = 0
        self.sessions: set[str] = set()
        self.recorded_content = False
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
        return (self.rows - 1) / (self.span_ns / _NS_PER_S) if self.span_ns else None

    @property
    def coarse(self) -> bool:
        tied = self._ties >= _COARSE_TIES * self.rows
        return self.span_ns > 0 and (self._coarse_grid or tied)

    def add(self, planned: Planned) -> None:
        row = planned.row
        self.rows += 1
        self.input_tokens += row.input_tokens or 0
        self.output_tokens += row.output_tokens or 0
        self.recorded_content = self.recorded_content or _content(row)
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
        heapq.heappush(self._ends, due_ns + _FIRST_TOKEN_NS + output_tokens * _TOKEN_NS)
        self.peak_streams = max(self.peak_streams, len(self._ends))


def _canonical(planned: Planned) -> bytes:
    """One line of the schedule that the digest is over."""
    row = planned.row
    sent = [
        *(row.messages, row.prompt, row.prompt_token_ids, row.tools, row.response_format),
        *(row.sampling, row.extra_body, row.headers, row.stream, row.lora_adapter),
    ]
    recorded = any(part is not None for part in sent)
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
