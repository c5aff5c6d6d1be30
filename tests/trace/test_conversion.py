"""Converted traces: the same schedule, and a header that says what was done."""

from __future__ import annotations

import pytest
from files import DEMO, TRACES, jsonl, native
from lookalikes import azure

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.schedule.plan import make_plan
from sagellm_benchmark.trace.conversion import converted
from sagellm_benchmark.trace.formats.native import write
from sagellm_benchmark.trace.source import open_trace
from sagellm_benchmark.trace.transforms import Pace, Selection


def _converted(tmp_path, source, selection, pace, name="out.jsonl.gz"):
    path = tmp_path / name
    write(path, *converted(open_trace(source), (selection, pace)))
    return open_trace(path)


@pytest.mark.parametrize("name", ["mooncake_lookalike.jsonl", "azure_lookalike.csv"])
@pytest.mark.parametrize(
    ("selection", "pace"),
    [
        (Selection(), Pace()),
        (Selection(start_s=3.0, end_s=30.0), Pace()),
        (Selection(limit=20), Pace(speed=4.0)),
        (Selection(start_s=3.0), Pace(rate=8.0)),
    ],
)
def test_a_converted_trace_replays_alike(tmp_path, name, selection, pace):
    """Converting and then replaying gives the schedule of replaying with the same options."""
    direct = make_plan(open_trace(TRACES / name), selection, pace)
    after = make_plan(
        _converted(tmp_path, TRACES / name, selection, pace), _rest(selection), Pace()
    )
    assert (direct.rows, direct.input_tokens) == (after.rows, after.input_tokens)
    gaps = [a.due_ns - b.due_ns for a, b in zip(direct.planned(), after.planned(), strict=True)]
    assert max(map(abs, gaps)) <= 1
    if pace == Pace() and selection.start_s is None:
        assert direct.digest == after.digest


def _rest(selection):
    """The start is applied already, and is 0 in the new trace."""
    return Selection(start_s=None if selection.start_s is None else 0.0)


def test_the_header_says_where_rows_came_from(tmp_path):
    """Source, digest, counts, drops and transforms are on line 1, and add up."""
    source = tmp_path / "a.csv"
    source.write_bytes(azure(20) + b"\r\n2023-11-16 18:30:00.0000000,0,1")
    trace = _converted(tmp_path, source, Selection(start_s=2.0, limit=3), Pace(speed=2.0))
    header = trace.header
    assert (header.source.name, header.source.format) == ("a.csv", "azure")
    assert header.source.sha256 == open_trace(source).sha256
    assert header.rows_emitted == len(list(trace.rows())) == 3
    assert header.rows_read == header.rows_emitted + sum(header.drops.values())
    assert header.transforms == [
        {"op": "select", "start_s": 2.0, "limit": 3},
        {"op": "speed", "factor": 2.0},
    ]
    assert header.time_origin == "2023-11-16T18:17:06.037676Z"


def test_a_native_trace_keeps_its_history(tmp_path):
    """Converting again adds to the transforms and keeps the first source."""
    once = _converted(tmp_path, DEMO, Selection(limit=9), Pace(), "one.jsonl")
    twice = _converted(tmp_path, once.path, Selection(), Pace(rate=3.0), "two.jsonl")
    assert twice.header.source == once.header.source == open_trace(DEMO).header.source
    assert [each["op"] for each in twice.header.transforms] == ["demo", "select", "rate"]


def test_think_times_are_paced_too(tmp_path):
    """Speed divides think times as it divides arrivals; rows that wait are kept."""
    row = {"input_length": 5, "output_length": 1}
    source = jsonl(
        tmp_path / "m.jsonl",
        {**row, "timestamp": 0, "session_id": "s"},
        {**row, "delay": 500, "session_id": "s"},
    )
    trace = _converted(tmp_path, source, Selection(), Pace(speed=2.0))
    assert [each.think_time_s for each in trace.rows()] == [None, 0.25]


def test_an_empty_part_is_refused(tmp_path):
    """Nothing is written when no row is selected."""
    with pytest.raises(UsageError, match="no rows to write"):
        converted(open_trace(native(tmp_path / "t.jsonl", {})), [Selection(start_s=9.0)])
