"""The native format, read and written."""

from __future__ import annotations

import json

import pytest
from files import DEMO, HEADER, jsonl, native, rows_of
from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.errors import InputError, UsageError
from sagellm_benchmark.trace.formats.native import lines, write
from sagellm_benchmark.trace.row import Header, Row, Source
from sagellm_benchmark.trace.source import open_trace

texts = st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=8)
rows = st.builds(
    Row,
    request_id=texts,
    arrival_time_s=st.floats(0, 1e9),
    session_id=st.none() | texts,
    input_tokens=st.integers(1, 10_000),
    output_tokens=st.none() | st.integers(0, 10_000),
    prompt=st.none() | st.text(st.characters(exclude_categories=("Cs",))),
    sampling=st.none() | st.dictionaries(texts, st.floats(0, 2)),
    recorded=st.none() | st.dictionaries(texts, st.booleans() | st.integers(0, 9)),
)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.lists(rows, max_size=8))
def test_what_is_written_is_read(tmp_path_factory, made):
    """Any rows survive writing and reading, plain and gzipped, float for float."""
    made = sorted(made, key=lambda row: row.arrival_time_s)
    header = Header(schema="sagellm.trace/1", source=Source(name="x"), drops={"a": 1})
    for name in ("t.jsonl", "t.jsonl.gz"):
        path = tmp_path_factory.mktemp("native") / name
        write(path, header, made)
        trace = open_trace(path)
        assert list(trace.rows()) == made
        assert (trace.format, trace.header) == ("native", header)


def test_absent_is_not_null():
    """Unknown fields are not written at all."""
    header = Header(schema="sagellm.trace/1", source=Source(name="x"))
    first, second = lines(header, [Row(request_id="a", arrival_time_s=0.0)])
    assert json.loads(first) == {"schema": "sagellm.trace/1", "source": {"name": "x"}}
    assert json.loads(second) == {"request_id": "a", "arrival_time_s": 0.0}


def test_unknown_keys_are_for_newer_versions(tmp_path):
    """A key that this version does not know disturbs nothing."""
    assert rows_of(native(tmp_path / "t.jsonl", {"mood": "good"}, mood=1))[0].input_tokens == 10


def test_an_unsorted_row_names_its_line(tmp_path):
    """A native trace is in order of time, or an error at the first line that is not."""
    path = native(tmp_path / "t.jsonl", {"arrival_time_s": 5.0}, {"arrival_time_s": 4.0})
    with pytest.raises(UsageError, match=r"t\.jsonl:3: arrival_time_s: 4\.0 is earlier than 5\.0"):
        rows_of(path)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"arrival_time_s": -1.0}, "arrival_time_s"),
        ({"arrival_time_s": 1e13}, "arrival_time_s"),
        ({"arrival_time_s": "1"}, "arrival_time_s"),
        ({"arrival_time_s": None}, "arrival_time_s"),
        ({"think_time_s": -1.0}, "think_time_s"),
        ({"request_id": ""}, "request_id"),
        ({"request_id": "../\u001b[31m"}, "request_id"),
        ({"request_id": "x" * 201}, "request_id"),
        ({"request_id": None}, "row"),
        ({"session_id": "\u0000"}, "session_id"),
        ({"input_tokens": -1}, "input_tokens"),
        ({"output_tokens": 10_000_001}, "output_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"prompt": "a", "messages": []}, "row"),
        ({"prefix_block_ids": [1]}, "prefix_block_ids"),
    ],
)
def test_bad_rows_name_line_and_field(tmp_path, change, field):
    """Each unusable value is an error at its line and field."""
    with pytest.raises(UsageError, match=rf"t\.jsonl:3: {field}: "):
        rows_of(native(tmp_path / "t.jsonl", {}, change))


@pytest.mark.parametrize("text", ["NaN", "1e999", "Infinity"])
def test_times_that_are_no_number_are_refused(tmp_path, text):
    """NaN and infinity cannot slip in as arrival times."""
    path = native(tmp_path / "t.jsonl", {})
    path.write_text(path.read_text().replace("0.0", text))
    with pytest.raises(UsageError, match=r"t\.jsonl:2: "):
        rows_of(path)


