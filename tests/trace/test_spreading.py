"""Ties of coarse clocks, spread over their ticks."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest
from files import TRACES, native, real_slices
from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.changes.spreading import SpreadTies, is_coarse, spread_tick_s
from sagellm_benchmark.trace.changes.words import fraction, fractions
from sagellm_benchmark.trace.row import SCHEMA, Header, Row, Source
from sagellm_benchmark.trace.source import Trace, open_trace
from sagellm_benchmark.trace.statistics import inspect

fixed = settings(derandomize=True, deadline=None)
MOONCAKE = TRACES / "mooncake_lookalike.jsonl"


def _made(ticks, tick_s=2.0):
    header = Header(schema=SCHEMA, source=Source(name="t"), time_resolution_s=tick_s)

    def rows(tally):
        for number, tick in enumerate(ticks):
            waits = {"depends_on": ["r0"]} if tick is None else {"arrival_time_s": tick * tick_s}
            yield Row(request_id=f"r{number}", input_tokens=1, **waits)

    return Trace(header, rows, path=None, format="test")


@pytest.mark.parametrize("count", [0, 1, 31, 32, 500])
@pytest.mark.parametrize("start", [0, 12345678901234567890, 2**64 - 1])
def test_many_draws_are_the_same_as_one_by_one(start, count):
    """However many rows a tick has, the n-th one's draw is the same."""
    assert fractions(start, count) == [fraction(start, number) for number in range(count)]


@fixed
@given(st.lists(st.integers(0, 6) | st.none(), max_size=30), st.integers(0, 3))
def test_rows_stay_in_order_and_in_their_tick(ticks, seed):
    """Every row keeps its place and moves within its own tick; rows that wait stay as they are."""
    ticks = sorted(tick for tick in ticks if tick is not None) + [None] * ticks.count(None)
    rows = list(SpreadTies(seed).applied(_made(ticks)).rows())
    assert [row.request_id for row in rows] == [f"r{number}" for number in range(len(ticks))]
    timed = [row.arrival_time_s for row in rows if row.arrival_time_s is not None]
    assert timed == sorted(timed)
    for row, tick in zip(rows, ticks, strict=True):
        assert (row.arrival_time_s is None) == (tick is None)
        assert tick is None or 2 * tick <= row.arrival_time_s <= 2 * tick + 2


def test_spread_arrivals_are_uniform_in_their_ticks():
    """Within the ticks, instants are even: mean and variance are those of the uniform law."""
    rows = SpreadTies(1).applied(_made([n // 5 for n in range(20_000)])).rows()
    parts = np.array([row.arrival_time_s % 2 / 2 for row in rows])
    assert abs(parts.mean() - 0.5) < 3 / np.sqrt(12 * len(parts))
    assert parts.var() == pytest.approx(1 / 12, rel=0.03)


def test_a_tick_that_comes_early_ends_the_one_before():
    """A clock that jitters, such as 2,999 and 3,001 ms, keeps its rows apart."""
    rows = SpreadTies().applied(_made([0, 0, 0, 0.9, 0.9], tick_s=3.0)).rows()
    times = [row.arrival_time_s for row in rows]
    assert max(times[:3]) <= 2.7 <= min(times[3:])


def test_a_part_is_spread_as_the_whole_is():
    """Instants depend on the tick and the seed alone; another seed gives others."""
    whole = [row.arrival_time_s for row in SpreadTies(4).applied(_made([0, 1, 1, 1, 2])).rows()]
    part = [row.arrival_time_s for row in SpreadTies(4).applied(_made([1, 1, 1])).rows()]
    assert whole[1:4] == part
    assert part != [row.arrival_time_s for row in SpreadTies(5).applied(_made([1, 1, 1])).rows()]


def test_the_look_alike_loses_its_ties():
    """The header says what was done, the clock is fine then, and bursts of the clock are gone."""
    raw = open_trace(MOONCAKE)
    spread = SpreadTies(1).applied(raw)
    assert (is_coarse(raw.header), is_coarse(spread.header)) == (True, False)
    assert spread.header.transforms == [{"op": "spread_ties", "tick_s": 3.0, "seed": 1}]
    assert (spread_tick_s(raw.header), spread_tick_s(spread.header)) == (None, 3.0)
    before, after = inspect(raw), inspect(spread)
    assert before["iat"]["ties"] > 0.8
    assert after["iat"]["ties"] == 0
    assert before["idc"]["1"] > 3 > 2 > after["idc"]["1"]
    assert after["rows"] == before["rows"] == 120


def test_an_unknown_clock_is_refused(tmp_path):
    """A trace that does not say how coarse its clock is cannot be spread; a fine one stays."""
    with pytest.raises(UsageError, match="does not say how coarse its clock is"):
        SpreadTies().applied(open_trace(native(tmp_path / "t.jsonl", {})))
    fine = open_trace(native(tmp_path / "f.jsonl", {}, time_resolution_s=1e-7))
    assert SpreadTies().applied(fine) is fine


def test_the_real_trace_is_poisson_below_its_tick():
    """Mooncake's conversations, spread: no ties, gaps with a CV of about 1, as published."""
    path = real_slices() / "mooncake/conversation_trace_head2000.jsonl"
    figures = inspect(SpreadTies().applied(open_trace(path)))
    assert figures["iat"]["cv"] == pytest.approx(1.0, abs=0.05)
    assert figures["idc"]["1"] == pytest.approx(1.0, abs=0.1)


def test_nothing_but_a_tick_is_held():
    """Rows come as soon as their tick is over."""
    seen = []

    def ticks():
        for number in range(100):
            seen.append(number)
            yield number // 10

    rows = SpreadTies().applied(_made(ticks())).rows()
    next(rows)
    assert len(seen) == 11
    gaps = defaultdict(int)
    for early, late in pairwise(row.arrival_time_s for row in rows):
        gaps[late >= early] += 1
    assert gaps == {True: 98}
