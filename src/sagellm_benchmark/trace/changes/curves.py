"""A trace along another rate: its arrivals warped in time to follow a curve.

In: a Trace and a rate in requests per second over time. Out: the same rows in the same order. An
arrival at t comes at R⁻¹(A(t)): A is the number of arrivals up to t, taken as even within windows
(600 s), and R the curve's cumulative rate. What varies slower than a window follows the curve then;
what is faster, the bursts, stays the trace's own. Rows that the curve has no room for are left out.
Think times are people's, and stay. Held: 8 bytes a window.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from math import isinf
from pathlib import Path

import msgspec

from sagellm_benchmark.document import read_document
from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.changes.change import noted
from sagellm_benchmark.trace.changes.families import kept
from sagellm_benchmark.trace.row import Row
from sagellm_benchmark.trace.source import Trace
from sagellm_benchmark.trace.tally import Tally
from sagellm_benchmark.trace.workload.laws import Positive
from sagellm_benchmark.trace.workload.rates import Rate
from sagellm_benchmark.trace.workload.spec import structured

_MOST_WINDOWS = 10_000_000


class RateFile(Rate):
    """A file of `--rate-curve`.

    Attributes:
        window_s: What is slower than this follows the curve.
    """

    window_s: Positive = 600.0


def read_curve(path: Path) -> RateFile:
    """Read a curve.

    Raises:
        InputError: The file is none; the text names line and key.
    """
    return structured(read_document(path, "--rate-curve"), RateFile)


@dataclass(frozen=True)
class Follow:
    """Let a trace follow a curve.

    Attributes:
        rate: The curve.
    """

    rate: RateFile

    def applied(self, trace: Trace) -> Trace:
        """The trace along the curve.

        Raises:
            UsageError: All rows arrive at one instant.
        """
        so_far = _Arrived(trace, self.rate.window_s)
        curve = self.rate.curve()
        waits = trace.waits
        header = noted(trace.header, "rate_curve", **msgspec.to_builtins(self.rate))
        header = msgspec.structs.replace(header, time_origin=None, time_resolution_s=None)

        def warped(rows: Iterator[Row]) -> Iterator[Row]:
            for row in rows:
                if row.arrival_time_s is not None:
                    row.arrival_time_s = curve.second(so_far.count(row.arrival_time_s))
                    if not isinf(row.arrival_time_s):
                        row.arrival_time_s = round(row.arrival_time_s, 6)
                yield row

        def rows(tally: Tally) -> Iterator[Row]:
            return kept(
                warped(trace.counted(tally)),
                lambda row: row.arrival_time_s is None or not isinf(row.arrival_time_s),
                tally,
                "after_curve",
                waits=waits,
            )

        return trace.changed(header, rows)


class _Arrived:
    """How many rows of a trace have arrived by a time."""

    def __init__(self, trace: Trace, window_s: float) -> None:
        self._window_s = window_s
        self._first_s = last_s = 0.0
        ends = array("q", [0])
        rows = 0
        for row in trace.counted(trace.tally()):
            if row.arrival_time_s is None:
                continue
            if not rows:
                self._first_s = row.arrival_time_s
            rows += 1
            last_s = row.arrival_time_s
            window = int((last_s - self._first_s) // window_s)
            if window >= _MOST_WINDOWS:
                raise UsageError(f"--rate-curve: the trace has over {_MOST_WINDOWS:,} windows")
            while len(ends) < window + 2:
                ends.append(ends[-1])
            ends[-1] = rows
        if last_s <= self._first_s:
            raise UsageError("--rate-curve: all rows arrive at one instant: no time to warp")
        self._ends = ends
        # The last window ends one mean gap behind the last row.
        whole_s = (last_s - self._first_s) * rows / (rows - 1)
        self._last_s = min(window_s, whole_s - (len(ends) - 2) * window_s)

    def count(self, second: float) -> float:
        """Rows up to a time, even within a window."""
        since_s = second - self._first_s
        window = int(since_s // self._window_s)
        width_s = self._last_s if window == len(self._ends) - 2 else self._window_s
        before, after = self._ends[window], self._ends[window + 1]
        return before + (after - before) * min(1.0, (since_s - window * self._window_s) / width_s)
