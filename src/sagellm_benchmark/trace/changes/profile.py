"""How many rows arrive in each second of a trace, and what a shifted copy would do to that.

In: rows, then shifts. Out: the span, and how far a copy's overlay would move the index of
dispersion in windows of 1, 10 and 60 s. Held: 8 bytes a second of the trace (a coarser grid beyond
10 million of them).
"""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import NDArray

from sagellm_benchmark.trace.row import Row

_WINDOWS_S = (1, 10, 60)
_MOST_BINS = 10_000_000


class Profile:
    """Counts of arrivals.

    Attributes:
        first_s: The first arrival.
        span_s: First to last arrival.
        period_s: The span and one mean gap: after it the trace could begin again.
    """

    def __init__(self) -> None:
        self._counts = array("q")
        self._width = 1
        self._rows = 0
        self.first_s = self._last_s = 0.0

    @property
    def span_s(self) -> float:
        """First to last arrival."""
        return self._last_s - self.first_s

    @property
    def period_s(self) -> float:
        """The span and one mean gap."""
        return self.span_s * self._rows / (self._rows - 1)

    def add(self, row: Row) -> None:
        """Count a row; one that waits for others has no time yet."""
        if row.arrival_time_s is None:
            return
        if not self._rows:
            self.first_s = row.arrival_time_s
        self._last_s = row.arrival_time_s
        self._rows += 1
        place = int(self.span_s // self._width)
        while place >= _MOST_BINS:
            self._widen()
            place = int(self.span_s // self._width)
        if place >= len(self._counts):
            self._counts.extend([0] * (place + 1 - len(self._counts)))
        self._counts[place] += 1

    def _widen(self) -> None:
        counts = np.frombuffer(self._counts, dtype=np.int64)
        self._counts = array("q", np.add.reduceat(counts, np.arange(0, len(counts), 10)).tolist())
        self._width *= 10

    def counts(self) -> Overlay:
        """What was counted, ready for copies."""
        return Overlay(np.array(self._counts, dtype=np.int64), self._width)


class Overlay:
    """Counts of a trace and of the copies over it.

    Args:
        counts: Of the trace.
        width_s: Seconds of each.
    """

    def __init__(self, counts: NDArray[np.int64], width_s: int) -> None:
        self._original = self._all = counts
        self._width_s = width_s

    def distortion(self, shift_s: float) -> float:
        """The largest relative change of the index of dispersion that one more copy would make."""
        with_copy = self._all + self._turned(shift_s)
        changes = [0.0]
        for window_s in _WINDOWS_S:
            alone = self._dispersion(self._original, window_s)
            joined = self._dispersion(with_copy, window_s)
            if alone and joined is not None:
                changes.append(abs(joined / alone - 1.0))
        return max(changes)

    def add(self, shift_s: float) -> None:
        """Add a copy for good."""
        self._all = self._all + self._turned(shift_s)

    def _turned(self, shift_s: float) -> NDArray[np.int64]:
        return np.roll(self._original, round(shift_s / self._width_s))

    def _dispersion(self, counts: NDArray[np.int64], window_s: int) -> float | None:
        """Variance over mean in whole windows, from exact sums; None if there are too few."""
        each, odd = divmod(window_s, self._width_s)
        windows = len(counts) // each if each else 0
        if odd or windows < 2:
            return None
        sums = counts[: windows * each].reshape(windows, each).sum(axis=1)
        mean = int(sums.sum()) / windows
        return (int((sums * sums).sum()) / windows - mean * mean) / mean