def test_ids_may_look_like_paths(tmp_path):
    """Any printable id up to 200 characters is fine: it never becomes a file name."""
    ids = ["../../etc/passwd", "C:\\x", "x" * 200, "日本 語"]
    assert [
        row.request_id
        for row in rows_of(native(tmp_path / "t.jsonl", *({"request_id": each} for each in ids)))
    ] == ids


@pytest.mark.parametrize(
    ("tokens", "ids", "tail", "fits"),
    [
        (130, 3, True, True),
        (130, 2, True, False),
        (130, 2, False, True),
        (130, 3, False, False),
        (130, 2, None, True),
        (130, 3, None, True),
        (130, 1, None, False),
        (130, 4, None, False),
        (128, 2, True, True),
    ],
)
def test_blocks_must_cover_the_prompt(tmp_path, tokens, ids, tail, fits):
    """The number of block ids is the prompt's, by the header's rule for its last block."""
    known = {} if tail is None else {"partial_tail_hashed": tail}
    row = {"input_tokens": tokens, "prefix_block_ids": list(range(ids))}
    path = native(tmp_path / "t.jsonl", row, block_size=64, **known)
    if fits:
        assert rows_of(path)[0].prefix_block_ids == list(range(ids))
    else:
        with pytest.raises(UsageError, match="is it another block size"):
            rows_of(path)


@pytest.mark.parametrize(
    ("header", "what"),
    [
        ({"schema": "sagellm.trace/2", "source": {"name": "x"}}, "'sagellm.trace/2' is not"),
        ({"schema": "sagellm.trace/2", "source": 5}, "'sagellm.trace/2' is not"),
        ({"schema": "sagellm.trace/1"}, "no trace header"),
        ({**HEADER, "block_size": 0}, "block_size 0"),
    ],
)
def test_bad_headers_are_refused_at_line_one(tmp_path, header, what):
    """A newer schema, a missing source and an impossible block size end at line 1."""
    with pytest.raises(InputError, match=what) as caught:
        open_trace(jsonl(tmp_path / "t.jsonl", header))
    assert caught.value.line == 1


def test_the_demo_trace_is_sound():
    """The packaged sample trace reads, and is as gentle as a laptop's simulator needs."""
    rows = rows_of(DEMO)
    assert 150 <= len(rows) <= 250
    assert all(64 <= row.input_tokens <= 1500 and 16 <= row.output_tokens <= 160 for row in rows)


def test_token_ids_are_their_own_count(tmp_path):
    """A row of ids has as many input tokens; one without any is dropped by name."""
    path = native(
        tmp_path / "t",
        {"prompt_token_ids": [5, 6, 7], "input_tokens": None},
        {"prompt_token_ids": [5], "input_tokens": 1},
        {"prompt_token_ids": [], "input_tokens": None},
    )
    trace = open_trace(path)
    assert [(row.request_id, row.input_tokens) for row in trace.rows()] == [("r0", 3), ("r1", 1)]
    assert trace.drops == {"zero_input": 1}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"prompt_token_ids": [1, 2], "input_tokens": 3}, "2 ids where input_tokens is 3"),
        ({"prompt_token_ids": [1, -2]}, "an id is not between 0 and"),
        ({"prompt_token_ids": [1 << 32]}, "an id is not between 0 and"),
        ({"prompt_token_ids": [1, "2"]}, "Expected `int`"),
        ({"prompt_token_ids": [1] * 20, "prefix_block_ids": [1, 2, 3]}, "3 blocks of 16"),
    ],
    ids=str,
)
def test_token_ids_that_cannot_be(tmp_path, fields, said):
    """Ids that contradict the row, or are none, are a bad row with its line."""
    path = native(tmp_path / "t", {"input_tokens": None, **fields}, block_size=16)
    with pytest.raises(UsageError, match=rf":2: pr\w+_ids[^ ]*: .*{said}"):
        rows_of(path)
