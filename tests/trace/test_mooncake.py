"""Mooncake traces and their extensions."""

from __future__ import annotations

import pytest
from files import TRACES, jsonl, rows_of
from lookalikes import mooncake

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.source import open_trace

ROW = {"timestamp": 0, "input_length": 600, "output_length": 5, "hash_ids": [0, 1]}


def _rows(tmp_path, *rows, **options):
    return rows_of(jsonl(tmp_path / "m.jsonl", *rows), format="mooncake", **options)


def test_the_lookalike_is_what_its_generator_makes():
    """traces/mooncake_lookalike.jsonl is made here, byte for byte."""
    assert (TRACES / "mooncake_lookalike.jsonl").read_bytes() == mooncake()


def test_rows_and_header(tmp_path):
    """Milliseconds become seconds from the first row; blocks and their size are kept."""
    path = jsonl(tmp_path / "m.jsonl", {**ROW, "timestamp": 1178625}, {**ROW, "timestamp": 1179000})
    trace = open_trace(path)
    first, second = trace.rows()
    assert (trace.format, trace.header.block_size) == ("mooncake", 512)
    assert (first.arrival_time_s, second.arrival_time_s) == (0.0, 0.375)
    assert (first.input_tokens, first.output_tokens) == (600, 5)
    assert first.prefix_block_ids == [0, 1]


def test_a_coarse_grid_is_found():
    """Arrivals flushed every three seconds are said to lie on a grid of three seconds."""
    header = open_trace(TRACES / "mooncake_lookalike.jsonl").header
    assert header.time_resolution_s == pytest.approx(3.0, abs=0.005)


def test_fine_times_are_no_grid(tmp_path):
    """Scattered times, a few ties among them, are left at the format's millisecond."""
    rows = [{**ROW, "timestamp": 37 * number * number // 10} for number in range(50)]
    path = jsonl(tmp_path / "m.jsonl", *rows)
    assert open_trace(path).header.time_resolution_s == 0.001


@pytest.mark.parametrize(("tokens", "ids"), [(1025, [0, 1]), (600, [0]), (600, [0, 1, 2])])
def test_a_wrong_block_size_is_refused(tmp_path, tokens, ids):
    """Block ids that do not make up the prompt are refused: they are not of 512 tokens."""
    with pytest.raises(UsageError, match=r"m\.jsonl:1: hash_ids: .*another block size"):
        _rows(tmp_path, {**ROW, "input_length": tokens, "hash_ids": ids})


def test_float_times(tmp_path):
    """Fractions of a millisecond are kept."""
    rows = _rows(tmp_path, ROW, {**ROW, "timestamp": 105.5})
    assert rows[1].arrival_time_s == 0.1055


def test_content_instead_of_lengths(tmp_path):
    """text_input and messages become recorded content."""
    messages = [{"role": "user", "content": "Hi"}]
    first, second = _rows(
        tmp_path,
        {"timestamp": 0, "text_input": "Hello", "output_length": 4},
        {"timestamp": 1, "messages": messages, "output_length": 4, "extra": {"top_k": 1}},
    )
    assert (first.prompt, first.messages, first.output_tokens) == ("Hello", None, 4)
    assert (second.messages, second.extra_body) == (messages, {"top_k": 1})


def test_a_payload_is_spread_over_the_fields(tmp_path):
    """A recorded request body keeps every key: under its own name, or in the extra body."""
    body = {"model": "m", "prompt": "raw", "max_tokens": 8, "top_p": 0.5, "user": "u"}
    (row,) = _rows(tmp_path, {"timestamp": 0, "payload": body, "extra": {"nvext": 1, "top_p": 0.9}})
    assert (row.model, row.prompt, row.max_tokens) == ("m", "raw", 8)
    assert (row.sampling, row.extra_body) == ({"top_p": 0.9}, {"user": "u", "nvext": 1})


def test_delays_wait_for_the_sessions_last_turn(tmp_path):
    """A delay without a timestamp counts from the end of the session's previous row."""
    rows = _rows(
        tmp_path,
        {**ROW, "session_id": "s"},
        {**ROW, "timestamp": 7},
        {key: value for key, value in ROW.items() if key != "timestamp"}
        | {"session_id": "s", "delay": 500},
    )
    turn = rows[2]
    assert (turn.depends_on, turn.think_time_s) == (["row-1"], 0.5)
    assert (turn.arrival_time_s, turn.turn_index, turn.relation) == (None, 1, "continue")


def test_what_has_no_field_of_its_own_is_kept(tmp_path):
    """Dynamo's keys are read: a priority has a field, the rest goes along as source fields."""
    change = {"priority": 3, "strict_priority": True, "policy_class": "gold"}
    first, second = _rows(
        tmp_path,
        {**ROW, **change, "session_id": "s"},
        {"input_length": 5, "output_length": 1, "session_id": "s", "delay_ms": 250},
    )
    assert first.priority == 3
    assert first.source_fields == {"strict_priority": True, "policy_class": "gold"}
    assert (second.depends_on, second.think_time_s) == (["row-1"], 0.25)


def test_wait_for_names_rows(tmp_path):
    """wait_for becomes depends_on; delay and tool_wait_ms add up to the think time."""
    waiting = {"request_id": "r1", "input_length": 600, "output_length": 5, "wait_for": ["r0"]}
    rows = _rows(
        tmp_path, {**ROW, "request_id": "r0"}, {**waiting, "delay": 10, "tool_wait_ms": 250}
    )
    assert (rows[1].depends_on, rows[1].think_time_s) == (["r0"], 0.26)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"timestamp": -1}, "timestamp"),
        ({"timestamp": "82"}, "timestamp"),
        ({"timestamp": None}, "timestamp"),
        ({"input_length": "600"}, "input_length"),
        ({"input_length": -600, "hash_ids": None}, "input_length"),
        ({"output_length": -1}, "output_length"),
        ({"hash_ids": ["a", "b"]}, r"hash_ids\[0\]"),
        ({"text_input": "both"}, "row"),
        ({"input_length": None}, "row"),
        ({"message_mode": "other"}, "message_mode"),
        ({"request_id": "a\nb"}, "request_id"),
        ({"request_id": "x" * 201}, "request_id"),
        ({"session_id": "a", "delay": -5, "timestamp": None}, "timestamp"),
    ],
)
def test_bad_rows_name_the_field(tmp_path, change, field):
    """Each unusable value is an error at its line and field."""
    with pytest.raises(UsageError, match=rf"m\.jsonl:2: {field}: "):
        _rows(tmp_path, ROW, {**ROW, **change})


