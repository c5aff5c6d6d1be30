"""Counts a second, and what a copy would do to them."""

from __future__ import annotations

import pytest

from sagellm_benchmark.trace.changes.profile import Profile
from sagellm_benchmark.trace.row import Row


def _profile(*seconds):
    profile = Profile()
    for number, second in enumerate(seconds):
        profile.add(Row(request_id=f"r{number}", arrival_time_s=second))
    return profile


def test_the_period_is_the_span_and_a_gap():
    """After one more mean gap a trace could begin again."""
    profile = _profile(5.0, 6.0, 9.0)
    assert (profile.first_s, profile.span_s, profile.period_s) == (5.0, 4.0, 6.0)


def test_a_copy_on_top_doubles_the_dispersion():
    """An unshifted copy makes every burst twice as high; one in the lulls makes all even."""
    burst = [n + part / 9 for n in range(0, 80, 2) for part in range(8)]
    overlay = _profile(*burst, 79.0).counts()
    assert overlay.distortion(0.0) == pytest.approx(1.0)
    assert overlay.distortion(1.0) > 0.9
    even = _profile(*(n / 4 for n in range(400))).counts()
    assert even.distortion(17.0) == 0.0


def test_a_long_trace_is_counted_coarsely():
    """However long a trace is, the counts stay few."""
    profile = _profile(0.0, 1.0, 1e9)
    assert profile.span_s == 1e9
    assert len(profile._counts) < 10_000_001
    assert sum(profile._counts) == 3
