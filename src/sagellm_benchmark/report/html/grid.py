"""Time cut into equal bins, and what came to pass in each: the numbers behind the timelines.

In: arrays of stamps in seconds of the run. Out: one value a bin, NaN where there is none. However
many requests there are, there are at most `MOST_BINS` bins.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from sagellm_benchmark.report import axis

MOST_BINS = 96
_LEAST_BINS = 24
_PER_BIN = 10
_AT_ONCE_S = 1e-3

QUANTILES = (50, 90, 99)


@dataclass(frozen=True)
class Grid:
    """Bins from second 0 on.

    Attributes:
        span_s: Where the run ends.
        width_s: Of a bin.
        edges: Where bins begin and end, shape (bins + 1,); the last one ends with the run.
    """

    span_s: float
    width_s: float
    edges: np.ndarray

    @property
    def bins(self) -> int:
        """How many bins there are."""
        return len(self.edges) - 1

    @property
    def middles(self) -> np.ndarray:
        """The middle of each bin."""
        return (self.edges[1:] + self.edges[:-1]) / 2

    def quantiles(self, times_s: np.ndarray, values: np.ndarray) -> np.ndarray:
        """p50, p90 and p99 of the values of each bin, shape (bins, 3)."""
        found = np.full((self.bins, len(QUANTILES)), np.nan)
        known = ~(np.isnan(values) | np.isnan(times_s))
        places = self._places(times_s[known])
        order = np.argsort(places, kind="stable")
        ends = np.searchsorted(places[order], np.arange(self.bins + 1))
        ordered = values[known][order]
        for number, (start, end) in enumerate(itertools.pairwise(ends)):
            if end > start:
                found[number] = np.percentile(ordered[start:end], QUANTILES)
        return found

    def counts(self, times_s: np.ndarray) -> np.ndarray:
        """How many times lie in each bin."""
        return np.bincount(self._places(times_s[~np.isnan(times_s)]), minlength=self.bins)

    def rates(self, times_s: np.ndarray) -> np.ndarray:
        """The same a second."""
        return self.counts(times_s) / np.diff(self.edges)

    def most_at_once(self, starts_s: np.ndarray, ends_s: np.ndarray) -> np.ndarray:
        """The most that were under way at once in each bin; one that ends makes room for a next."""
        moments = np.concatenate((ends_s, starts_s))
        order = np.argsort(moments, kind="stable")
        level = np.cumsum(np.where(order < ends_s.size, -1, 1))
        cuts = np.searchsorted(moments[order], self.edges)
        before = np.concatenate(([0], level))[cuts[:-1]]
        return np.array(
            [
                max(int(held), int(level[start:end].max(initial=0)))
                for held, start, end in zip(before, cuts[:-1], cuts[1:], strict=True)
            ]
        )

    def flow(self, starts_s: np.ndarray, ends_s: np.ndarray, amounts: np.ndarray) -> np.ndarray:
        """Amounts a second, each spread evenly between its start and its end.

        What lasts no millisecond counts where it ends.
        """
        lasting = ends_s - starts_s > _AT_ONCE_S
        starts, ends = starts_s[lasting], ends_s[lasting]
        rates = amounts[lasting] / (ends - starts)
        upto = self._risen(starts, rates) - self._risen(ends, rates)
        at_once = np.bincount(
            self._places(ends_s[~lasting]), weights=amounts[~lasting], minlength=self.bins
        )
        return np.maximum(np.diff(upto) + at_once, 0.0) / np.diff(self.edges)

    def _risen(self, since_s: np.ndarray, rates: np.ndarray) -> np.ndarray:
        """At each edge: what came of rates that began before it and never ended."""
        places = np.searchsorted(self.edges, since_s, side="right")
        size = len(self.edges) + 1
        slope = np.cumsum(np.bincount(places, weights=rates, minlength=size))[:-1]
        owed = np.cumsum(np.bincount(places, weights=rates * since_s, minlength=size))[:-1]
        return slope * self.edges - owed

    def _places(self, times_s: np.ndarray) -> np.ndarray:
        places = (times_s / self.width_s).astype(np.int64)
        return np.clip(places, 0, self.bins - 1)


def grid_over(span_s: float, requests: int) -> Grid:
    """Bins that are wide enough for a few requests each."""
    wanted = min(MOST_BINS, max(_LEAST_BINS, requests // _PER_BIN))
    span_s = max(span_s, 1e-3)
    width_s = axis.round_seconds(span_s / wanted)
    bins = int(np.ceil(span_s / width_s - 1e-9))
    edges = np.arange(bins + 1) * width_s
    edges[-1] = span_s
    return Grid(span_s, width_s, edges)
