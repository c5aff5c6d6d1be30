"""Gaps between tokens, counted by when their request was sent, so that a window can be cut out.

Time is cut into at most 128 slices whose width doubles as the run grows, so memory stays flat and
the slices depend on the records alone, not on their order. A window is made of whole slices.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sagellm_benchmark.metrics.histogram import Histogram, packed
from sagellm_benchmark.record.brief import Brief
from sagellm_benchmark.record.buckets import BucketCounts
from sagellm_benchmark.record.record import RequestRecord

SLICES = 128
"""How many slices there are at most."""

_FIRST_WIDTH_S = 1 / 64


class Packed(NamedTuple):
    """Gaps of one request, made ready once for every histogram that takes them.

    Attributes:
        chunk_gaps: One by one, as `histogram.packed` gives them, or counted.
        latencies: The same of tokens; the very same object where chunks count as tokens.
    """

    chunk_gaps: bytes | BucketCounts
    latencies: bytes | BucketCounts


def pack(record: RequestRecord | Brief) -> Packed:
    """Make the gaps of a request ready."""
    counted = record.gap_histogram
    if counted is not None:
        return Packed(counted, record.itl_histogram or counted)
    gaps = packed(record.chunk_gaps_ms)
    if isinstance(record, Brief) or record.token_source != "tokenizer":
        return Packed(gaps, gaps)
    return Packed(gaps, packed(record.metrics["itl_list"]))


class Gaps:
    """Two histograms: gaps between token chunks, and inter-token latencies.

    Without a tokenizer one is the other, and is counted once; with one, a chunk of k tokens yields
    k latencies.
    """

    __slots__ = ("chunk_gap", "itl")

    def __init__(self) -> None:
        self.chunk_gap = self.itl = Histogram()

    def add(self, record: RequestRecord | Brief) -> None:
        """Count the gaps of one request."""
        self.take(pack(record))

    def take(self, gaps: Packed) -> None:
        """Count the gaps of one request, as `pack` made them ready."""
        if gaps.latencies is not gaps.chunk_gaps:
            self._part()
        _take(self.chunk_gap, gaps.chunk_gaps)
        if self.itl is not self.chunk_gap:
            _take(self.itl, gaps.latencies)

    def merge(self, other: Gaps) -> None:
        """Add the gaps counted elsewhere."""
        if other.itl is not other.chunk_gap:
            self._part()
        self.chunk_gap.merge(other.chunk_gap)
        if self.itl is not self.chunk_gap:
            self.itl.merge(other.itl)

    def _part(self) -> None:
        """From here on the two are different."""
        if self.itl is self.chunk_gap:
            self.itl = Histogram()
            self.itl.merge(self.chunk_gap)


def _take(histogram: Histogram, gaps: bytes | BucketCounts) -> None:
    if isinstance(gaps, bytes):
        histogram.add_packed(gaps)
    else:
        histogram.add_counts(gaps)


class SlicedGaps:
    """Gaps of requests by the second of the run at which each was sent.

    Attributes:
        width_s: Width of a slice, a power of two.
    """

    def __init__(self) -> None:
        self.width_s = _FIRST_WIDTH_S
        self._slices: dict[int, Gaps] = {}

    def take(self, sent_s: float, packed: Packed) -> None:
        """Count the gaps of one request, as `pack` made them ready."""
        while sent_s >= SLICES * self.width_s:
            self._double()
        number = int(sent_s / self.width_s)
        gaps = self._slices.get(number)
        if gaps is None:
            gaps = self._slices[number] = Gaps()
        gaps.take(packed)

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