def test_broken_json_names_the_line(tmp_path):
    """A cut last line is a bad row at that line."""
    path = jsonl(tmp_path / "m.jsonl", ROW)
    path.write_bytes(path.read_bytes() + b'{"timestamp": 1, "input_le')
    with pytest.raises(UsageError, match=r"m\.jsonl:2: json: "):
        rows_of(path)


def test_endless_nesting_is_a_bad_row(tmp_path):
    """A line nested beyond reason is a bad row, not a crash."""
    path = jsonl(tmp_path / "m.jsonl", ROW)
    path.write_bytes(path.read_bytes() + b'{"extra":{"a":' + b"[" * 100_000 + b"\n")
    with pytest.raises(UsageError, match=r"m\.jsonl:2: json: "):
        rows_of(path)


def test_blank_lines_are_no_rows(tmp_path):
    """Empty lines, at the end or between rows, are left out and not counted."""
    path = jsonl(tmp_path / "m.jsonl", ROW)
    path.write_bytes(path.read_bytes() + b"\n\n")
    trace = open_trace(path)
    assert (len(list(trace.rows())), trace.rows_read) == (1, 1)


@pytest.mark.parametrize("field", ["timestamp", "output_length"])
def test_an_endless_number_is_cut(tmp_path, field):
    """What is said of a bad number stays readable, however many digits it has."""
    row = {"timestamp": 0, "input_length": 5, "output_length": 1, "hash_ids": [1]}
    with pytest.raises(UsageError, match=f"{field}: 9{{40}}… is not between") as refused:
        _rows(tmp_path, {**row, field: int("9" * 400)})
    assert len(str(refused.value)) < 300
