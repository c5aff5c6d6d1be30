"""A log-bucketed histogram of milliseconds: many values in, a block of statistics out.

Count, sum, squares, minimum and maximum are exact on a grid of 1 us; quantiles are within 0.5 % of
numpy's linear rule. Everything kept is a whole number, so adding two histograms gives the very
histogram of all their values, whatever the order and the split. Values over 71 minutes count as 71
minutes.
"""

from __future__ import annotations

import math
import struct
from array import array
from collections.abc import Iterable, Sequence

import numpy as np

from sagellm_benchmark.metrics.names import QUANTILES, STATS
from sagellm_benchmark.metrics.quantiles import DECIMALS, Block, empty_block
from sagellm_benchmark.record.buckets import LARGEST_US, BucketCounts, middle_us

_BATCH = 4096
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


class Histogram:
    """Counts of values in milliseconds, 0 or more."""

    __slots__ = ("_counts", "_max_us", "_min_us", "_pending", "_squares_us2", "_sum_us")

    def __init__(self) -> None:
        self._counts = np.zeros(0, dtype=np.int64)
        self._sum_us = 0
        self._squares_us2 = 0
        self._min_us = LARGEST_US
        self._max_us = 0
        self._pending = array("d")

    def add(self, values_ms: Iterable[float]) -> None:
        """Add values; they are counted in batches."""
        self._pending.extend(values_ms)
        if len(self._pending) >= _BATCH:
            self._settle()

    def add_packed(self, values_ms: bytes) -> None:
        """Add values as `packed` gives them: where several take the same, that is done once."""
        self._pending.frombytes(values_ms)
        if len(self._pending) >= _BATCH:
            self._settle()

    def add_counts(self, counts: BucketCounts) -> None:
        """Add what was counted elsewhere."""
        pairs = np.asarray(counts.buckets, dtype=np.int64).reshape(-1, 2)
        if not pairs.size:
            return
        self._grow(int(pairs[-1, 0]) + 1)
        self._counts[pairs[:, 0]] += pairs[:, 1]
        self._sum_us += counts.sum_us
        self._squares_us2 += counts.squares_us2
        self._min_us = min(self._min_us, counts.min_us)
        self._max_us = max(self._max_us, counts.max_us)

    def merge(self, other: Histogram) -> None:
        """Add all values of another histogram."""
        self.add_counts(other.counts())

    def counts(self) -> BucketCounts:
        """Everything that is known, as whole numbers; `msgspec` writes it as JSON and reads it."""
        self._settle()
        used = np.flatnonzero(self._counts)
        pairs = np.column_stack((used, self._counts[used]))
        return BucketCounts(
            sum_us=self._sum_us,
            squares_us2=self._squares_us2,
            min_us=self._min_us if used.size else 0,
            max_us=self._max_us,
            buckets=pairs.ravel().tolist(),
        )

    def block(self) -> Block:
        """The statistics in milliseconds."""
        self._settle()
        count = int(self._counts.sum())
        if count == 0:
            return empty_block()
        variance = (count * self._squares_us2 - self._sum_us**2) / count**2
        figures = [
            self._sum_us / count,
            math.sqrt(variance),
            self._min_us,
            *self._quantiles(count),
            self._max_us,
        ]
        rounded = (round(figure / 1000, DECIMALS) for figure in figures)
        return {"count": count, **dict(zip(STATS, rounded, strict=True))}

    def _quantiles(self, count: int) -> list[float]:
        """Quantiles in us, between the two neighbouring ranks as numpy's linear rule has them."""
        upto = np.cumsum(self._counts)
        ranks = np.array(list(QUANTILES.values())) * (count - 1)
        below, above = np.floor(ranks), np.ceil(ranks)
        low, high = (
            [self._middle(bucket) for bucket in np.searchsorted(upto, rank, side="right").tolist()]
            for rank in (below, above)
        )
        parts = (ranks - below).tolist()
        return [a + (b - a) * part for a, b, part in zip(low, high, parts, strict=True)]

    def _middle(self, bucket: int) -> float:
        return min(max(middle_us(bucket), self._min_us), self._max_us)

    def _grow(self, size: int) -> None:
        missing = size - self._counts.size
        if missing > 0:
            self._counts = np.concatenate((self._counts, np.zeros(missing, dtype=np.int64)))

    def _settle(self) -> None:
        """Count the values that wait."""
        if not self._pending:
            return
        values = np.rint(np.frombuffer(self._pending) * 1000.0)
        values = np.minimum(values, LARGEST_US).astype(np.uint64)
        self._pending = array("d")
        fresh = np.bincount(buckets_of(values))
        self._grow(fresh.size)
        self._counts[: fresh.size] += fresh
        squares = values * values
        self._sum_us += int(values.sum())
        self._squares_us2 += int((squares & _LOW).sum()) + (int((squares >> _HALF).sum()) << 32)
        self._min_us = min(self._min_us, int(values.min()))
        self._max_us = max(self._max_us, int(values.max()))


def packed(values_ms: Sequence[float]) -> bytes:
    """Values as 8-byte floats of this machine: a sixth of what an array takes to take them in."""
    return struct.pack(f"{len(values_ms)}d", *values_ms)


def buckets_of(values_us: np.ndarray) -> np.ndarray:
    """`record.buckets.bucket_of` for an array of whole microseconds in range."""
    values = values_us.astype(np.int64)
    bits = np.frexp(values.astype(np.float64))[1].astype(np.int64)
    shift = np.maximum(bits - 8, 0)
    return shift * 128 + (values >> shift)
