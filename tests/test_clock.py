"""One clock for every stamp, one anchor to the wall."""

from __future__ import annotations

import time

import pytest

from sagellm_benchmark import clock
from sagellm_benchmark.clock import NS_PER_MS, NS_PER_S, Anchor, now


def test_now_is_the_monotonic_clock():
    """Whole nanoseconds, never backwards, the clock that all processes of a machine share."""
    before = time.monotonic_ns()
    stamps = [now() for _ in range(100)]
    assert [before, *stamps] == sorted([before, *stamps])
    assert all(isinstance(stamp, int) for stamp in stamps)
    assert time.monotonic_ns() - before < 60 * NS_PER_S
    assert NS_PER_S == 1000 * NS_PER_MS == 10**9


def test_a_stamp_in_unix_seconds():
    """A stamp before or behind the anchor is as far from its wall time."""
    anchor = Anchor(5 * NS_PER_S, 1_800_000_000.25)
    assert anchor.unix(5 * NS_PER_S) == 1_800_000_000.25
    assert anchor.unix(6 * NS_PER_S + 500 * NS_PER_MS) == 1_800_000_001.75
    assert anchor.unix(4 * NS_PER_S) == 1_799_999_999.25


def test_the_anchor_is_taken_at_one_instant():
    """Both clocks are read together."""
    anchor = Anchor.take()
    assert anchor.unix(now()) == pytest.approx(time.time(), abs=0.5)


def test_a_jump_of_the_wall_clock_moves_nothing(monkeypatch):
    """What was anchored stays where it is, whatever the wall clock does later."""
    anchor = Anchor.take()
    stamp = now()
    before = anchor.unix(stamp)
    monkeypatch.setattr(clock.time, "time", lambda: 0.0)
    assert anchor.unix(stamp) == before
