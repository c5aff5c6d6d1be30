"""Promises of the histogram."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.metrics.histogram import Histogram, buckets_of
from sagellm_benchmark.metrics.names import QUANTILES
from sagellm_benchmark.record.buckets import LARGEST_US, BucketCounts, bucket_of, count_gaps

exact = settings(derandomize=True, deadline=None)
microseconds = st.lists(st.integers(0, LARGEST_US), min_size=1, max_size=300)


def _of(values_us: list[int]) -> Histogram:
    histogram = Histogram()
    histogram.add(value / 1000 for value in values_us)
    return histogram


@exact
@given(microseconds)
def test_quantiles_are_within_half_a_percent_of_numpy(values_us: list[int]) -> None:
    """Every quantile is within 0.5 % of numpy's linear rule; count, mean and ends are exact."""
    block = _of(values_us).block()
    values = np.array(values_us) / 1000
    for name, quantile in QUANTILES.items():
        true = float(np.quantile(values, quantile))
        assert block[name] == pytest.approx(true, rel=0.005, abs=1e-6)
    assert block["count"] == len(values_us)
    assert block["mean"] == pytest.approx(values.mean(), rel=1e-9, abs=1e-6)
    assert block["std"] == pytest.approx(values.std(), rel=1e-6, abs=2e-6)
    assert (block["min"], block["max"]) == (values.min(), values.max())


@exact
@given(microseconds, st.data())
def test_merging_is_adding(values_us: list[int], data: st.DataObject) -> None:
    """Any split of the values, merged in any order, is the histogram of all of them."""
    cut = data.draw(st.integers(0, len(values_us)))
    whole, left, right = _of(values_us), _of(values_us[:cut]), _of(values_us[cut:])
    right.merge(left)
    assert right.counts() == whole.counts()
    assert right.block() == whole.block()


@exact
@given(microseconds)
def test_batches_count_like_single_values(values_us: list[int]) -> None:
    """Numpy's batches and the plain rule of the records put every value into the same bucket."""
    assert buckets_of(np.array(values_us)).tolist() == [bucket_of(value) for value in values_us]
    assert _of(values_us).counts() == count_gaps(values_us)


def test_large_batches_lose_nothing() -> None:
    """Counts, sum and squares stay exact over many batches of the largest values."""
    histogram = Histogram()
    for _ in range(5):
        histogram.add([LARGEST_US / 1000] * 700)
    counts = histogram.counts()
    assert counts.buckets[1::2] == [3500]
    assert counts.sum_us == 3500 * LARGEST_US
    assert counts.squares_us2 == 3500 * LARGEST_US**2
    assert histogram.block()["std"] == 0.0


def test_values_beyond_the_range_count_as_its_end() -> None:
    """A gap of hours is still counted."""
    histogram = Histogram()
    histogram.add([1e12])
    assert histogram.counts() == count_gaps([LARGEST_US])


def test_counts_travel_as_json() -> None:
    """A histogram goes through JSON and back without loss."""
    histogram = _of([0, 5, 300, 300, 70_000])
    read = msgspec.json.decode(msgspec.json.encode(histogram.counts()), type=BucketCounts)
    other = Histogram()
    other.add_counts(read)
    assert other.block() == histogram.block()


def test_nothing_is_null_not_nan() -> None:
    """An empty histogram has count 0 and null figures, and adds nothing."""
    empty = Histogram()
    assert empty.block()["count"] == 0
    assert set(empty.block().values()) == {0, None}
    full = _of([7])
    full.merge(empty)
    assert full.counts() == _of([7]).counts()
