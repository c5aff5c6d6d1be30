"""Rows that wait for others: who waits for whom, what is refused, what a row goes on with."""

from __future__ import annotations

import json
import math
import tracemalloc
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.schedule.dependents import Gathering, continues
from sagellm_benchmark.schedule.plan import make_plan
from sagellm_benchmark.schedule.planned import Planned
from sagellm_benchmark.schedule.soundness import Soundness
from sagellm_benchmark.trace.row import SCHEMA, Header, Row, Source
from sagellm_benchmark.trace.source import Trace, open_trace
from sagellm_benchmark.trace.transforms import Pace, Selection

HEADER = Header(schema=SCHEMA, source=Source(name="t"))


def gathered(*rows):
    """Who waits, of these rows."""
    sound, gathering = Soundness(), Gathering()
    sound.add(rows)
    gathering.add([Planned(seq, 0, row) for seq, row in enumerate(rows)])
    return gathering.finish(sound.hashes)


def row(name, *waits_for, **fields):
    """A row of ten tokens."""
    more = {"arrival_time_s": 1.0, "input_tokens": 10, **fields}
    return Row(request_id=name, depends_on=list(waits_for), **more)


def plan_of(*rows, pace=None, **more):
    """The plan of these rows."""

    def start(_):
        return iter([Row(**{field: getattr(each, field) for field in each.__struct_fields__})
                     for each in rows])  # fmt: skip

    trace = Trace(HEADER, start, path=None, format="native")
    return make_plan(trace, Selection(), pace or Pace(), **more)


GRAPHS = st.integers(1, 40).flatmap(
    lambda count: st.lists(
        st.lists(st.integers(0, 10**6), max_size=3), min_size=count, max_size=count
    )
)


@settings(derandomize=True, deadline=None)
@given(GRAPHS)
def test_any_graph_is_known_from_both_sides(picks):
    """Whom a row waits for, who waits for a row, and each row itself, come back as they were."""
    waits = [sorted({pick % seq for pick in names}) if seq else []
             for seq, names in enumerate(picks)]  # fmt: skip
    rows = [row(f"r{seq}", *(f"r{each}" for each in names)) for seq, names in enumerate(waits)]
    found = gathered(*rows)
    if found is None:
        assert not any(waits)
        return
    assert found.count == sum(bool(names) for names in waits)
    for seq, names in enumerate(waits):
        assert found.parents(seq) == len(names)
        assert found.behind(seq) == [child for child, each in enumerate(waits) if seq in each]
        assert found.hears(seq) == (names[0] if names else None)
        if names:
            assert found.row(seq) == rows[seq]


def test_a_row_may_name_later_ones_and_one_twice():
    """The order of the trace says nothing; who is named twice is waited for once."""
    found = gathered(row("late", "b", "a", "b"), row("a"), row("b"))
    assert (found.parents(0), found.behind(1), found.behind(2)) == (2, [0], [0])
    assert found.hears(0) == 2


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([row("a", "a")], "request a waits for itself"),
        ([row("a", "b"), row("b", "a")], r"2 requests wait in a circle or behind one, such as a"),
        (
            [row("x"), row("a", "x", "c"), row("b", "a"), row("c", "b"), row("d", "c")],
            "4 requests wait in a circle or behind one, such as a, which waits for x",
        ),
        (
            [row("a"), row("b", "gone", arrival_time_s=None), row("c", "gone")],
            "1 request waits for others that are not sent, without an arrival time to come at "
            "instead, such as b, which waits for gone",
        ),
    ],
)
def test_what_can_never_be_due_is_refused(rows, words):
    """Circles and rows without anybody to wait for and without a time: one line that names one."""
    with pytest.raises(UsageError, match=words) as refused:
        gathered(*rows)
    assert "\n" not in str(refused.value)


def test_orphans_come_at_their_time():
    """A row that waits for nobody who is sent is due at its arrival; half an orphan still waits."""
    plan = plan_of(
        row("a", arrival_time_s=0.0),
        row("b", "gone", arrival_time_s=2.0, think_time_s=5.0, relation="continue"),
        row("c", "gone", "a", arrival_time_s=3.0),
        row("d", "b", arrival_time_s=4.0, input_tokens=None, new_input_tokens=7),
    )
    assert [(each.seq, each.due_ns) for each in plan.planned()] == [(0, 0), (1, 2 * 10**9)]
    orphan = list(plan.planned())[1].row
    assert (orphan.depends_on, orphan.think_time_s, orphan.relation) == ([], None, None)
    assert (plan.dependents.orphans, plan.dependents.count) == (1, 2)
    assert plan.dependents.at_once == 2
    assert plan.dependent(2).row.depends_on == ["a"]
    assert plan.dependents.hears(2) == 0
    assert plan.dependents.behind(1) == [3]


def test_an_orphan_that_said_only_what_was_new_sends_that():
    """Without the conversation its new tokens are its prompt."""
    plan = plan_of(row("b", "gone", input_tokens=None, new_input_tokens=7))
    [only] = plan.planned()
    assert only.row.input_tokens == 7


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, True),
        ({"relation": "continue"}, True),
        ({"relation": "fork"}, True),
        ({"relation": "join"}, True),
        ({"relation": "spawn"}, False),
        ({"prefix_block_ids": [1]}, False),
        ({"messages": [{"role": "user", "content": "x"}]}, False),
        ({"messages": [{"role": "user", "content": "x"}], "message_mode": "history"}, False),
        ({"messages": [{"role": "user", "content": "x"}], "message_mode": "delta"}, True),
        ({"prompt": "x", "message_mode": "delta"}, True),
        ({"prompt": "x"}, False),
        ({"depends_on": []}, False),
    ],
)
def test_what_goes_on_with_a_conversation(fields, expected):
    """Own turns and made ones do; what was recorded whole, and what is spawned, does not."""
    assert continues(Row(**{"request_id": "r", "depends_on": ["p"], **fields})) is expected


