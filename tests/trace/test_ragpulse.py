"""RAGPulse traces."""

from __future__ import annotations

import pytest
from files import jsonl, real_slices, rows_of
from lookalikes import ragpulse

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.source import open_trace

IDS = {"sys_prompt": [1], "passages_ids": [2, 3], "history": [], "web_search": [],
       "user_input": [4]}  # fmt: skip
ROW = {"timestamp": "82", "input_length": 3112, "output_length": 192, "hash_ids": IDS,
       "session_id": "s"}  # fmt: skip


def test_rows(tmp_path):
    """Seconds as strings; sessions as chains; the ids are kept, and make no prefix blocks."""
    trace = open_trace(jsonl(tmp_path / "r.jsonl", ROW, {**ROW, "timestamp": "93"}))
    first, second = trace.rows()
    assert (trace.format, trace.header.time_resolution_s, trace.header.block_size) == (
        *("ragpulse", 1.0, None),
    )
    assert (second.arrival_time_s, second.depends_on, second.think_time_s) == (
        11.0,
        ["row-1"],
        None,
    )
    assert (first.input_tokens, first.output_tokens) == (3112, 192)
    assert (first.prefix_block_ids, first.source_fields) == (None, {"hash_ids": IDS})


def test_the_lookalikes_step_back_is_sorted(tmp_path):
    """The one row out of order is put in order and counted; the blank last line is no row."""
    path = tmp_path / "r.jsonl"
    path.write_bytes(ragpulse())
    trace = open_trace(path)
    rows = list(trace.rows())
    assert (len(rows), trace.inversions) == (60, 1)
    assert [row.source_row for row in rows][6:10] == [7, 9, 8, 10]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"timestamp": "noon"}, "timestamp"),
        ({"timestamp": None}, "timestamp"),
        ({"hash_ids": []}, "hash_ids"),
        ({"input_length": "9"}, "input_length"),
        ({"session_id": ""}, "session_id"),
    ],
)
def test_bad_rows_name_the_field(tmp_path, change, field):
    """Each unusable value is an error at its line and field."""
    with pytest.raises(UsageError, match=rf"r\.jsonl:2: {field}: "):
        rows_of(jsonl(tmp_path / "r.jsonl", ROW, {**ROW, **change}), format="ragpulse")


def test_the_real_slice_has_sessions():
    """The real slice's 500 rows are turns of 289 sessions."""
    rows = rows_of(real_slices() / "ragpulse/0_trace_head500.jsonl")
    assert (len(rows), len({row.session_id for row in rows})) == (500, 289)
    assert sum(not row.depends_on for row in rows) == 289
