"""Laws of token counts: quantiles, means, bounds, shares."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from sagellm_benchmark.trace.workload.draws import Draws
from sagellm_benchmark.trace.workload.laws import Law, as_law, ranked, whole

COUNT = 200_000


def _values(law, count=COUNT):
    made = msgspec.convert(law, Law, str_keys=True)
    return made.sampler(Draws(1, "test"))(count)


@pytest.mark.parametrize(
    ("law", "mean", "sd"),
    [
        ({"fixed": 7}, 7, 0),
        ({"normal": {"mean": 50, "sd": 5}}, 50, 5),
        ({"lognormal": {"mean": 400, "cv": 1.5}}, 400, 600),
        ({"exponential": {"mean": 90}}, 90, 90),
        ({"geometric": {"mean": 4}}, 4, math.sqrt(12)),
        ({"geometric": {"mean": 1}}, 1, 0),
        ({"uniform": {"min": 10, "max": 40}}, 25, 30 / math.sqrt(12)),
        ({"pareto": {"least": 100, "alpha": 4}}, 400 / 3, 100 * math.sqrt(4 / 9 / 2)),
        ({"zipf": {"skew": 0, "ranks": 9, "unit": 10}}, 50, math.sqrt(80 / 12) * 10),
        ({"empirical": {"10": 1, "20": 3}}, 17.5, math.sqrt(75) / 2),
        ({"mix": [{"share": 1, "fixed": 0}, {"share": 3, "fixed": 4}]}, 3, math.sqrt(3)),
    ],
    ids=lambda part: next(iter(part)) if isinstance(part, dict) else "",
)
def test_means_and_deviations(law, mean, sd):
    """Each law's mean is its formula's within three standard errors, its deviation near it."""
    values = _values(law)
    assert abs(values.mean() - mean) <= 3 * sd / math.sqrt(COUNT) + 1e-9
    assert values.std() == pytest.approx(sd, rel=0.05, abs=1e-9)


def test_a_lognormal_by_its_quantiles():
    """Median and 99th percentile are where they were asked for."""
    values = _values({"lognormal": {"p50": 400, "p99": 3000}})
    assert np.quantile(values, [0.5, 0.99]) == pytest.approx([400, 3000], rel=0.03)


def test_zipf_ranks():
    """The k-th of Zipf's ranks is k**skew times as rare as the first."""
    counts = np.bincount(ranked(1.2, 50, Draws(3))(COUNT), minlength=50)
    assert counts[:1] / counts[3] == pytest.approx([4**1.2], rel=0.05)
    assert len(counts) == 50


def test_bounds_hold():
    """What lies beyond a bound falls on it, in a part of a mix too."""
    law = {"mix": [{"share": 1, "fixed": 900, "max": 300}, {"share": 1, "fixed": -5}], "min": 2}
    assert set(_values(law, 100).tolist()) == {2.0, 300.0}


def test_counts_are_whole_and_at_least_one():
    """Tokens are whole numbers, halves rounded up, never 0."""
    assert whole(2.5, Draws(1))(2).tolist() == [3, 3]
    assert whole(0.01, Draws(1))(3).tolist() == [1, 1, 1]
    assert as_law(3.0).fixed == 3.0


def test_values_of_no_weight_never_come():
    """A weight of 0 takes a value out, at either end too."""
    assert set(_values({"empirical": {"1": 0, "2": 1, "3": 0}}, 1000).tolist()) == {2.0}


@pytest.mark.parametrize(
    ("law", "problem"),
    [
        ({}, "exactly one of fixed"),
        ({"fixed": 1, "exponential": {"mean": 2}}, "exactly one of fixed"),
        ({"lognormal": {"p50": 5}}, "p50 and p99, or mean and cv"),
        ({"lognormal": {"p50": 5, "p99": 4}}, "p99 is below p50"),
        ({"uniform": {"min": 5, "max": 4}}, "max is below min"),
        ({"fixed": 1, "min": 3, "max": 2}, "max is below min"),
        ({"exponential": {"mean": 0}}, "> 0.0"),
        ({"empirical": {"1": 0}}, "weight above 0"),
        ({"mix": []}, "length >= 1"),
        ({"mix": [{"fixed": 1}]}, "share"),
        ({"zipf": {"skew": 1, "ranks": 2_000_000}}, "<= 1000000"),
        ({"normal": {"mean": 1, "sd": 1, "extra": 2}}, "extra"),
    ],
)
def test_laws_that_are_none(law, problem):
    """A law that cannot be drawn from is refused where it is read."""
    with pytest.raises(msgspec.ValidationError, match=problem):
        msgspec.convert(law, Law, str_keys=True)
