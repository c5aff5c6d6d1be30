"""Gaps have the mean and the variation that their law says, within three standard errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sagellm_benchmark.trace.workload.draws import Draws
from sagellm_benchmark.trace.workload.gaps import Gaps, gamma_gaps, weibull_gaps

LAWS = [
    pytest.param(Gaps("poisson"), 1.0, id="poisson"),
    *(pytest.param(gamma_gaps(cv), cv, id=f"gamma {cv}") for cv in (0.3, 0.8, 2.0, 5.0)),
    *(pytest.param(weibull_gaps(cv), cv, id=f"weibull {cv}") for cv in (0.3, 0.8, 2.0, 5.0)),
]


def _draw(gaps, count, seed=1):
    sampler, found, have = gaps.sampler(Draws(seed, "test")), [], 0
    while have < count:
        found.append(sampler(4096))
        have += len(found[-1])
    return np.concatenate(found)[:count]


def _moments(gaps):
    """E[X^k] of the law for k = 1 to 4, from the Gamma function."""
    if gaps.kind == "weibull":
        scale = 1 / math.gamma(1 + 1 / gaps.shape)
        return [scale**k * math.gamma(1 + k / gaps.shape) for k in (1, 2, 3, 4)]
    return [math.prod((gaps.shape + step) / gaps.shape for step in range(k)) for k in (1, 2, 3, 4)]


@pytest.mark.parametrize(("gaps", "cv"), LAWS)
def test_mean_and_variation(gaps, cv):
    """The mean is 1 and the coefficient of variation is what was asked for."""
    count = 400_000
    values = _draw(gaps, count)
    assert abs(values.mean() - 1) < 3 * cv / math.sqrt(count)
    first, second, third, fourth = _moments(gaps)
    assert first == pytest.approx(1)
    assert math.sqrt(second - 1) == pytest.approx(cv, rel=1e-9)
    skew = third - 3 * second + 2
    kurtosis = fourth - 4 * third + 6 * second - 3
    # By the delta method, for a mean of 1.
    error = math.sqrt((kurtosis - cv**4) / (4 * cv**2) - skew + cv**4) / math.sqrt(count)
    assert abs(values.std() / values.mean() - cv) < 3 * error


@pytest.mark.parametrize(("gaps", "cv"), LAWS)
def test_the_index_of_dispersion_tends_to_the_squared_variation(gaps, cv):
    """Counts in long windows vary as renewal theory says: variance over mean is CV squared."""
    times = np.cumsum(_draw(gaps, 600_000, seed=2))
    width = 400 * max(1, cv**2)
    counts = np.bincount((times // width).astype(int))[:-1]
    error = cv**2 * math.sqrt(2 / (len(counts) - 1))
    assert abs(counts.var() / counts.mean() - cv**2) < 3 * error


@pytest.mark.parametrize(("gaps", "cv"), LAWS)
def test_residuals(gaps, cv):
    """What is left of the gap that an observer falls into has the mean (1 + CV²)/2."""
    values = np.array([gaps.residual(Draws(seed, "test")) for seed in range(1200)])
    error = values.std() / math.sqrt(len(values))
    assert abs(values.mean() - (1 + cv * cv) / 2) < 3 * error


def test_constant_gaps():
    """Constant gaps do not vary; the first arrival falls anywhere in one."""
    assert Gaps("constant").sampler(Draws(1))(5).tolist() == [1.0] * 5
    starts = [Gaps("constant").residual(Draws(seed)) for seed in range(200)]
    assert 0 < min(starts) < 0.05 and 0.95 < max(starts) < 1


def test_shapes_are_the_published_ones():
    """CV 2 is a Weibull shape of 0.5427, CV 4 of 0.3487 and CV 0.5 of 2.101."""
    shapes = [round(weibull_gaps(cv).shape, 4) for cv in (2, 4, 0.5)]
    assert shapes == [0.5427, 0.3487, 2.1013]
    assert gamma_gaps(2).shape == 0.25
