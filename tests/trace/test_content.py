"""Recorded content by a tokenizer: counted and cut, everything but its text untouched."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.vocabularies import saved

from sagellm_benchmark.trace import content
from sagellm_benchmark.trace.row import Row
from sagellm_benchmark.trace.tokenizer import load

fixed = settings(derandomize=True, deadline=None)
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
TEXT = "some words of a recorded prompt and then some more"


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    """One that knows some of the words whole."""
    return load(str(saved("byte_level", tmp_path_factory.mktemp("model"))))


def talk(*contents):
    """A row of messages, system first."""
    roles = ("system", *("user", "assistant") * 9)
    messages = [
        {"role": role, "content": said, "name": "n"}
        for role, said in zip(roles, contents, strict=False)
    ]
    return Row(request_id="r", messages=messages, tools=[CALL], input_tokens=9999)


def exactly(row, tokenizer):
    """All of it counted."""
    return content.tokens(row, tokenizer, 0)


def test_all_text_is_counted_and_nothing_else(tokenizer):
    """Contents and text parts; no role, no template, no image, no tool."""
    parts = [{"type": "text", "text": TEXT}, IMAGE]
    row = talk(TEXT, parts, None)
    row.messages[2]["tool_calls"] = [CALL]
    assert exactly(row, tokenizer) == 2 * tokenizer.count(TEXT)
    assert exactly(Row(request_id="r", prompt=TEXT), tokenizer) == tokenizer.count(TEXT)
    assert exactly(Row(request_id="r", prompt_token_ids=[1, 2, 3]), tokenizer) == 3


def test_short_texts_need_no_count(tokenizer):
    """What has fewer bytes than the limit has tokens fits, and nobody reads it."""
    row = Row(request_id="r", prompt="ü" * 10)
    assert content.tokens(row, None, 21) <= 21
    assert content.tokens(row, tokenizer, 20) == tokenizer.count("ü" * 10)


@fixed
@given(
    st.lists(st.sampled_from([TEXT, "hm", "日本語 " * 5, [{"type": "text", "text": TEXT}, IMAGE]]),
             min_size=1, max_size=6),
    st.integers(1, 60),
)  # fmt: skip
def test_clipped_content_fits(tokenizer, contents, limit):
    """Not over the limit; beginnings stay, no message and no other part is lost."""
    row = talk(*contents)
    texts = sum(isinstance(said, str) or 1 for said in contents)
    cut = content.clipped(row, tokenizer, limit)
    if cut is None:
        assert limit < texts
        return
    assert cut.input_tokens == exactly(cut, tokenizer) <= limit
    assert cut.tools == row.tools
    for old, new in zip(row.messages, cut.messages, strict=True):
        assert {**new, "content": old["content"]} == old
        if isinstance(old["content"], str):
            assert old["content"].startswith(new["content"])
        else:
            assert [part["type"] for part in new["content"]] == ["text", "image_url"]
            assert new["content"][1] is IMAGE


def test_the_end_is_cut_first(tokenizer):
    """The last message loses its end, down to a token, before the one in front loses any."""
    each = tokenizer.count(TEXT)
    cut = content.clipped(talk(TEXT, TEXT, TEXT), tokenizer, 2 * each)
    first, second, third = (message["content"] for message in cut.messages)
    assert first == TEXT
    assert tokenizer.count(third) == 1
    assert tokenizer.count(second) == each - 1


def test_a_row_is_not_changed(tokenizer):
    """The recorded row stays what it was: later passes read it again."""
    row = talk(TEXT, TEXT)
    content.clipped(row, tokenizer, 5)
    assert [message["content"] for message in row.messages] == [TEXT, TEXT]


def test_prompts_and_ids_are_cut(tokenizer):
    """A prompt keeps its first tokens, and so do ids, without a tokenizer."""
    cut = content.clipped(Row(request_id="r", prompt=TEXT), tokenizer, 3)
    assert TEXT.startswith(cut.prompt)
    assert cut.input_tokens == tokenizer.count(cut.prompt) == 3
    row = Row(request_id="r", prompt_token_ids=[7, 8, 9])
    ids = content.first_ids(row, 2)
    assert row.prompt_token_ids == [7, 8, 9]
    assert (ids.prompt_token_ids, ids.input_tokens) == ([7, 8], 2)
