"""The values behind the curves of a side: latencies of its requests, read from its records.

A side comes in, arrays go out: of the ok requests without the warm-up, a side's runs one behind the
other. Latencies between tokens are counted in a histogram, as everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sagellm_benchmark.metrics.columns import Columns
from sagellm_benchmark.metrics.histogram import Histogram
from sagellm_benchmark.metrics.latency import Latencies
from sagellm_benchmark.record.buckets import middle_us
from sagellm_benchmark.record.glance import GlanceAtItl
from sagellm_benchmark.report.comparison.sides import Side

PER_REQUEST = ("ttft_ms", "tpot_ms", "e2e_ms")
"""Latencies whose values are kept."""


@dataclass(frozen=True)
class Distribution:
    """Values in ascending order, each with how often it was met.

    Attributes:
        values: Milliseconds.
        upto: How many are at or below each.
    """

    values: np.ndarray
    upto: np.ndarray

    @property
    def count(self) -> int:
        """How many values there are in all."""
        return int(self.upto[-1]) if self.upto.size else 0

    def share(self, bounds: np.ndarray) -> np.ndarray:
        """The share of the values at or below each bound."""
        counts = np.concatenate(([0], self.upto))
        return counts[np.searchsorted(self.values, bounds, side="right")] / max(1, self.count)

    def quantile(self, share: float) -> float:
        """The least value at or below which that share of them is."""
        return float(self.values[np.searchsorted(self.upto, share * self.count - 1e-9)])


@dataclass(frozen=True)
class Samples:
    """What is known of a side's requests.

    Attributes:
        sent_s: Second of its run at which each ok request was sent, shape (requests,).
        latencies: By name, milliseconds, NaN where a request has none, the same shape.
        itl: Inter-token latencies.
    """

    sent_s: np.ndarray
    latencies: dict[str, np.ndarray]
    itl: Histogram

    @cached_property
    def distributions(self) -> dict[str, Distribution]:
        """Of each latency that has any value."""
        found = {name: _distribution(values) for name, values in self.latencies.items()}
        found["itl_ms"] = _counted(self.itl)
        return {name: one for name, one in found.items() if one.count}


def samples(side: Side) -> Samples:
    """Read all records of a side.

    Raises:
        InputError: A file of its records cannot be read, or holds what is no record; or they are
            not those that its summary counts.
    """
    tables, itl = [], Histogram()
    for archive in side.archives:
        columns = Columns()
        for record in archive.every(GlanceAtItl):
            columns.outline(record)
            if record.measured:
                _count(itl, record)
        table = columns.table()
        tables.append(table[~table["warmup"]])
    whole = Latencies(np.concatenate(tables))
    ok = whole.where(whole.ok & ~np.isnan(whole.table["sent"]))
    return Samples(ok.table["sent"], {name: ok[name] for name in PER_REQUEST}, itl)


def _count(itl: Histogram, record: GlanceAtItl) -> None:
    if record.counted_gaps is not None:
        itl.add_counts(record.counted or record.counted_gaps)
    else:
        itl.add(record.latencies.itl_list)


def _distribution(values: np.ndarray) -> Distribution:
    known = np.sort(values[~np.isnan(values)])
    return Distribution(known, np.arange(1, known.size + 1))


def _counted(histogram: Histogram) -> Distribution:
    """Every bucket by its middle, within the least and the greatest value."""
    counts = histogram.counts()
    pairs = np.asarray(counts.buckets, dtype=np.int64).reshape(-1, 2)
    ends = (counts.min_us, counts.max_us)
    middles = [min(max(middle_us(bucket), ends[0]), ends[1]) for bucket in pairs[:, 0].tolist()]
    return Distribution(np.asarray(middles, dtype=float) / 1000, np.cumsum(pairs[:, 1]))