def test_think_times_follow_the_pace():
    """They are divided as arrivals are, by a speed or by what makes a rate, or by their own."""
    rows = [row("a", arrival_time_s=0.0), row("b", "a", arrival_time_s=8.0, think_time_s=4.0)]
    assert plan_of(*rows, pace=Pace(2.0)).dependent(1).think_ns == 2 * 10**9
    assert plan_of(*rows, pace=Pace(rate=0.5)).dependent(1).think_ns == 10**9
    assert plan_of(*rows, pace=Pace(2.0), think_speed=8.0).dependent(1).think_ns == 5 * 10**8
    closed = plan_of(*rows, pace=Pace(), closed=True)
    assert (closed.dependent(1).think_ns, closed.dependent(1).due_ns) == (4 * 10**9, None)


def test_numbers_follow_the_trace():
    """A row that waits has its number like any; those that do not are planned around it."""
    plan = plan_of(row("a"), row("b", "a"), row("c"), row("d", "c"), row("e"))
    assert [each.seq for each in plan.planned()] == [0, 2, 4]
    assert [plan.dependent(seq).row.request_id for seq in (1, 3)] == ["b", "d"]
    assert (plan.rows, plan.total_rows) == (5, 5)


@pytest.mark.parametrize(
    "change",
    [
        {"depends_on": ["c"]},
        {"think_time_s": 2.0},
        {"relation": "fork"},
        {"new_input_tokens": 3},
        {"message_mode": "history"},
    ],
)
def test_the_digest_covers_who_waits_for_whom(change):
    """And for how long; when such a row once arrived decides nothing and is not part of it."""

    def digest(**fields):
        last = {"depends_on": ["a"], "arrival_time_s": 2.0, **fields}
        return plan_of(row("a"), row("c"), Row(request_id="b", input_tokens=10, **last)).digest

    assert digest(**change) != digest()
    assert digest(arrival_time_s=5.0) == digest()


def test_rounds_repeat_the_trace():
    """Later rounds come one mean gap behind, ids and waits of their own, numbers going on."""
    rows = [row("a", arrival_time_s=0.0, session_id="s"), row("b", "a", arrival_time_s=2.0),
            row("c", arrival_time_s=4.0)]  # fmt: skip
    plan = plan_of(*rows, times=3, pace=Pace(2.0))
    assert (plan.rows, plan.total_rows, plan.span_s, plan.period_s) == (3, 9, 2.0, 3.0)
    assert plan.total_span_s == 8.0
    found = [(each.seq, each.round, each.due_ns, each.row.request_id, each.row.arrival_time_s)
             for each in plan.planned()]  # fmt: skip
    assert found == [
        (0, 0, 0, "a", 0.0), (2, 0, 2 * 10**9, "c", 4.0),
        (3, 1, 3 * 10**9, "a+1", 6.0), (5, 1, 5 * 10**9, "c+1", 10.0),
        (6, 2, 6 * 10**9, "a+2", 12.0), (8, 2, 8 * 10**9, "c+2", 16.0),
    ]  # fmt: skip
    assert plan.dependents.behind(6) == [7]
    assert plan.dependents.hears(7) == 6
    assert plan.dependents.parents(7) == 1
    again = plan.dependent(7)
    assert (again.round, again.row.request_id, again.row.depends_on) == (2, "b+2", ["a+2"])
    once = plan_of(*rows, pace=Pace(2.0))
    assert once.digest != plan.digest != plan_of(*rows, times=4, pace=Pace(2.0)).digest


def test_a_plan_for_ever_has_no_end():
    """Rows never run out, and nobody pretends to know how many there are."""
    plan = plan_of(row("a", arrival_time_s=0.0), row("b", arrival_time_s=1.0), times=math.inf)
    last = list(islice(plan.planned(), 1001))[-1]
    assert (last.seq, last.round, last.row.request_id) == (1000, 500, "a+500")
    assert (plan.total_rows, plan.total_span_s) == (math.inf, math.inf)


def test_rounds_need_a_length():
    """Where all rows come at once, only a closed loop can repeat them."""
    rows = [row("a"), row("b")]
    with pytest.raises(UsageError, match="--loop: all rows arrive at one instant"):
        plan_of(*rows, times=2)
    assert len(list(plan_of(*rows, times=2, closed=True).planned())) == 4


def test_planning_sessions_holds_no_rows(tmp_path):
    """30,000 rows of which 29,000 wait cost some bytes a row, and each can be had again."""
    path = tmp_path / "t.jsonl"
    with path.open("w") as file:
        file.write('{"schema":"sagellm.trace/1","source":{"name":"t"}}\n')
        for seq in range(30_000):
            fields = {"depends_on": [f"r{seq - 1000}"]} if seq >= 1000 else {}
            fields |= {"request_id": f"r{seq}", "arrival_time_s": seq / 100, "input_tokens": 9}
            file.write(json.dumps({**fields, "session_id": f"s{seq % 1000}"}) + "\n")
    trace = open_trace(path)
    tracemalloc.start()
    try:
        plan = make_plan(trace, Selection(), Pace())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 9e6
    assert (plan.dependents.count, plan.sessions) == (29_000, 1000)
    assert plan.dependent(29_999).row.depends_on == ["r28999"]
