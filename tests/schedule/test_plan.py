"""The plan: due times, order, digest, checks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.schedule.plan import make_plan
from sagellm_benchmark.trace.source import open_trace
from sagellm_benchmark.trace.synthesis import demo, uniform
from sagellm_benchmark.trace.transforms import Pace, Selection

REPOSITORY = Path(__file__).parents[2]
MOONCAKE = REPOSITORY / "traces/mooncake_lookalike.jsonl"
DEMO = REPOSITORY / "src/sagellm_benchmark/data/demo.jsonl"
HEADER = {"schema": "sagellm.trace/1", "source": {"name": "t"}}
fixed = settings(derandomize=True, deadline=None)


def _trace(path, *rows, **header):
    filled = [
        {"request_id": f"r{number}", "arrival_time_s": float(number), "input_tokens": 10, **row}
        for number, row in enumerate(rows)
    ]
    kept = [{key: value for key, value in row.items() if value is not None} for row in filled]
    path.write_text("".join(json.dumps(row) + "\n" for row in [{**HEADER, **header}, *kept]))
    return open_trace(path)


def _dues(plan):
    return [planned.due_ns for planned in plan.planned()]


@fixed
@given(
    st.none() | st.floats(0, 20), st.none() | st.floats(20.5, 40), st.none() | st.integers(1, 50),
    st.floats(0.1, 100),
)  # fmt: skip
def test_any_selection_keeps_due_order(start_s, end_s, limit, speed):
    """Rows come numbered from 0, in due order, none before the start, each pass alike."""
    selection = Selection(start_s, end_s, limit)
    plan = make_plan(demo(), selection, Pace(speed))
    planned = list(plan.planned())
    dues = [each.due_ns for each in planned]
    assert dues == sorted(dues)
    assert dues[0] >= 0
    assert [each.seq for each in planned] == list(range(plan.rows))
    assert list(plan.planned()) == planned


def test_the_first_row_is_due_at_once_unless_a_start_is_given(tmp_path):
    """Without a start the first row is due at 0; with one, that instant is."""
    trace = _trace(tmp_path / "t.jsonl", {"arrival_time_s": 7.5}, {"arrival_time_s": 9.0})
    assert _dues(make_plan(trace, Selection(), Pace())) == [0, 1_500_000_000]
    assert _dues(make_plan(trace, Selection(start_s=7.0), Pace(2.0))) == [250_000_000, 10**9]


def test_a_rate_retimes_the_selected_rows():
    """The mean rate is what was asked, and the shape of the arrivals is kept."""
    plain = make_plan(demo(), Selection(limit=50), Pace())
    paced = make_plan(demo(), Selection(limit=50), Pace(rate=20.0))
    assert paced.rate_per_s == pytest.approx(20.0)
    assert [due / paced.span_s for due in _dues(paced)] == pytest.approx(
        [due / plain.span_s for due in _dues(plain)]
    )


def test_a_closed_loop_has_no_due_times():
    """Rows keep their order and are due whenever a user is free; what needs times is unknown."""
    plan = make_plan(demo(), Selection(), Pace(), closed=True)
    assert set(_dues(plan)) == {None}
    assert (plan.rate_per_s, plan.peak_rate_per_s, plan.peak_streams) == (None, None, None)
    assert (plan.span_s, plan.coarse, plan.rows) == (0.0, False, 197)


def test_totals_and_peaks(tmp_path):
    """Token totals, the fullest second and the estimate of streams are what counting gives."""
    arrivals = ((0.0, "a"), (0.1, "a"), (0.9, None), (1.0, "b"), (9.0, "b"))
    rows = [
        {"arrival_time_s": second, "output_tokens": 100, "session_id": session}
        for second, session in arrivals
    ]
    plan = make_plan(_trace(tmp_path / "t.jsonl", *rows), Selection(), Pace())
    assert (plan.rows, plan.input_tokens, plan.output_tokens, plan.sessions) == (5, 50, 500, 2)
    assert (plan.peak_rate_per_s, plan.peak_streams) == (3, 4)
    assert (plan.span_s, plan.rate_per_s) == (9.0, 4 / 9)
    assert plan.trace_sha256 == open_trace(tmp_path / "t.jsonl").sha256


def test_coarse_times_are_told_from_fine_ones(tmp_path):
    """A wide grid or many ties mark a plan as coarse."""
    ties = _trace(tmp_path / "t.jsonl", *({"arrival_time_s": float(n // 2)} for n in range(10)))
    assert make_plan(ties, Selection(), Pace()).coarse
    assert make_plan(open_trace(MOONCAKE), Selection(), Pace()).coarse
    assert not make_plan(demo(), Selection(), Pace()).coarse


def test_the_digest_is_the_same_in_any_process():
    """Another process with another hash seed plans the same schedule."""
    code = (
        "import sys; from sagellm_benchmark.trace.source import open_trace;"
        "from sagellm_benchmark.trace.transforms import Pace, Selection;"
        "from sagellm_benchmark.schedule.plan import make_plan;"
        "print(make_plan(open_trace(sys.argv[1]), Selection(1.0), Pace(3.0)).digest)"
    )
    for seed in ("0", "99"):
        done = subprocess.run(
            [sys.executable, "-c", code, str(DEMO)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == (
            "11d017be0792a6957699baf1c278d2fd311142e551fd5bbe439a1fae431bad9a"
        )


@pytest.mark.parametrize(
    "change",
    [
        {"arrival_time_s": 1.5},
        {"request_id": "other"},
        {"model": "m"},
        {"operation": "embeddings"},
        {"input_tokens": 11},
        {"output_tokens": 3},
        {"max_tokens": 3},
        {"prefix_block_ids": [1]},
        {"prompt": "hello"},
        {"extra_body": {"top_k": 1}},
    ],
)
def test_the_digest_covers_what_is_sent(tmp_path, change):
    """Any change to when or what is sent changes the digest; what is only recorded does not."""
    before = make_plan(_trace(tmp_path / "a", {}, {}, block_size=16), Selection(), Pace())
    after = make_plan(_trace(tmp_path / "b", {}, change, block_size=16), Selection(), Pace())
    same = make_plan(_trace(tmp_path / "c", {}, {"recorded": {"a": 1}}, block_size=16),
                     Selection(), Pace())  # fmt: skip
    assert after.digest != before.digest == same.digest


def test_the_digest_sees_no_key_order(tmp_path):
    """Recorded content with its keys in another order is the same content."""
    one = _trace(tmp_path / "a", {"extra_body": {"a": 1, "b": 2}})
    two = _trace(tmp_path / "b", {"extra_body": {"b": 2, "a": 1}})
    assert make_plan(one, Selection(), Pace()).digest == make_plan(two, Selection(), Pace()).digest


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ([{"arrival_time_s": None, "depends_on": ["x"]}], "such as r0, which waits for x"),
        ([{"depends_on": ["r0"]}], "request r0 waits for itself"),
        ([{"depends_on": ["r1"]}, {"depends_on": ["r0"]}], "2 requests wait in a circle"),
        ([{"input_tokens": None}], "r0 has neither input_tokens nor content"),
        ([{}, {"headers": {"X Y": "a"}}], "r1: recorded header 'X Y' is not a header name"),
        ([{"headers": {"X": "a\r\nY: b"}}], "r0: recorded header 'X' has a value with a line"),
        ([{"headers": {"Connection": "x"}}], "'Connection' is set by the client itself"),
        ([{}, {"request_id": "r0"}], "request_id 'r0' is there twice"),
        (
            [{"message_mode": "delta", "turn_index": 1, "messages": []}],
            r"mode delta\) and does not say",
        ),
        ([], r"no rows to send \(0 read\)"),
    ],
)
def test_what_cannot_be_sent_is_refused_before_any_load(tmp_path, rows, what):
    """Each row that this version cannot replay ends the plan with its name and the reason."""
    with pytest.raises(UsageError, match=what):
        make_plan(_trace(tmp_path / "t.jsonl", *rows), Selection(), Pace())


def test_rows_without_output_are_fine(tmp_path):
    """A row that does not say how long its reply was is sent without a cap."""
    rows = [{"output_tokens": 0}, {}, {"input_tokens": None, "prompt": "x"}]
    plan = make_plan(_trace(tmp_path / "t.jsonl", *rows), Selection(), Pace())
    assert (plan.rows, plan.output_tokens, plan.made_prompts) == (3, 0, 2)


def test_planning_holds_no_rows():
    """Planning 30,000 rows holds the ids' hashes, and no row."""
    trace = uniform(100, 10, 30_000, rate=1000.0)
    tracemalloc.start()
    try:
        make_plan(trace, Selection(), Pace())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4e6


