"""Numbers as a person reads them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.report import figures


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0, "0"),
        (0.0049, "0.005"),
        (0.412, "0.412"),
        (0.9996, "1.00"),
        (7.25, "7.25"),
        (9.996, "10.0"),
        (45.24, "45.2"),
        (99.96, "100"),
        (1234.5, "1,234"),
        (1234567, "1,234,567"),
        (-45.24, "-45.2"),
    ],
)
def test_measure_shows_about_three_digits(value, text):
    """A measured value has the digits that matter, and unknown is never 0."""
    assert figures.measure(value) == text


@pytest.mark.parametrize(
    ("p", "text"),
    [(None, "-"), (0.0, "< 0.001"), (0.0009, "< 0.001"), (0.011, "0.011"), (1, "1.000")],
)
def test_no_chance_is_none(p, text):
    """A p-value never reads as 0."""
    assert figures.chance(p) == text


@settings(deadline=None, derandomize=True)
@given(st.floats(0.1, 1e7))
def test_measure_is_near_the_value(value):
    """What is shown is within half a percent of what was measured."""
    assert float(figures.measure(value).replace(",", "")) == pytest.approx(value, rel=0.005)


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (None, "-"),
        (0, "0 %"),
        (1e-6, "< 0.1 %"),
        (0.021, "2.1 %"),
        (0.5, "50 %"),
        (0.99999, "> 99.9 %"),
        (1, "100 %"),
    ],
)
def test_percent_keeps_nothing_and_all_for_themselves(fraction, text):
    """One failure in a million is neither 0 % nor are the rest 100 %."""
    assert figures.percent(fraction) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0, "0 s"),
        (0.0000012, "0 s"),
        (0.42, "0.42 s"),
        (5, "5 s"),
        (40.84, "40.8 s"),
        (59.7, "1 min"),
        (190, "3 min 10 s"),
        (3599.7, "1 h"),
        (7500, "2 h 05 min"),
        (360000, "100 h"),
    ],
)
def test_duration_uses_the_largest_units(seconds, text):
    """A duration reads as a person would say it."""
    assert figures.duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (42.9, "0:42"), (190, "3:10"), (7500, "2:05:00")]
)
def test_clock_time_reads_like_a_stopwatch(seconds, text):
    """The live line's times keep their form while they grow."""
    assert figures.clock_time(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (900, "900 B"), (1500, "1.5 kB"), (119_000_000, "119 MB"), (2.5e9, "2.5 GB")],
)
def test_size_has_the_unit_that_fits(count, text):
    """Bytes are given in the unit that keeps them short."""
    assert figures.size(count) == text


def test_plural_counts_in_words():
    """One row, three rows, two replies."""
    assert figures.plural(1, "row") == "1 row"
    assert figures.plural(3000, "row") == "3,000 rows"
    assert figures.plural(2, "reply") == "2 replies"


def test_pack_breaks_between_parts_only():
    """Lines stay within the width with their separator; a part too long stands whole and alone."""
    assert figures.pack(["aaa", "bbb", "ccc"], 9) == ["aaa, bbb,", "ccc"]
    assert figures.pack(["aaa", "bbb", "ccc"], 8) == ["aaa,", "bbb,", "ccc"]
    assert figures.pack(["a", "b" * 20, "c"], 5, "  ") == ["a", "b" * 20, "c"]
    assert figures.pack([], 9) == [""]
