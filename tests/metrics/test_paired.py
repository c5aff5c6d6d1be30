"""Groups of runs: what is different, what is the same, and what nobody can tell."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.metrics.paired import compare_groups, compare_pairs, holm

A = (100.0, 102.0, 98.0, 101.0, 99.0)
B = (112.0, 109.0, 111.0, 108.0, 110.0)


def runs(rng: random.Random, mean: float, spread: float, count: int) -> list[float]:
    """Figures of runs whose logs are normal."""
    return [mean * math.exp(rng.gauss(0, spread)) for _ in range(count)]


def test_welch_gives_the_figures_of_the_textbook() -> None:
    """On the plain scale t, degrees and p are those that any statistics package gives."""
    a = (30.02, 29.99, 30.11, 29.97, 30.01, 29.99)
    b = (29.89, 29.93, 29.72, 29.98, 30.02, 29.98)
    found = compare_groups(a, b, scale="difference")
    assert found.p == pytest.approx(0.090773, abs=1e-6)
    assert found.change == pytest.approx(-0.095)
    assert found.low == pytest.approx(-0.2096, abs=1e-4)
    assert found.high == pytest.approx(0.0196, abs=1e-4)


def test_a_change_is_relative_with_an_interval_around_it() -> None:
    """Ten per cent more are 0.1, and the interval holds it."""
    found = compare_groups(A, B)
    assert found.verdict == "different"
    assert found.scale == "ratio"
    assert found.change == pytest.approx(found.mean_b / found.mean_a - 1)
    assert found.low < found.change < found.high
    assert 0.07 < found.change < 0.13


def test_one_run_a_side_cannot_tell() -> None:
    """With a single run on either side there is no p, no interval and no verdict."""
    for a, b in (((100.0,), (200.0,)), (A, (300.0,)), ((1.0,), B)):
        found = compare_groups(a, b)
        assert found.verdict == "cannot tell"
        assert (found.p, found.low, found.high, found.minimum_detectable) == (None,) * 4
    assert compare_groups((100.0,), (200.0,)).change == pytest.approx(1)
    assert compare_pairs((100.0,), (200.0,)).verdict == "cannot tell"


def test_error_rates_are_compared_as_differences() -> None:
    """A figure that may be 0 has no ratio: the change is in its own unit."""
    found = compare_groups((0.0, 0.01, 0.0), (0.2, 0.21, 0.19))
    assert found.scale == "difference"
    assert found.change == pytest.approx(0.2 - 0.01 / 3)
    assert found.verdict == "different"


def test_groups_without_any_spread_are_held_together_by_swapping() -> None:
    """Equal figures within each group: p is that of the exact test, and 1 where nothing changed."""
    same = compare_groups((0.0,) * 5, (0.0,) * 5)
    assert (same.p, same.verdict, same.minimum_detectable) == (1.0, "same", None)
    apart = compare_groups((0.0,) * 5, (0.01,) * 5)
    assert apart.p == pytest.approx(2 / 252)
    assert apart.verdict == "different"
    assert compare_groups((0.0,) * 3, (0.01,) * 3).verdict == "same"
    assert compare_pairs((0.0,) * 5, (0.01,) * 5).p == pytest.approx(1 / 16)


def test_pairs_see_through_a_drift_that_hides_the_change_from_groups() -> None:
    """A drift of half over the time of the runs hides 5 % from groups, and not from pairs."""
    a = [100.0, 110.0, 121.0, 133.0, 146.0]
    b = [before * step for before, step in zip(a, (1.05, 1.051, 1.049, 1.052, 1.05), strict=True)]
    assert compare_groups(a, b).verdict == "same"
    found = compare_pairs(a, b)
    assert (found.verdict, found.paired) == ("different", True)
    assert found.change == pytest.approx(0.0504, abs=1e-3)


def test_pairs_must_be_pairs() -> None:
    """Groups of different size are no pairs."""
    with pytest.raises(ValueError, match="zip"):
        compare_pairs(A, B[:4])


@pytest.mark.parametrize("wrong", [(), (math.nan, 1.0), (math.inf, 1.0)])
def test_what_is_no_figure_is_refused(wrong: tuple[float, ...]) -> None:
    """An empty group and figures that are not finite are mistakes of the caller."""
    with pytest.raises(ValueError, match=r"finite|no run"):
        compare_groups(wrong, A)


def test_ratios_of_zero_are_refused() -> None:
    """Who asks for ratios must have figures above 0."""
    with pytest.raises(ValueError, match="above 0"):
        compare_groups((0.0, 1.0), A, scale="ratio")


def test_of_a_thousand_equal_pairs_one_in_twenty_is_called_different() -> None:
    """The level of the test is the level that was asked for."""
    rng = random.Random(7)
    called = sum(
        compare_groups(runs(rng, 100, 0.03, 5), runs(rng, 100, 0.03, 5)).verdict == "different"
        for _ in range(1000)
    )
    assert 25 <= called <= 70


def test_the_minimum_detectable_change_is_found_four_times_in_five() -> None:
    """A true change of that size is found with the power that is promised."""
    rng = random.Random(11)
    typical = sorted(
        compare_groups(runs(rng, 100, 0.03, 5), runs(rng, 100, 0.03, 5)).minimum_detectable
        for _ in range(400)
    )[200]
    found = sum(
        compare_groups(runs(rng, 100, 0.03, 5), runs(rng, 100 * (1 + typical), 0.03, 5)).verdict
        == "different"
        for _ in range(400)
    )
    assert 0.68 <= found / 400 <= 0.9


def test_holm_corrects_for_asking_several_times() -> None:
    """The smallest p is taken times their number, the next times one less, never falling."""
    groups = [compare_groups(A, B), compare_groups(A, A), compare_groups(A, (101.0, 104.0, 100.0))]
    judged = holm([*groups, compare_groups((1.0,), (2.0,))])
    ps = [difference.p for difference in groups]
    assert judged[0].p == pytest.approx(ps[0] * 3)
    assert judged[1].p == 1
    assert judged[2].p == pytest.approx(ps[2] * 2)
    assert [difference.verdict for difference in judged] == [
        "different",
        "same",
        "same",
        "cannot tell",
    ]


def test_families_of_equal_figures_are_called_different_one_time_in_twenty_at_most() -> None:
    """After Holm the chance that any of five is called different stays under 5 %."""
    rng = random.Random(3)
    called = 0
    for _ in range(400):
        five = [compare_groups(runs(rng, 9, 0.1, 5), runs(rng, 9, 0.1, 5)) for _ in range(5)]
        called += any(difference.verdict == "different" for difference in holm(five))
    assert called <= 28


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    st.lists(st.floats(0.1, 1e4), min_size=2, max_size=8),
    st.lists(st.floats(0.1, 1e4), min_size=2, max_size=8),
    st.floats(0.01, 100),
)
def test_units_and_sides_do_not_matter(a: list[float], b: list[float], unit: float) -> None:
    """Another unit changes nothing, and swapped sides change the sign alone."""
    found = compare_groups(a, b)
    scaled = compare_groups([unit * figure for figure in a], [unit * figure for figure in b])
    swapped = compare_groups(b, a)
    assert scaled.p == pytest.approx(found.p, rel=1e-3, abs=1e-6)
    assert swapped.p == pytest.approx(found.p, rel=1e-9, abs=1e-12)
    assert 1 + swapped.change == pytest.approx(1 / (1 + found.change))
    assert found.low <= found.change * (1 + 1e-9) + 1e-9
