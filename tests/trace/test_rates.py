"""Rates over time: counts, their inverse, and what is refused."""

from __future__ import annotations

import math
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.trace.workload.rates import Curve, Rate, as_curve

fixed = settings(derandomize=True, deadline=None)
points = st.lists(
    st.tuples(st.floats(0.01, 50), st.just(0.0) | st.floats(0.01, 20)), min_size=1, max_size=6
).map(
    lambda steps: [(0.0, 1.0), *((sum(w for w, _ in steps[: n + 1]), r) for n, (_, r) in
                                 enumerate(steps))]
)  # fmt: skip


def _curve(**given):
    return msgspec.convert(given, Rate).curve()


@fixed
@given(points, st.booleans(), st.floats(0, 1))
def test_seconds_undo_counts(corners, repeat, share):
    """The time of the n-th arrival is when so many were expected, in the first round and later."""
    curve = Curve(corners, after="repeat" if repeat else "stay")
    for second in (share * curve.end_s, (1 + 2 * share) * curve.end_s):
        count = curve.count(second)
        back = curve.second(count)
        if not math.isinf(back):
            assert curve.count(back) == pytest.approx(count, rel=1e-9, abs=1e-7)
            assert back <= second + 1e-6 or curve.count(second) == pytest.approx(count)


@fixed
@given(points, st.lists(st.floats(0, 3), min_size=2, max_size=20))
def test_later_arrivals_come_later(corners, shares):
    """The inverse never goes back."""
    curve = Curve(corners, after="repeat")
    seconds = [curve.second(share * curve.total) for share in sorted(shares)]
    assert all(late >= early - 1e-9 for early, late in pairwise(seconds))


def test_a_ramp():
    """From 0 to 10 requests/s in 10 s: 50 requests, half of them after 7.07 s."""
    curve = _curve(points=[[0, 0], [10, 10]])
    assert curve.count(10) == 50
    assert curve.second(25) == pytest.approx(10 / math.sqrt(2))
    assert curve.count(20) == 150  # the last rate stays


def test_steps_and_silence():
    """Steps hold until the next; where nothing is expected nothing comes, for ever at the end."""
    curve = _curve(steps=[[0, 2], [10, 0], [20, 1], [30, 0]])
    assert [curve.count(second) for second in (10, 20, 25, 40)] == [20, 20, 25, 30]
    assert curve.second(19) == 9.5
    assert curve.second(21) == 21
    assert curve.second(30.5) == math.inf


def test_repeats():
    """A repeated curve begins again behind its last point."""
    curve = _curve(steps=[[0, 4], [5, 0], [10, 0]], repeat=True)
    assert curve.count(12) == 28
    assert curve.second(41) == pytest.approx(20.25)


def test_a_day():
    """A daily wave has its mean over a day, its peak where it was put, and the ratio asked for."""
    curve = _curve(diurnal={"mean": 2, "peak_to_trough": 3})
    assert curve.count(86400) == pytest.approx(2 * 86400, rel=1e-6)
    hours = [curve.count(3600 * (hour + 1)) - curve.count(3600 * hour) for hour in range(24)]
    assert max(hours) == pytest.approx(max(hours[13], hours[14]))
    assert max(hours) / min(hours) == pytest.approx(3, rel=0.02)
    assert curve.count(86400 * 9.25) - curve.count(86400 * 9) == pytest.approx(curve.count(21600))


def test_a_number_is_a_rate_that_stays():
    """A bare number never changes; scaling multiplies."""
    assert as_curve(3).count(7) == 21
    assert as_curve(3).scaled(0.5).second(3) == 2


@pytest.mark.parametrize(
    ("rate", "problem"),
    [
        ({}, "exactly one of points, steps, diurnal"),
        ({"points": [[0, 1]], "steps": [[0, 1]]}, "exactly one"),
        ({"points": [[1, 1]]}, "first second must be 0"),
        ({"points": [[0, 1], [5, 1], [4, 1]]}, "not in order"),
        ({"points": [[0, 0], [5, 0]]}, "no rate is above 0"),
        ({"steps": [[0, -1]]}, ">= 0"),
        ({"steps": [[0, 1]], "repeat": True}, "repeat needs"),
        ({"diurnal": {"mean": 1, "peak_to_trough": 0.5}}, ">= 1"),
    ],
)
def test_rates_that_are_none(rate, problem):
    """A rate that makes no sense is refused where it is read."""
    with pytest.raises(msgspec.ValidationError, match=problem):
        msgspec.convert(rate, Rate)
