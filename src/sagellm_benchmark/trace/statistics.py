"""What a trace is like: the figures of `trace inspect`.

In: a Trace. Out: one dict of plain numbers, from one pass. Quantiles are exact (linear between
neighbours, as numpy's default), kept as counts of each value; arrivals are never held. What grows
is the set of session ids and of block ids, where the trace has them. A figure that the rows do not
yield is None.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sagellm_benchmark.trace.row import Header, Row
from sagellm_benchmark.trace.source import Trace

_WINDOWS_S = (1, 10, 60)


def inspect(trace: Trace) -> dict[str, Any]:
    """Read a trace once and describe it.

    Raises:
        UsageError: The trace cannot be read, or has bad rows.
    """
    inputs, outputs = Tokens(), Tokens()
    arrivals, prefixes = _Arrivals(), _Prefixes(trace.header)
    sessions: set[str] = set()
    rows = 0
    for row in trace.rows():
        rows += 1
        inputs.add(row.input_tokens)
        outputs.add(row.output_tokens)
        prefixes.add(row)
        if row.session_id is not None:
            sessions.add(row.session_id)
        if row.arrival_time_s is not None:
            arrivals.add(row.arrival_time_s)
    return {
        "format": trace.format,
        "rows_read": trace.rows_read,
        "rows": rows,
        "drops": trace.drops,
        "inversions": trace.inversions,
        "dependents": rows - arrivals.rows,
        **arrivals.described(),
        "time_resolution_s": trace.header.time_resolution_s,
        "input_tokens": inputs.described(),
        "output_tokens": outputs.described(),
        "sessions": len(sessions),
        "prefix_hit": prefixes.described(),
    }


class Tokens:
    """Token counts of rows, as how often each occurs."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def add(self, tokens: int | None) -> None:
        """Count a row; one that does not say how many is left out."""
        if tokens is not None:
            self._counts[tokens] += 1

    def described(self) -> dict[str, float] | None:
        """p50, p90, p99 and the largest; None if no row said."""
        if not self._counts:
            return None
        values = sorted(self._counts)
        ends: list[int] = []
        total = 0
        for value in values:
            total += self._counts[value]
            ends.append(total)
        return {
            **{f"p{percent}": _quantile(values, ends, percent / 100) for percent in (50, 90, 99)},
            "max": values[-1],
        }


def _quantile(values: Sequence[int], ends: Sequence[int], share: float) -> float:
    """Interpolate in sorted values of which the i-th fills the ranks below `ends[i]`."""
    rank = (ends[-1] - 1) * share
    low = values[bisect_right(ends, math.floor(rank))]
    high = values[bisect_right(ends, math.ceil(rank))]
    return low + (high - low) * (rank - math.floor(rank))


class _Arrivals:
    """Times between arrivals, and their counts in windows (index of dispersion: 1 if Poisson)."""

    def __init__(self) -> None:
        self.rows = 0
        self._first_s = self._last_s = 0.0
        self._ties = 0
        self._squares = 0.0
        self._windows = [_Window(width_s) for width_s in _WINDOWS_S]

    def add(self, arrival_s: float) -> None:
        if self.rows == 0:
            self._first_s = self._last_s = arrival_s
        else:
            gap_s = arrival_s - self._last_s
            self._ties += gap_s == 0
            self._squares += gap_s * gap_s
            self._last_s = arrival_s
        self.rows += 1
        for window in self._windows:
            window.add(arrival_s - self._first_s)

    def described(self) -> dict[str, Any]:
        span_s, gaps = self._last_s - self._first_s, self.rows - 1
        if gaps < 1 or span_s <= 0:
            idc = dict.fromkeys(map(str, _WINDOWS_S))
            ties = 1.0 if gaps >= 1 else None
            return {
                **{"span_s": max(0.0, span_s), "rate_per_s": None},
                **{"iat": {"cv": None, "ties": ties}, "idc": idc},
            }
        mean = span_s / gaps
        cv = math.sqrt(max(0.0, self._squares / gaps - mean * mean)) / mean
        return {
            "span_s": span_s,
            "rate_per_s": gaps / span_s,
            "iat": {"cv": cv, "ties": self._ties / gaps},
            "idc": {str(each.width_s): each.dispersion() for each in self._windows},
        }


class _Window:
    """Counts of arrivals in whole consecutive windows, as sums; arrivals come in order."""

    def __init__(self, width_s: int) -> None:
        self.width_s = width_s
        self._index = 0
        self._count = 0
        self._total = 0
        self._squares = 0

    def add(self, since_first_s: float) -> None:
        index = int(since_first_s // self.width_s)
        if index != self._index:
            self._total += self._count
            self._squares += self._count * self._count
            self._index, self._count = index, 0
        self._count += 1

    def dispersion(self) -> float | None:
        """Variance over mean; the last window, which the trace does not fill, is left out."""
        if self._index < 2:
            return None
        mean = self._total / self._index
        return (self._squares / self._index - mean * mean) / mean


class _Prefixes:
    """How much of the input an infinite prefix cache would hold already."""

    def __init__(self, header: Header) -> None:
        self._block_size = header.block_size or 0
        self._seen: set[int] = set()
        self._blocks = self._block_hits = 0
        self._tokens = self._token_hits = 0

    def add(self, row: Row) -> None:
        self._tokens += row.input_tokens or 0
        if not row.prefix_block_ids:
            return
        hits = 0
        for block_id in row.prefix_block_ids:
            if block_id not in self._seen:
                break
            hits += 1
        self._seen.update(row.prefix_block_ids)
        self._blocks += len(row.prefix_block_ids)
        self._block_hits += hits
        self._token_hits += min(hits * self._block_size, row.input_tokens or 0)

    def described(self) -> dict[str, float] | None:
        if not self._blocks:
            return None
        return {
            "block": self._block_hits / self._blocks,
            "token": self._token_hits / self._tokens if self._tokens else 0.0,
        }
