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


@pytest.fixture
def beat(health, monkeypatch):
    """Lets the next beat come so many milliseconds after the last, by a clock of its own."""
    moment = [health._last_ns]
    monkeypatch.setattr("sagellm_benchmark.load.health.now", lambda: moment[0])

    def come(after_ms):
        moment[0] += after_ms * NS_PER_MS
        health._beat()

    yield come
    health.stop()


def test_the_loop_beats(health):
    """There is a beat every 20 ms, or a lag for each that did not come."""
    began = time.monotonic()
    gevent.sleep(10 * BEAT_S)
    elapsed_s = time.monotonic() - began
    health.stop()
    assert 5 <= len(health.loop_lags_ms) <= elapsed_s / BEAT_S + 1
    assert min(health.loop_lags_ms) >= 0


def test_a_quiet_loop(health, beat):
    """Beats that come as they should are no lag and no stall."""
    for _ in range(10):
        beat(20)
    assert list(health.loop_lags_ms) == [0] * 10
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
    around = [
        (start, end)
        for start, end in health.stalls  # a busy machine may add some
        if start <= began + NS_PER_MS and end >= ended - NS_PER_MS
    ]
    assert len(around) == 1
    assert all((end - start) / NS_PER_MS >= STALL_MS for start, end in health.stalls)


def test_a_short_hold_up_is_no_stall(health, beat):
    """60 ms are a lag, and no stall."""
    for after_ms in (20, 80, 20):
        beat(after_ms)
    assert max(health.loop_lags_ms) == 60
    assert health.stalls == []


def test_a_stall_begins_with_the_last_beat(health, beat):
    """From there on nothing was served: its span and its owner are told in seconds of the run."""
    origin_ns = health._last_ns
    for after_ms in (20, 170, 20):
        beat(after_ms)
    assert health.spans(origin_ns, "w") == [(0.02, 0.19, "w")]


def test_the_cost_is_that_of_the_time_between(health):
    """CPU seconds and percent are those between start and stop; memory is the process's peak."""
    began = time.monotonic()
    until = time.process_time() + 0.05
    while time.process_time() < until:
        pass
    gevent.sleep(0.05)
    elapsed_s = time.monotonic() - began
    health.stop()
    figures = health.figures()
    assert 0.05 <= figures["cpu_s"] < 0.5
    assert 0.5 * 5 / elapsed_s < figures["cpu_percent"] <= 110
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


def test_time_at_a_standstill_counts_as_much_as_quiet_time(health, beat):
    """Half a second quiet, half at a standstill: half of what is counted is late."""
    for after_ms in (*[20] * 25, 500):
        beat(after_ms)
    late = sum(lag > 0 for lag in health.loop_lags_ms)
    assert (late, len(health.loop_lags_ms)) == (24, 49)
    assert len(health.stalls) == 1


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
