"""Promises of the steady window: found where it is, none where there is none."""

from __future__ import annotations

import heapq
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.metrics.columns import Columns
from sagellm_benchmark.metrics.steady import (
    LEAST_SENT,
    LEAST_SLICES,
    Unsteady,
    Window,
    find_window,
    in_flight,
)

drawn = settings(derandomize=True, deadline=None, max_examples=40)


def width_of(last_s: float) -> float:
    """The width of a slice of a run of so many seconds."""
    width_s = 1 / 64
    while last_s >= 128 * width_s:
        width_s *= 2
    return width_s


def table_of(sent: np.ndarray, lasts: np.ndarray, warmup_s: float = 0.0) -> np.ndarray:
    """Rows of requests sent at these seconds, each on the wire for so long."""
    table = np.zeros(sent.size, dtype=Columns().table().dtype)
    table["seq"] = np.arange(sent.size)
    table["due"] = table["sent"] = sent
    table["ended"] = sent + lasts
    table["warmup"] = sent < warmup_s
    return table


def found(table: np.ndarray) -> Window | Unsteady:
    """The window of a run."""
    return find_window(table, width_of(float(np.nanmax(table["sent"]))))


def arrivals(dice: np.random.Generator, span_s: float, rate: float) -> np.ndarray:
    """Poisson arrivals."""
    return np.sort(dice.uniform(0, span_s, dice.poisson(span_s * rate)))


def queued(sent: np.ndarray, service_s: np.ndarray, servers: int) -> np.ndarray:
    """How long each is on the wire where so many are served at once, first come first served."""
    free = [0.0] * servers
    lasts = []
    for at, takes in zip(sent.tolist(), service_s.tolist(), strict=True):
        end = max(heapq.heappop(free), at) + takes
        heapq.heappush(free, end)
        lasts.append(end - at)
    return np.array(lasts)


@drawn
@given(st.integers(0, 10**6), st.floats(0.05, 0.4), st.floats(20, 2000), st.floats(50, 90))
def test_a_ramp_is_found(seed: int, share: float, span_s: float, peak: float) -> None:
    """A rate that climbs for a known time and then stays: the window begins near its end."""
    dice = np.random.default_rng(seed)
    lasts_s = span_s / 100
    sent = arrivals(dice, span_s, peak / lasts_s)
    ramp_s = share * span_s
    sent = sent[dice.uniform(size=sent.size) < np.minimum(sent / ramp_s, 1)]
    window = found(table_of(sent, np.full(sent.size, lasts_s)))
    assert isinstance(window, Window)
    assert 0.6 * ramp_s - span_s / 64 <= window.start_s <= ramp_s + 0.1 * span_s
    assert window.end_s >= 0.9 * span_s


@drawn
@given(st.integers(0, 10**6), st.floats(20, 5000), st.floats(30, 80), st.floats(0.2, 2))
def test_a_flat_run_is_nearly_all_kept(seed: int, span_s: float, level: float, cv: float) -> None:
    """What begins at its level and stays there loses little more than its first reply's time."""
    dice = np.random.default_rng(seed)
    lasts_s = span_s / 200
    sent = arrivals(dice, span_s, level / lasts_s)
    lasts = dice.gamma(1 / cv**2, lasts_s * cv**2, sent.size)
    window = found(table_of(sent, lasts))
    assert isinstance(window, Window)
    assert window.end_s - window.start_s >= 0.88 * span_s


@drawn
@given(st.integers(1, 200), st.integers(0, 10**6))
def test_a_closed_loop_is_all_kept(users: int, seed: int) -> None:
    """N users from the first second on are N in flight until the last row is taken."""
    dice = np.random.default_rng(seed)
    free = [0.0] * users
    sent, lasts = [], dice.gamma(2, 0.5, users * 40)
    for takes in lasts:
        at = heapq.heappop(free)
        sent.append(at)
        heapq.heappush(free, at + takes)
    table = table_of(np.array(sent), lasts)
    if table.size < LEAST_SENT:
        assert isinstance(found(table), Unsteady)
        return
    window = found(table)
    assert isinstance(window, Window)
    assert window.start_s == 0
    assert window.end_s >= sent[-1] - width_of(sent[-1])


@drawn
@given(st.integers(0, 10**6), st.floats(1.5, 5), st.integers(8, 40))
def test_a_queue_that_grows_is_no_steady_state(seed: int, load: float, servers: int) -> None:
    """A target that is sent more than it can serve fell behind, and the words say by how much."""
    dice = np.random.default_rng(seed)
    sent = np.arange(0, 60, 0.5 / (servers * load))
    lasts = queued(sent, dice.exponential(0.5, sent.size), servers)
    none = found(table_of(sent, lasts))
    assert isinstance(none, Unsteady)
    assert none.fell_behind
    assert none.reason.startswith("the target fell behind: requests in flight grew from ")


def test_a_target_that_falls_behind_midway() -> None:
    """A plateau in front of the queue does not hide it."""
    dice = np.random.default_rng(3)
    sent = arrivals(dice, 100, 26)
    service = dice.exponential(0.5, sent.size) * np.where(sent < 60, 0.5, 1)
    none = found(table_of(sent, queued(sent, service, 10)))
    assert isinstance(none, Unsteady)
    assert none.fell_behind


