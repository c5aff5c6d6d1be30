"""Qwen-Bailian traces."""

from __future__ import annotations

import pytest
from files import jsonl, real_slices, rows_of
from lookalikes import bailian

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.source import open_trace
from sagellm_benchmark.trace.statistics import inspect

ROW = {"chat_id": 159, "parent_chat_id": -1, "timestamp": 61.114, "input_length": 33,
       "output_length": 5, "type": "text", "turn": 1, "hash_ids": [7, 8, 9]}  # fmt: skip


def _rows(tmp_path, *rows):
    return rows_of(jsonl(tmp_path / "q.jsonl", *rows))


def test_rows_and_header(tmp_path):
    """Seconds, blocks of 16 tokens that cover the whole prompt, and the kind of request."""
    trace = open_trace(jsonl(tmp_path / "q.jsonl", ROW))
    (row,) = trace.rows()
    assert (trace.format, trace.header.block_size, trace.header.hash_scope) == (
        *("bailian", 16, "file"),
    )
    assert (row.request_id, row.session_id, row.turn_index) == ("159", "159", 0)
    assert (row.input_tokens, row.output_tokens, row.request_class) == (33, 5, "text")
    assert row.prefix_block_ids == [7, 8, 9]


def test_a_chat_waits_for_its_parent(tmp_path):
    """A follow-up, and one to that, wait for their parent and share the root's session."""
    second = {**ROW, "chat_id": 160, "parent_chat_id": 159, "timestamp": 62.5, "turn": 2}
    third = {**ROW, "chat_id": 170, "parent_chat_id": 160, "timestamp": 70.0, "turn": 3}
    rows = _rows(tmp_path, ROW, second, third)
    assert [row.depends_on for row in rows] == [[], ["159"], ["160"]]
    assert [row.session_id for row in rows] == ["159"] * 3
    assert [row.turn_index for row in rows] == [0, 1, 2]
    assert [row.arrival_time_s for row in rows] == [0.0, 1.386, 8.886]
    assert rows[1].think_time_s is None


def test_chats_need_not_ascend(tmp_path):
    """Whatever the order of their numbers, chats find their parents."""
    chats = [(500, -1), (20, -1), (600, 20), (30, 500), (21, 30), (601, 600)]
    rows = _rows(
        tmp_path,
        *(
            {**ROW, "chat_id": chat, "parent_chat_id": parent, "turn": 1, "timestamp": float(at)}
            for at, (chat, parent) in enumerate(chats)
        ),
    )
    assert [row.session_id for row in rows] == ["500", "20", "20", "500", "500", "20"]


def test_orphans_wait_for_nothing(tmp_path):
    """A parent before the trace's first row is nobody to wait for; its children stay together."""
    rows = _rows(
        tmp_path,
        {**ROW, "parent_chat_id": 3, "turn": 4},
        {**ROW, "chat_id": 161, "parent_chat_id": 3, "turn": 4},
    )
    assert [(row.depends_on, row.session_id, row.turn_index) for row in rows] == [([], "3", 3)] * 2
    assert rows[0].source_fields == {"parent_chat_id": 3}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"input_length": 49}, "hash_ids"),
        ({"turn": 0}, "turn"),
        ({"timestamp": "1"}, "timestamp"),
        ({"output_length": -1}, "output_length"),
        ({"chat_id": 1 << 63}, "chat_id"),
        ({"chat_id": None}, "chat_id"),
        ({"type": ""}, "type"),
    ],
)
def test_bad_rows_name_the_field(tmp_path, change, field):
    """Each unusable value, block ids of another size too, is an error at its line and field."""
    with pytest.raises(UsageError, match=rf"q\.jsonl:2: {field}: "):
        _rows(tmp_path, ROW, {**ROW, "chat_id": 1, **change})


def test_the_lookalike_goes_on_and_shares(tmp_path):
    """Sessions of several turns reuse their own blocks."""
    path = tmp_path / "q.jsonl"
    path.write_bytes(bailian())
    figures = inspect(open_trace(path))
    assert figures["sessions"] < figures["rows"]
    assert 0.3 < figures["prefix_hit"]["block"] < 0.9


def test_the_other_lookalike():
    """The one beside the real slices is read whole: 24 rows, one of them an orphan."""
    rows = rows_of(real_slices() / "handmade/bailian_lookalike.jsonl")
    orphans = [row for row in rows if row.source_fields]
    assert (len(rows), len(orphans)) == (24, 1)
