"""Rows on several targets: what belongs together stays together, and the counts are even."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.schedule.plan import make_plan
from sagellm_benchmark.trace.source import open_trace
from sagellm_benchmark.trace.synthesis import uniform
from sagellm_benchmark.trace.transforms import Pace, Selection

HEADER = {"schema": "sagellm.trace/1", "source": {"name": "t"}}
fixed = settings(derandomize=True, deadline=None)


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """Makes a plan of rows, a second apart, of these fields."""
    path = tmp_path_factory.mktemp("rows") / "t.jsonl"

    def plan(rows, hosts, **more):
        lines = [HEADER] + [
            {"request_id": f"r{number}", "arrival_time_s": number, "input_tokens": 10, **row}
            for number, row in enumerate(rows)
        ]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return make_plan(open_trace(path), Selection(), Pace(), hosts=hosts, **more)

    return plan


def places(plan):
    """The target of every row, by its number."""
    found = {planned.seq: planned.host for planned in plan.planned()}
    waiting = set(range(int(plan.total_rows))) - found.keys()
    return found | {seq: plan.dependent(seq).host for seq in waiting}


@fixed
@given(st.integers(1, 60), st.integers(2, 5))
def test_rows_alone_go_round(rows, hosts):
    """Every target in turn, so that no two counts differ by more than one, at any time."""
    plan = make_plan(uniform(5, 5, rows, rate=1.0), Selection(), Pace(), hosts=hosts)
    assert [planned.host for planned in plan.planned()] == [seq % hosts for seq in range(rows)]


@st.composite
def conversations(draw):
    """Rows of sessions, rows that wait for others, earlier or later ones, and rows alone."""
    rows = []
    for number in range(draw(st.integers(1, 25))):
        row = {}
        if draw(st.booleans()):
            row["session_id"] = f"s{draw(st.integers(0, 4))}"
        if number and draw(st.booleans()):
            earlier = st.integers(0, number - 1)
            waits = draw(st.sets(earlier, min_size=1, max_size=3))
            row["depends_on"] = [f"r{each}" for each in sorted(waits)]
        rows.append(row)
    return rows


@fixed
@given(conversations(), st.integers(2, 4))
def test_what_belongs_together_stays_together(planned, rows, hosts):
    """Sessions and conversations have one target each, and so has what joins two of them."""
    where = places(planned(rows, hosts))
    of_session = {}
    for number, row in enumerate(rows):
        assert 0 <= where[number] < hosts
        for name in row.get("depends_on", ()):
            assert where[int(name[1:])] == where[number]
        if "session_id" in row:
            assert of_session.setdefault(row["session_id"], where[number]) == where[number]


def test_the_next_session_goes_where_the_fewest_rows_are(planned):
    """Not blindly in turn: a long session counts for what it is; lone rows fill the gaps."""
    long = [{"session_id": "a"}, {"session_id": "b"}, {"session_id": "a"}, {"session_id": "a"}]
    where = places(planned([*long, {"session_id": "c"}, {}, {"session_id": "d"}], 2))
    assert [where[seq] for seq in range(7)] == [0, 1, 0, 0, 1, 1, 0]


def test_a_long_chain_has_one_target(planned):
    """A conversation without a session's name, however many turns it has, beside another."""
    rows = [{}, {}] + [{"depends_on": [f"r{number - 2}"]} for number in range(2, 600)]
    where = places(planned(rows, 2))
    assert Counter(where.values()) == {0: 300, 1: 300}
    assert all(where[seq] == seq % 2 for seq in where)


def test_each_round_moves_on(planned):
    """A trace that is replayed again loads the targets evenly over its rounds."""
    plan = planned([{"session_id": "a"}, {"session_id": "a"}, {}], 2, times=4)
    found = [planned.host for planned in plan.planned()]
    assert found == [0, 0, 1, 1, 1, 0] * 2


def test_one_target_costs_nothing(planned):
    """No allotment is made, and every row goes to the first."""
    plan = planned([{"session_id": "a"}, {}], 1)
    assert plan.allotment is None
    assert set(places(plan).values()) == {0}


def test_the_digest_is_that_of_the_schedule(planned):
    """The same rows at the same times are the same schedule, on however many targets."""
    rows = [{"session_id": "a"}, {}, {"depends_on": ["r0"]}]
    assert len({planned(rows, hosts).digest for hosts in (1, 2, 3)}) == 1
