"""Conversations without times."""

from __future__ import annotations

import json

import pytest
from files import jsonl, real_slices, rows_of
from lookalikes import sharegpt

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.source import open_trace


def _chat(*said, **more):
    return {
        "id": "c",
        "conversations": [{"from": who, "value": what} for who, what in said],
        **more,
    }


def _rows(tmp_path, *chats, **options):
    return rows_of(jsonl(tmp_path / "s.jsonl", *chats), format="sharegpt", **options)


def _user(text):
    return {"role": "user", "content": text}


def test_a_turn_carries_what_is_new(tmp_path):
    """Each time the human spoke is a row with the new messages; the replies are not carried."""
    chat = _chat(("system", "be"), ("human", "a"), ("gpt", "b"), ("user", "c"), ("bard", "d"))
    first, second = _rows(tmp_path, chat)
    assert first.messages == [{"role": "system", "content": "be"}, _user("a")]
    assert (second.messages, second.message_mode) == ([_user("c")], "delta")
    assert (first.arrival_time_s, first.turn_index, first.depends_on) == (0.0, 0, [])
    assert (second.arrival_time_s, second.turn_index, second.depends_on) == (None, 1, ["row-1"])
    assert (first.session_id, first.input_tokens, first.output_tokens) == ("c", None, None)


def test_what_came_before_the_human_is_left_out(tmp_path):
    """A split conversation begins with the human's first word."""
    (row,) = _rows(tmp_path, _chat(("gpt", "…and so"), ("human", "ok"), ("gpt", "fine")))
    assert row.messages == [_user("ok")]


def test_words_in_a_row_are_one_turn(tmp_path):
    """What the human said twice before a reply is sent as one request; a last word counts."""
    rows = _rows(tmp_path, _chat(("human", "a"), ("human", "b"), ("gpt", "c"), ("human", "d")))
    assert [row.messages for row in rows] == [[_user("a"), _user("b")], [_user("d")]]


def test_nothing_to_ask_is_a_named_drop(tmp_path):
    """Conversations and turns without a word are dropped by name; a later turn waits past them."""
    path = jsonl(
        tmp_path / "s.jsonl",
        _chat(),
        _chat(("gpt", "hello")),
        _chat(("human", "a"), ("gpt", "b"), ("human", " "), ("gpt", "c"), ("human", "d")),
    )
    trace = open_trace(path)
    first, last = trace.rows()
    assert trace.drops == {"no_human_turn": 2, "empty_prompt": 1}
    assert (trace.rows_read, last.depends_on, last.turn_index) == (5, [first.request_id], 2)


def test_conversations_without_an_id_are_numbered(tmp_path):
    """A missing id is the conversation's number; one that is a number is kept."""
    chat = _chat(("human", "a"))
    rows = _rows(tmp_path, {"conversations": chat["conversations"]}, {**chat, "id": 7})
    assert [row.session_id for row in rows] == ["conversation-1", "7"]


@pytest.mark.parametrize(
    ("chat", "field"),
    [
        (_chat(("alien", "a")), r"conversations\[0\]\.from"),
        ({"id": "c"}, "row"),
        ({"conversations": "a"}, "conversations"),
        ({"conversations": [{"from": "human", "value": None}]}, r"conversations\[0\]\.value"),
        (_chat(("human", "a"), id="x\ny"), "id"),
    ],
)
def test_bad_conversations_name_the_field(tmp_path, chat, field):
    """A conversation of another form is one bad row, at its line."""
    with pytest.raises(UsageError, match=rf"s\.jsonl:2: {field}"):
        _rows(tmp_path, _chat(("human", "a")), chat)
    assert len(_rows(tmp_path, _chat(("human", "a")), chat, skip_bad=True)) == 1


def test_the_lookalike_in_any_encoding_of_json(tmp_path):
    """Escaped, bare and line separators inside the texts are all just text."""
    bare, escaped = tmp_path / "bare", tmp_path / "escaped"
    bare.write_bytes(sharegpt())
    escaped.write_text(json.dumps(json.loads(sharegpt())))
    assert rows_of(bare) == rows_of(escaped)
    assert rows_of(bare)[3].messages[-1] == _user("hi\u2028")


def test_the_other_lookalike():
    """The one beside the real slices: four turns of three conversations, one that is empty."""
    trace = open_trace(real_slices() / "handmade/sharegpt_quirks.json")
    assert len(list(trace.rows())) == 4
    assert trace.drops == {"no_human_turn": 1}
