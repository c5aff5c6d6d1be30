"""Gaps between tokens, counted by when their request was sent, so that a window can be cut out.

Time is cut into at most 128 slices whose width doubles as the run grows, so memory stays flat and
the slices depend on the records alone, not on their order. A window is made of whole slices.
"""

from __future__ import annotations

from collections.abc import Iterable

from sagellm_benchmark.metrics.histogram import Histogram, packed
from sagellm_benchmark.record.record import RequestRecord

SLICES = 128
"""How many slices there are at most."""

_FIRST_WIDTH_S = 1 / 64


class Gaps:
    """Two histograms: gaps between token chunks, and inter-token latencies.

    Without a tokenizer one is the other; with one, a chunk of k tokens yields k latencies.
    """

    __slots__ = ("chunk_gap", "itl")

    def __init__(self) -> None:
        self.chunk_gap = Histogram()
        self.itl = Histogram()

    def add(self, record: RequestRecord) -> None:
        """Count the gaps of one request."""
        if record.gap_histogram is not None:
            self.chunk_gap.add_counts(record.gap_histogram)
            self.itl.add_counts(record.itl_histogram or record.gap_histogram)
            return
        gaps_ms, itl_ms = record.chunk_gaps_ms, record.metrics["itl_list"]
        gaps = packed(gaps_ms)
        self.chunk_gap.add_packed(gaps)
        self.itl.add_packed(gaps if itl_ms == gaps_ms else packed(itl_ms))

    def merge(self, other: Gaps) -> None:
        """Add the gaps counted elsewhere."""
        self.chunk_gap.merge(other.chunk_gap)
        self.itl.merge(other.itl)


class SlicedGaps:
    """Gaps of requests by the second of the run at which each was sent.

    Attributes:
        width_s: Width of a slice, a power of two.
    """

    def __init__(self) -> None:
        self.width_s = _FIRST_WIDTH_S
        self._slices: dict[int, Gaps] = {}

    def add(self, sent_s: float, record: RequestRecord) -> None:
        """Count the gaps of one request."""
        while sent_s >= SLICES * self.width_s:
            self._double()
        number = int(sent_s / self.width_s)
        gaps = self._slices.get(number)
        if gaps is None:
            gaps = self._slices[number] = Gaps()
        gaps.add(record)

    def total(self) -> Gaps:
        """All of them."""
        return _sum(self._slices.values())

    def between(self, start_s: float, end_s: float) -> Gaps:
        """Those of requests sent in [start, end), both multiples of `width_s`."""
        low, high = int(start_s / self.width_s), int(end_s / self.width_s)
        return _sum(gaps for number, gaps in self._slices.items() if low <= number < high)

    def _double(self) -> None:
        self.width_s *= 2
        wider: dict[int, Gaps] = {}
        for number, gaps in self._slices.items():
            if number // 2 in wider:
                wider[number // 2].merge(gaps)
            else:
                wider[number // 2] = gaps
        self._slices = wider


def _sum(parts: Iterable[Gaps]) -> Gaps:
    total = Gaps()
    for gaps in parts:
        total.merge(gaps)
    return total
