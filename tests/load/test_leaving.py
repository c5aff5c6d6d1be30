"""Users who leave: who they are depends on seed and row alone, when they go on what was asked."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.clock import NS_PER_S
from sagellm_benchmark.config.settings import make_settings
from sagellm_benchmark.load.leaving import Cut, Leavers

ROWS = [f"row-{number}" for number in range(4000)]


def leavers(rate, seed=0, after="20tok"):
    """As the options ask."""
    raw = {"trace": "Q1", "cancel_rate": str(rate), "cancel_after": after, "seed": str(seed)}
    return Leavers.of(make_settings(raw, host="http://h"))


def who(rate, seed=0):
    """The rows whose users leave."""
    drawn = leavers(rate, seed)
    return {row for row in ROWS if drawn.cut(row) is not None}


def test_the_same_ones_every_time():
    """Seed and row decide: pinned, so that no version and no Python draws others."""
    chosen = leavers(0.1)
    assert [row for row in ROWS[:60] if chosen.cut(row)] == [
        *("row-7", "row-29", "row-31", "row-58"),
    ]


@pytest.mark.parametrize("rate", [0, 0.05, 0.5, 1])
def test_their_share(rate):
    """About as many leave as were asked for; none of none, all of all."""
    share = len(who(rate)) / len(ROWS)
    assert share == pytest.approx(rate, abs=0.02)
    if rate in (0, 1):
        assert share == rate


def test_a_higher_rate_adds_to_them():
    """Who left at a lower rate leaves at a higher one too."""
    assert who(0.05) < who(0.1) < who(0.7) < who(1)


def test_another_seed_draws_others():
    """Two seeds have no more in common than chance."""
    both = who(0.5, seed=1) & who(0.5, seed=2)
    assert len(both) / len(ROWS) == pytest.approx(0.25, abs=0.03)


def test_when_they_leave():
    """Tokens are counted, seconds are nanoseconds; what was asked is kept as it was written."""
    assert leavers(1).cut("a") == Cut("20tok", tokens=20)
    assert leavers(1, after="1.5s").cut("a") == Cut("1.5s", wait_ns=1_500_000_000)
    assert Leavers.of(make_settings({"trace": "Q1"}, host="http://h")) is None


@settings(derandomize=True, deadline=None)
@given(st.integers(0, 50), st.integers(0, 5 * NS_PER_S))
def test_the_one_that_was_asked_for_decides(tokens, waited_ns):
    """Tokens whatever the time, or time whatever the tokens."""
    assert Cut("20tok", tokens=20).reached(tokens, waited_ns) is (tokens >= 20)
    assert Cut("2s", wait_ns=2 * NS_PER_S).reached(tokens, waited_ns) is (waited_ns >= 2 * NS_PER_S)
