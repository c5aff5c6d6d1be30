"""Selections, pace and conversion."""

from __future__ import annotations

import math

import pytest
from files import TRACES, native
from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.row import Row
from sagellm_benchmark.trace.source import open_trace
from sagellm_benchmark.trace.transforms import Pace, Selection, pace_factor, select

fixed = settings(derandomize=True, deadline=None)
rows = st.lists(st.tuples(st.floats(0, 100), st.none() | st.sampled_from("abc"))).map(
    lambda pairs: [
        Row(request_id=f"r{number}", arrival_time_s=time, session_id=session, input_tokens=1)
        for number, (time, session) in enumerate(sorted(pairs, key=lambda pair: pair[0]))
    ]
)
bound = st.none() | st.floats(0.1, 99)


@fixed
@given(rows, bound, bound, st.none() | st.integers(1, 5), st.booleans())
def test_a_selection_is_a_part_in_order(made, start_s, end_s, limit, cut):
    """Selected rows are rows of the trace, in its order, inside [start, end)."""
    if end_s is not None and end_s <= (start_s or 0):
        end_s = None
    taken = list(select(iter(made), Selection(start_s, end_s, limit, cut)))
    inside = [row for row in made if (start_s or 0) <= row.arrival_time_s < (end_s or math.inf)]
    assert taken == [row for row in inside if row in taken]
    if limit is None:
        assert taken == inside
    else:
        assert taken[:limit] == inside[:limit]
        sessions = {row.session_id for row in taken[:limit]} - {None}
        rest = [] if cut else [row for row in inside[limit:] if row.session_id in sessions]
        assert taken[limit:] == rest


def test_reading_stops_early():
    """What lies behind the end or the limit is not even looked at."""

    def endless():
        number = 0
        while True:
            yield Row(request_id=f"r{number}", arrival_time_s=float(number))
            number += 1

    assert len(list(select(endless(), Selection(end_s=5.0)))) == 5
    assert len(list(select(endless(), Selection(limit=7)))) == 7


def test_rows_without_a_time_go_with_their_session():
    """What waits is taken where its session was, else with the row before it, and counts."""
    rows = [
        Row(request_id="a0", arrival_time_s=0.0, session_id="a"),
        Row(request_id="alone", depends_on=["a0"]),
        Row(request_id="b0", arrival_time_s=1.0, session_id="b"),
        Row(request_id="a1", depends_on=["a0"], session_id="a"),
        Row(request_id="after", depends_on=["b0"]),
        Row(request_id="b1", depends_on=["b0"], session_id="b"),
    ]

    def taken(**part):
        return [row.request_id for row in select(iter(rows), Selection(**part))]

    assert taken() == [row.request_id for row in rows]
    assert taken(start_s=0.5) == ["b0", "after", "b1"]
    assert taken(end_s=0.5) == ["a0", "alone"]
    assert taken(limit=2) == ["a0", "alone", "a1"]
    assert taken(limit=3, cut_sessions=True) == ["a0", "alone", "b0"]


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        ({"start_s": -1.0}, "--start"),
        ({"start_s": math.nan}, "--start"),
        ({"end_s": 0.0}, "--end"),
        ({"start_s": 5.0, "end_s": 5.0}, "--end"),
        ({"end_s": math.inf}, "--end"),
        ({"limit": 0}, "--limit"),
    ],
)
def test_impossible_selections_name_the_option(arguments, option):
    """A selection that can hold nothing is refused before anything is read."""
    with pytest.raises(UsageError, match=option):
        Selection(**arguments)


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        ({"speed": 0.0}, "--speed"),
        ({"speed": -1.0}, "--speed"),
        ({"speed": math.nan}, "--speed"),
        ({"rate": math.inf}, "--rate"),
        ({"rate": 0.0}, "--rate"),
        ({"speed": 2.0, "rate": 1.0}, "--rate: excludes --speed"),
    ],
)
def test_impossible_paces_name_the_option(arguments, option):
    """A pace that is no pace, or two of them, are refused."""
    with pytest.raises(UsageError, match=option):
        Pace(**arguments)


def test_a_rate_is_reached_over_the_selected_rows():
    """The factor makes the mean rate of the selected rows what was asked."""
    trace = open_trace(TRACES / "azure_lookalike.csv")
    selection = Selection(start_s=5.0, end_s=40.0)
    taken = [row.arrival_time_s for row in select(trace.rows(), selection)]
    factor = pace_factor(select(trace.rows(), selection), Pace(rate=11.0))
    assert (len(taken) - 1) / ((taken[-1] - taken[0]) / factor) == pytest.approx(11.0)


def test_no_rate_without_a_span(tmp_path):
    """Rows at one instant have no pace to change."""
    trace = open_trace(native(tmp_path / "t.jsonl", {}, {"arrival_time_s": 0.0}))
    with pytest.raises(UsageError, match="--rate: all rows arrive at one instant"):
        pace_factor(trace.rows(), Pace(rate=1.0))
