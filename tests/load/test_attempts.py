"""Trying again to connect: how often, after how long, and never behind the deadline."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.clock import NS_PER_MS, NS_PER_S
from sagellm_benchmark.load.attempts import LONGEST_PAUSE_NS, Attempts

SENT = 1_000 * NS_PER_S


def pauses_ms(attempts, at_ns=SENT):
    """All pauses of a request that never gets a connection, each attempt failing at once."""
    found = []
    while (pause_ns := attempts.pause_ns(at_ns)) is not None:
        found.append(pause_ns // NS_PER_MS)
        at_ns += pause_ns
        attempts.again(at_ns)
    return found


def test_the_pauses():
    """A tenth of a second, then twice as long each time, a second at most."""
    attempts = Attempts(7, SENT, 60 * NS_PER_S)
    assert pauses_ms(attempts) == [100, 200, 400, 800, 1000, 1000, 1000]
    assert attempts.made == 8
    assert attempts.wasted_ns == 4_500 * NS_PER_MS


def test_none_without_the_option():
    """Nobody asked, nothing is tried again, and nothing is wasted."""
    attempts = Attempts(0, SENT, 60 * NS_PER_S)
    assert pauses_ms(attempts) == []
    assert (attempts.made, attempts.wasted_ns) == (1, 0)


@settings(derandomize=True, deadline=None)
@given(st.integers(0, 50), st.integers(1, 20_000), st.integers(0, 2000))
def test_no_attempt_begins_behind_the_deadline(retries, allowed_ms, took_ms):
    """However many are allowed and however long each takes, the time allowed is kept."""
    attempts = Attempts(retries, SENT, allowed_ms * NS_PER_MS)
    at_ns = SENT
    for _ in range(retries + 1):
        assert attempts.made <= retries + 1
        assert at_ns < attempts.until_ns
        assert attempts.left_ns(at_ns) <= allowed_ms * NS_PER_MS
        assert attempts.wasted_ns == at_ns - SENT
        at_ns += min(took_ms * NS_PER_MS, attempts.left_ns(at_ns))
        pause_ns = attempts.pause_ns(at_ns)
        if pause_ns is None:
            break
        assert 0 < pause_ns <= LONGEST_PAUSE_NS
        at_ns += pause_ns
        attempts.again(at_ns)
    else:
        raise AssertionError("it never ends")
