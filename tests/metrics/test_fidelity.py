"""Promises of the fidelity figures."""

from __future__ import annotations

import numpy as np
import pytest

from sagellm_benchmark.metrics.fidelity import dispersion, distance, rate, spread


def test_a_constant_rate_sent_with_jitter_is_at_no_distance() -> None:
    """Shifts under a millisecond do not count: the schedule was kept."""
    planned = np.full(500, 0.0025)
    jitter = np.random.default_rng(1).uniform(-0.0003, 0.0003, 500)
    assert distance(planned, planned + jitter) == 0.0


def test_poisson_is_far_from_constant() -> None:
    """Arrivals of another shape are seen: constant against Poisson is 1 - 1/e at the mean."""
    gaps = np.random.default_rng(2).exponential(0.1, 20_000)
    found = distance(np.full(20_000, 0.1), gaps)
    assert found == pytest.approx(1 - np.exp(-1), abs=0.02)
    assert distance(gaps, np.full(20_000, 0.1)) == found
    assert distance(gaps, gaps) == 0.0


def test_bunched_sends_are_seen() -> None:
    """A sender that wakes every 50 ms turns even arrivals into bursts."""
    due = np.arange(0, 10, 0.01)
    sent = np.ceil(due / 0.05) * 0.05
    assert (distance(np.diff(due), np.diff(sent)) or 0) > 0.7


def test_rate_and_spread() -> None:
    """n/(last - first); 1 for Poisson, 0 for constant; null where there is no time."""
    assert rate(np.array([1.0, 2.0, 5.0])) == 0.75
    assert rate(np.array([1.0])) is None
    assert rate(np.array([1.0, 1.0])) is None
    assert spread(np.full(9, 0.5)) == 0.0
    assert spread(np.random.default_rng(3).exponential(1, 50_000)) == pytest.approx(1, abs=0.02)
    assert spread(np.zeros(3)) is None
    assert spread(np.zeros(0)) is None
    assert distance(np.zeros(0), np.zeros(1)) is None


@pytest.mark.parametrize("width", [1, 10, 60])
def test_dispersion_by_shape(width: int) -> None:
    """1 for Poisson at any width, 0 for a constant rate, far more for bursts."""
    poisson = np.cumsum(np.random.default_rng(width).exponential(width / 10, 40_000))
    assert dispersion(poisson, width) == pytest.approx(1, abs=0.1)
    assert dispersion(np.arange(0, 10 * width, 0.25), width) == 0.0
    bursts = np.concatenate([start + np.arange(0, 1, 0.001) for start in range(0, 600, 90)])
    assert (dispersion(bursts, width) or 0) > 100


def test_dispersion_by_hand() -> None:
    """Variance over mean of the counts of whole windows from the first arrival on."""
    times = np.array([10.0, 10.5, 11.1, 13.2, 13.3, 13.9, 14.0])
    # 2, 1, 0, 3 in four windows of a second; the fifth is not full.
    assert dispersion(times, 1) == pytest.approx((14 / 4 - 1.5**2) / 1.5, abs=1e-6)


def test_too_short_for_a_window() -> None:
    """Fewer than two whole windows have no variance worth the name."""
    assert dispersion(np.arange(0, 19.9, 0.5), 10) is None
    assert dispersion(np.arange(0, 20.5, 0.5), 10) == 0.0
    assert dispersion(np.zeros(0), 1) is None
