"""Axes: places, and ticks at round numbers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.report import axis

fixed = settings(derandomize=True, deadline=None)
sizes = st.floats(1e-6, 1e12)


@fixed
@given(sizes, sizes)
def test_ticks_are_few_and_on_the_axis(one, other):
    """Any span gets 1 to 8 ticks, ascending, none of them beyond the axis, no text twice."""
    low, high = min(one, other), max(one, other)
    for made in (
        axis.linear_axis("x", high, axis.number),
        axis.time_axis("x", high),
        axis.log_axis("x", low, high, axis.number),
        axis.log_axis("x", low, high, axis.seconds),
        axis.percent_axis("x", low / high),
    ):
        values = [value for value, _ in made.ticks]
        assert values == sorted(values)
        assert len(values) <= 8, made
        assert all(made.low * 0.999 <= value <= made.high * 1.001 for value in values), made
        assert all(0.0 <= made.place(value) <= 1.0 for value in values)


@pytest.mark.parametrize("made", [axis.log_axis("x", 3, 80_000, str), axis.percent_axis("x")])
def test_place_and_value_are_inverse(made):
    """What lies at a place is placed there; what is beyond is held at the end."""
    for place in (0.0, 0.3, 1.0):
        assert made.place(made.value(place)) == pytest.approx(place)
    assert (made.place(made.low / 2 - 1), made.place(made.high * 2)) == (0.0, 1.0)


def test_ticks_are_at_round_numbers():
    """Decades on a long axis, 1, 2, 5 on a short one, and the units that fit a time."""
    texts = [
        [text for _, text in made.ticks]
        for made in (
            axis.log_axis("tokens", 13, 126_195, axis.number),
            axis.log_axis("tokens", 90, 700, axis.number),
            axis.log_axis("gap", 2e-5, 217, axis.seconds),
            axis.linear_axis("requests/s", 16.8, axis.number),
            axis.time_axis("since the start", 3436),
            axis.time_axis("since the start", 7 * 86400),
            axis.percent_axis("share", 0.31),
        )
    ]
    assert texts == [
        ["100", "1k", "10k", "100k"],
        ["100", "200", "500"],
        ["100 µs", "10 ms", "1 s", "100 s"],
        ["0", "5", "10", "15", "20"],
        ["0", "10", "20", "30", "40", "50"],
        ["0", "2", "4", "6"],
        ["0 %", "25 %", "50 %"],
    ]
    assert axis.time_axis("since the start", 3436).label == "minutes since the start"


def test_an_axis_of_one_value_has_room():
    """A single value lies in the middle of its axis."""
    assert axis.log_axis("x", 5, 5, axis.number).place(5) == pytest.approx(0.5)
    assert axis.marked_axis("x", 1, 1, ((1, "1 s"),)).place(1) == pytest.approx(0.5)