def test_traffic_that_grows_is_not_the_targets_fault() -> None:
    """More in flight because more is sent: not steady, and nobody fell behind."""
    dice = np.random.default_rng(4)
    sent = arrivals(dice, 100, 50)
    more = sent[dice.uniform(size=sent.size) < sent / 100]
    none = found(table_of(more, np.full(more.size, 0.5)))
    assert isinstance(none, Unsteady)
    assert not none.fell_behind
    assert none.reason.startswith("the number of requests in flight went from ")
    fewer = np.sort(100 - more)
    none = found(table_of(fewer, np.full(fewer.size, 0.5)))
    assert isinstance(none, Unsteady)
    first, last = (float(word) for word in none.reason.split() if word[0].isdigit())
    assert first > last


def test_the_drain_is_left_out() -> None:
    """Traffic that ebbs away at the end is no part of the window."""
    dice = np.random.default_rng(5)
    sent = arrivals(dice, 100, 40)
    sent = sent[(sent < 70) | (dice.uniform(size=sent.size) < 0.2)]
    window = found(table_of(sent, np.full(sent.size, 1.0)))
    assert isinstance(window, Window)
    assert 69 <= window.end_s <= 73


def test_warm_up_is_in_flight_but_not_in_the_window() -> None:
    """Behind a warm-up there is no ramp: what it left on the wire is there from the start."""
    sent = np.arange(0, 100, 0.1)
    lasts = np.full(sent.size, 10.0)
    cold = found(table_of(sent, lasts))
    warm = found(table_of(sent, lasts, warmup_s=30))
    assert isinstance(cold, Window)
    assert isinstance(warm, Window)
    assert 9 <= cold.start_s <= 10
    assert 30 <= warm.start_s <= 31


@drawn
@given(st.randoms(use_true_random=False), st.integers(0, 10**6))
def test_the_order_of_the_records_is_nothing(shuffle: object, seed: int) -> None:
    """The same records in any order give the same answer."""
    dice = np.random.default_rng(seed)
    sent = arrivals(dice, 30, 8)
    table = table_of(sent, dice.exponential(dice.uniform(0.1, 5), sent.size))
    order = list(range(table.size))
    shuffle.shuffle(order)
    mixed = table[order]
    mixed = mixed[np.argsort(mixed["seq"], kind="stable")]  # as `Columns.table` hands them over
    assert found(mixed) == found(table)
    assert found(table[order]) == found(table)


@drawn
@given(
    st.lists(st.tuples(st.floats(0, 20), st.floats(0, 9)), min_size=1, max_size=30),
    st.integers(1, 60),
)
def test_the_number_in_flight(requests: list[tuple[float, float]], slices: int) -> None:
    """Slice for slice the mean number in flight, against the plain sum of overlaps."""
    sent = np.array([at for at, _ in requests])
    ended = sent + np.array([lasts for _, lasts in requests])
    starts = np.arange(slices) * 0.5
    overlaps = np.minimum(ended[:, None], starts + 0.5) - np.maximum(sent[:, None], starts)
    expected = np.clip(overlaps, 0, None).sum(axis=0) / 0.5
    assert in_flight(sent, ended, 0.5, slices) == pytest.approx(expected, abs=1e-9)


def test_what_is_too_little() -> None:
    """Too few requests, or too short a time: the reason says which, with its number."""
    few = found(table_of(np.arange(LEAST_SENT - 1.0), np.ones(LEAST_SENT - 1)))
    assert few == Unsteady(f"{LEAST_SENT - 1} requests were sent, {LEAST_SENT} are needed")
    at_once = found(table_of(np.full(80, 3.0), np.ones(80)))
    assert isinstance(at_once, Unsteady)
    assert at_once.reason == "all were sent within 0 s, too short a time to tell"
    late = table_of(np.arange(0, 100, 0.5), np.ones(200), warmup_s=100 - LEAST_SLICES + 2)
    assert isinstance(found(late), Unsteady)
    nothing = table_of(np.array([]), np.array([]))
    assert isinstance(find_window(nothing, 1 / 64), Unsteady)


def test_requests_that_were_never_sent_are_not_in_flight() -> None:
    """Dropped and skipped ones have no part in it, and no NaN comes of them."""
    sent = np.arange(0, 60, 0.1)
    table = table_of(sent, np.full(sent.size, 1.0))
    expected = found(table)
    dropped = table.copy()
    dropped["sent"] = np.nan
    assert found(np.concatenate([table, dropped])) == expected
    assert isinstance(find_window(dropped, 1.0), Unsteady)


def test_a_million_requests_are_no_wait() -> None:
    """The time grows with the requests, and a million take well under a second."""
    dice = np.random.default_rng(6)
    sent = np.sort(dice.uniform(0, 3600, 1_000_000))
    table = table_of(sent, dice.exponential(2, sent.size))
    began = time.perf_counter()
    assert isinstance(found(table), Window)
    assert time.perf_counter() - began < 2