def _mixed():
    """Rows of every kind that the digest tells apart, more of them than are looked at together."""
    for number in range(200):
        row = {"arrival_time_s": number // 3 * 0.25, "output_tokens": number % 7 * 40}
        if number % 4 == 1:
            row |= {"depends_on": [f"r{number - 1}"], "relation": "continue",
                    "think_time_s": 0.5, "session_id": f"s{number // 4}"}  # fmt: skip
        if number % 5 == 2:
            row |= {"messages": [{"role": "user", "content": "hi"}], "sampling": {"b": 1, "a": 2}}
        if number % 9 == 3:
            row |= {"model": "m", "max_tokens": 9, "operation": "chat", "stream": False}
        yield row


def test_the_digest_of_yesterdays_schedules_has_not_changed(tmp_path):
    """Whatever the planner does otherwise, the same schedules have the digests they always had."""
    mixed = _trace(tmp_path / "t.jsonl", *_mixed())
    azure = open_trace(MOONCAKE.with_name("azure_lookalike.csv"))
    plans = [
        make_plan(trace, selection, pace, times=times)
        for trace in (mixed, azure, open_trace(MOONCAKE))
        for selection, pace, times in (
            (Selection(), Pace(), 1),
            (Selection(start_s=1.0, limit=90), Pace(rate=3.0), 2),
        )
    ]
    assert [plan.digest[:16] for plan in plans] == [
        *("49f4a9fdb6710e93", "f43a4332ce3a4f36", "b32799ec924d6379"),
        *("c65a9e5c4875cf68", "c6343732bb45e566", "d6be9e8fa85ae42d"),
    ]
    assert [(plan.rows, plan.peak_rate_per_s, plan.peak_streams) for plan in plans] == [
        *((200, 12, 36), (90, 3, 11), (150, 7, 15)),
        *((90, 6, 16), (120, 14, 27), (90, 14, 25)),
    ]
    assert plans[0].models == {None: 178, "m": 22}
