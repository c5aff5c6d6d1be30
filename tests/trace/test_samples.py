"""Distributions: quantiles, and distances that keep their laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.trace.samples import Sample, kolmogorov_smirnov, wasserstein

fixed = settings(derandomize=True, deadline=None)
numbers = st.lists(st.integers(0, 50).map(float), min_size=1, max_size=80)


@fixed
@given(numbers)
def test_a_sample_is_at_no_distance_from_itself(values):
    """Both distances of a sample to itself are 0, in whatever order it came."""
    one, same = Sample.of(values), Sample.of(values[::-1])
    assert (kolmogorov_smirnov(one, same), wasserstein(one, same)) == (0.0, 0.0)


@fixed
@given(numbers, numbers)
def test_distances_are_those_of_the_definitions(one, other):
    """KS is the largest gap between the shares, Wasserstein what sorted copies are apart."""
    shares = [
        abs(np.mean(np.array(one) <= bound) - np.mean(np.array(other) <= bound))
        for bound in [*one, *other]
    ]
    pair = Sample.of(one), Sample.of(other)
    assert kolmogorov_smirnov(*pair) == pytest.approx(max(shares))
    assert kolmogorov_smirnov(*pair) == kolmogorov_smirnov(*pair[::-1])
    matched = np.abs(np.sort(one * len(other)) - np.sort(other * len(one)))
    assert wasserstein(*pair) == pytest.approx(matched.mean())
    assert wasserstein(*pair) == pytest.approx(wasserstein(*pair[::-1]))


@fixed
@given(numbers)
def test_twice_as_long_is_a_mean_apart(values):
    """Twice each value is the mean apart, and half of it over the mean is the same again."""
    one = Sample.of(values)
    twice = one.scaled(2.0)
    assert wasserstein(one, twice) == pytest.approx(one.mean)
    assert kolmogorov_smirnov(one, twice.scaled(0.5)) == 0.0


@fixed
@given(numbers, st.integers(1, 9))
def test_what_is_within_the_bound_is_the_same(values, late):
    """Values shifted by no more than the bound are at no KS distance; farther ones are."""
    one, moved = Sample.of(values), Sample.of([value + late for value in values])
    assert kolmogorov_smirnov(one, moved, within=late) == 0.0
    assert kolmogorov_smirnov(one, moved) > 0.0


@fixed
@given(numbers)
def test_counts_are_their_values(values):
    """A sample of counts is the sample of the values; its figures are numpy's."""
    counts = {int(value): values.count(value) for value in values}
    counted = Sample.counted(counts)
    expected = np.quantile(values, [0.5, 0.9, 0.99]).tolist()
    assert list(counted.described().values()) == pytest.approx([*expected, max(values)])
    assert (counted.size, counted.mean) == (len(values), pytest.approx(np.mean(values)))
    assert counted.share_upto(10.0) == np.mean(np.array(values) <= 10)
