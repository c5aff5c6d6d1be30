"""Values as a distribution: quantiles, and how far two of them are apart.

In: values, or counts of them. Out: exact figures of the whole set, quantiles by numpy's linear
rule. Kept are the distinct values, once each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PERCENTS = (50, 90, 99)


class Sample:
    """A set of values.

    Args:
        values: Ascending and distinct.
        counts: How often each occurs, at least once.

    Attributes:
        size: Values in all.
    """

    def __init__(self, values: Floats, counts: NDArray[np.int64]) -> None:
        self._values = values
        self._ends = np.cumsum(counts)
        self.size = int(self._ends[-1]) if values.size else 0

    @classmethod
    def of(cls, values: Floats | Sequence[float]) -> Sample:
        """Of values in any order."""
        return cls(*np.unique(np.asarray(values, dtype=np.float64), return_counts=True))

    @classmethod
    def counted(cls, counts: Mapping[int, int]) -> Sample:
        """Of how often each value occurs."""
        values = np.array(sorted(counts), dtype=np.int64)
        times = np.array([counts[value] for value in values.tolist()], dtype=np.int64)
        return cls(values.astype(np.float64), times)

    @property
    def least(self) -> float:
        """The smallest value."""
        return float(self._values[0])

    @property
    def greatest(self) -> float:
        """The largest value."""
        return float(self._values[-1])

    @property
    def mean(self) -> float:
        """The mean of all values."""
        return float(np.dot(self._values, np.diff(self._ends, prepend=0)) / self.size)

    @property
    def values(self) -> Floats:
        """The distinct values, ascending."""
        return self._values

    def quantile(self, share: float) -> float:
        """The value below which a share of all lies, linear between neighbours."""
        rank = (self.size - 1) * share
        whole = int(rank)
        places = np.searchsorted(self._ends, [whole, min(whole + 1, self.size - 1)], side="right")
        low, high = self._values[places]
        return float(low + (high - low) * (rank - whole))

    def upto(self, bounds: Floats) -> Floats:
        """The share of all values at or below each bound."""
        places = np.searchsorted(self._values, bounds, side="right")
        return np.concatenate(([0], self._ends))[places] / self.size

    def share_upto(self, bound: float) -> float:
        """The share of all values at or below one bound."""
        return float(self.upto(np.array([bound]))[0])

    def described(self) -> dict[str, float]:
        """p50, p90, p99 and the largest."""
        quantiles = {f"p{percent}": self.quantile(percent / 100) for percent in PERCENTS}
        return {**quantiles, "max": self.greatest}

    def scaled(self, factor: float) -> Sample:
        """Every value times a positive factor."""
        return Sample(self._values * factor, np.diff(self._ends, prepend=0))


def kolmogorov_smirnov(one: Sample, other: Sample, within: float = 0.0) -> float:
    """How far the shares at or below any value are apart at most, 0 to 1.

    Args:
        one: Not empty.
        other: Not empty.
        within: Values that differ by no more are the same. Without it a constant rate would be
            half of everything away from itself sent a microsecond early or late.
    """
    return max(_excess(one, other, within), _excess(other, one, within))


def _excess(one: Sample, other: Sample, within: float) -> float:
    over = one.upto(one.values) - other.upto(one.values + within)
    return max(0.0, float(over.max()))


def wasserstein(one: Sample, other: Sample) -> float:
    """How far a value must be moved in the mean to make one set of the other, in its unit."""
    bounds = np.union1d(one.values, other.values)
    apart = np.abs(one.upto(bounds) - other.upto(bounds))[:-1]
    return float(np.dot(apart, np.diff(bounds)))
