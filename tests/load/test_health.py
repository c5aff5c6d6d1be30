"""What the load cost the process that made it."""

from __future__ import annotations

import gc
import time

import gevent
import pytest

from sagellm_benchmark.clock import NS_PER_MS, now
from sagellm_benchmark.load.health import BEAT_S, STALL_MS, Health


@pytest.fixture
def health():
    """One that has been started; it is stopped by the test."""
    gc.unfreeze()  # a simulated gateway of other tests froze what there was
    watching = list(gc.callbacks)
    made = Health()
    made.prepare()
    made.start()
    yield made
    assert gc.get_freeze_count() == 0
    assert gc.callbacks == watching


def test_a_quiet_loop(health):
    """Beats come as they should: little lag, no stall."""
    gevent.sleep(10 * BEAT_S)
    health.stop()
    assert 5 <= len(health.loop_lags_ms) <= 11
    assert min(health.loop_lags_ms) >= 0
    assert sorted(health.loop_lags_ms)[len(health.loop_lags_ms) // 2] < 15
    assert health.stalls == []


def test_a_stall_is_seen(health):
    """A loop that stands still for 150 ms leaves the lag and the time of it."""
    gevent.sleep(2 * BEAT_S)
    began = now()
    time.sleep(0.15)
    ended = now()
    gevent.sleep(3 * BEAT_S)
    health.stop()
    assert max(health.loop_lags_ms) >= 150 - 1000 * BEAT_S - 1
    ((start, end),) = health.stalls
    assert start <= began + NS_PER_MS
    assert end >= ended - NS_PER_MS
    assert (end - start) / NS_PER_MS >= STALL_MS


def test_a_short_hold_up_is_no_stall(health):
    """60 ms are a lag, and no stall."""
    gevent.sleep(2 * BEAT_S)
    time.sleep(0.06)
    gevent.sleep(2 * BEAT_S)
    health.stop()
    assert max(health.loop_lags_ms) >= 30
    assert len(health.stalls) == 0


def test_the_cost_is_that_of_the_time_between(health):
    """CPU seconds and percent are those between start and stop; memory is the process's peak."""
    until = time.process_time() + 0.05
    while time.process_time() < until:
        pass
    gevent.sleep(0.05)
    health.stop()
    figures = health.figures()
    assert 0.05 <= figures["cpu_s"] < 0.5
    assert 5 < figures["cpu_percent"] <= 110
    assert 10 < figures["peak_memory_mb"] < 10_000
    time.sleep(0.02)
    assert health.figures() == figures


def test_one_that_never_ran():
    """Without a start there is no share to give."""
    made = Health()
    assert made.figures()["cpu_percent"] is None
    assert made.figures()["cpu_s"] == 0


def test_what_is_loaded_is_out_of_the_collectors_sight(health):
    """While it watches, what was there at the start is not collected again and again."""
    assert gc.get_freeze_count() > 0
    health.stop()


def test_a_steady_lateness_is_seen(health):
    """A loop that is late by the same 15 ms every time is late: no beat makes up for another."""
    gevent.spawn(_hold, 0.035, 14).join()
    gevent.sleep(BEAT_S)
    health.stop()
    lags = sorted(health.loop_lags_ms)
    assert lags[len(lags) // 2] > 5


def _hold(seconds, times):
    for _ in range(times):
        time.sleep(seconds)
        gevent.sleep(0.001)


def test_time_at_a_standstill_counts_as_much_as_quiet_time(health):
    """Half a second quiet, half at a standstill: half of what is counted is late."""
    gevent.sleep(0.5)
    time.sleep(0.5)
    gevent.sleep(2 * BEAT_S)
    health.stop()
    late = sum(lag > 50 for lag in health.loop_lags_ms)
    assert 0.3 < late / len(health.loop_lags_ms) < 0.65
    assert len(health.stalls) >= 1


def test_pauses_of_the_collector_are_timed(health):
    """Every collection is counted, the longest and all of them timed."""
    began = now()
    for _ in range(3):
        gc.collect()
    taken_ms = (now() - began) / NS_PER_MS
    health.stop()
    figures = health.figures()["gc"]
    assert figures["count"] >= 3
    assert 0 < figures["max_ms"] <= figures["total_ms"]
    assert figures["total_ms"] <= taken_ms + 50
    gc.collect()
    assert health.figures()["gc"] == figures
