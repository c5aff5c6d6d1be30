"""Our logarithms and quantiles are right, whatever the machine's are."""

from __future__ import annotations

import hashlib
import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.trace.workload.arithmetic import (
    exp,
    log,
    log_gamma,
    normal_quantile,
    sine,
)

fixed = settings(derandomize=True, deadline=None)


def _one(function, x):
    return float(function(np.array([x]))[0])


@fixed
@given(st.floats(1e-300, 1e300))
def test_logarithms(x):
    """The logarithm is exact to the last bits, near 1 too."""
    assert _one(log, x) == pytest.approx(math.log(x), rel=1e-14, abs=1e-300)


@fixed
@given(st.floats(-700, 700))
def test_exponentials(x):
    """So is the exponential."""
    assert _one(exp, x) == pytest.approx(math.exp(x), rel=1e-14)


def test_exponentials_far_out():
    """What is too small is 0, what is too large is bounded, and nothing warns."""
    assert exp(np.array([-1e9, -760.0, 0.0])).tolist() == [0.0, 0.0, 1.0]
    assert 1e307 < _one(exp, 1e9) < math.inf


@fixed
@given(st.floats(-100, 100))
def test_sines(turns):
    """A sine by the share of a turn."""
    assert _one(sine, turns) == pytest.approx(math.sin(2 * math.pi * (turns % 1)), abs=1e-12)


@fixed
@given(st.floats(0.01, 300))
def test_log_gamma(x):
    """The Gamma function's logarithm, where Weibull's moments need it."""
    assert log_gamma(x) == pytest.approx(math.lgamma(x), rel=1e-12, abs=1e-12)


@fixed
@given(st.floats(1e-300, 1 - 1e-12))
def test_normal_quantiles(share):
    """The normal distribution's points, far into both tails."""
    assert _one(normal_quantile, share) == pytest.approx(NormalDist().inv_cdf(share), abs=1e-11)


def test_only_exact_operations():
    """These very bits come out everywhere: nothing of the machine's library has a say."""
    x = np.linspace(0.013, 0.987, 7)
    found = np.concatenate([log(x), exp(x), sine(x), normal_quantile(x), [log_gamma(0.3)]])
    bits = hashlib.sha256(found.astype("<f8").tobytes()).hexdigest()
    assert bits == "00df1a0470373161c3a647e55dc7b9a01698f72d97f31568bcfe3f4563547f05"
