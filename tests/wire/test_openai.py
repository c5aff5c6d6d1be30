"""Promises of `wire.openai`."""

from __future__ import annotations

import json

import msgspec
import pytest

from sagellm_benchmark.wire.openai import (
    INVALID_UTF8,
    LONE_SURROGATE,
    Ask,
    Delta,
    Endpoint,
    Frame,
    NotJson,
    decode_frame,
    decode_whole,
    mend,
    request_body,
)

from .lookalike import token


def sent(**fields):
    """The body of a request, read back."""
    return json.loads(request_body(Ask(model="m", **fields)))


def test_a_chat_request_asks_for_a_stream_with_usage():
    """The usual body: messages, stream, usage, the cap."""
    assert sent(endpoint=Endpoint.CHAT, prompt="hi", max_tokens=5) == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 5,
    }


def test_exact_asks_for_no_fewer_tokens_than_the_cap():
    """Exact lengths are vLLM's min_tokens and ignore_eos."""
    got = sent(endpoint=Endpoint.CHAT, messages=[{"role": "user", "content": "x"}], max_tokens=5)
    more = sent(endpoint=Endpoint.CHAT, prompt="x", max_tokens=5, exact=True)
    assert more == got | {"min_tokens": 5, "ignore_eos": True}


def test_what_is_none_is_not_sent():
    """No temperature, no cap, no usage: no keys."""
    got = sent(endpoint=Endpoint.COMPLETIONS, prompt="x", stream=False, exact=True)
    assert got == {"model": "m", "prompt": "x", "stream": False}


def test_the_extra_body_wins_key_by_key():
    """Extra keys are merged last and shallowly, on every endpoint."""
    got = sent(
        endpoint=Endpoint.CHAT,
        prompt="x",
        temperature=0.5,
        extra={"temperature": 0, "stream_options": {}, "top_k": 1},
    )
    assert (got["temperature"], got["stream_options"], got["top_k"]) == (0, {}, 1)
    got = sent(endpoint=Endpoint.EMBEDDINGS, prompt="x", extra={"dimensions": 8})
    assert got == {"model": "m", "input": "x", "dimensions": 8}


def test_each_endpoint_has_its_path():
    """The request targets of the OpenAI API."""
    paths = [one.path for one in Endpoint]
    assert paths == ["/v1/chat/completions", "/v1/completions", "/v1/embeddings"]


def test_a_frame_decodes_to_what_is_measured():
    """Content, index and finish_reason are there, the rest is left out."""
    (choice,) = decode_frame(token("é\u2028", "stop", index=2)[6:]).choices
    assert (choice.delta.content, choice.finish_reason, choice.index) == ("é\u2028", "stop", 2)


@pytest.mark.parametrize(
    ("delta", "speaks", "thinks"),
    [
        ({"role": "assistant", "content": None}, False, False),
        ({"role": "assistant", "content": ""}, False, False),
        ({"content": "x"}, True, False),
        ({"refusal": "no"}, True, False),
        ({"reasoning_content": "x"}, False, True),
        ({"reasoning": "x"}, False, True),
        ({"tool_calls": [{"index": 0, "function": {"name": "f"}}]}, True, False),
        ({"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]}, True, False),
        ({"tool_calls": [{"index": 0, "id": "c", "function": {"arguments": ""}}]}, False, False),
        ({"tool_calls": [{"index": 0}]}, False, False),
        ({"function_call": {"arguments": "{"}}, True, False),
    ],
)
def test_a_delta_speaks_or_thinks_only_with_something_in_it(delta, speaks, thinks):
    """Roles, empty texts and bare ids are no tokens."""
    got = msgspec.convert(delta, Delta)
    assert (got.speaks(), got.thinks()) == (speaks, thinks)


def mended(data: bytes):
    """What the second reading makes of data that the first one refused."""
    with pytest.raises((ValueError, RecursionError)) as caught:
        decode_frame(data)
    return mend(data, Frame, caught.value)


def test_a_lone_surrogate_escape_becomes_a_replacement_character():
    """What the standard library accepts is accepted, as text that can be written."""
    got, flaw = mended(rb'{"choices":[{"delta":{"content":"a\ud83d b\uDE00\ud83d\ude00"}}]}')
    assert got.choices[0].delta.content == "a\ufffd b\ufffd😀"
    assert flaw == LONE_SURROGATE


def test_invalid_utf8_becomes_replacement_characters():
    """Broken bytes cost characters, not the frame."""
    got, flaw = mended(b'{"choices":[{"delta":{"content":"a\xff\xfeb"}}]}')
    assert got.choices[0].delta.content == "a\ufffd\ufffdb"
    assert flaw == INVALID_UTF8


@pytest.mark.parametrize(
    "data",
    [
        b"null",
        b"",
        b"{",
        b"[1]",
        b"hello",
        b'{"choices":7}',
        b'{"choices":[{"delta":{"content":1}}]}',
        b'{"usage":{"completion_tokens":-1}}',
        b'{"usage":{"completion_tokens":1e999}}',
        b'{"x":NaN}',
        rb'{"x":NaN,"y":"\ud83d"}',
        rb'{"x":1e999,"y":"\ud83d"}',
        b'{"x":' + b"[" * 200_000,
        b'{"x":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b'"\\ud83d' + b"[" * 200_000,
        b'{"choices":[]} x',
        b'{"choices":[{"delta":{"content":"\xff',
    ],
)
def test_what_is_no_frame_is_refused_with_a_reason(data):
    """No JSON, null, wrong types, NaN, depth: one error, one line, nothing else raised."""
    with pytest.raises(NotJson) as caught:
        mended(data)
    assert str(caught.value)


def test_a_whole_reply_is_read_with_its_flaws():
    """Replies that are not streamed are mended the same way."""
    good, flaw = decode_whole(b'{"choices":[{"message":{"content":"x"}}],"id":"a"}')
    assert (good.choices[0].message.content, good.id, flaw) == ("x", "a", None)
    _, flaw = decode_whole(b'{"choices":[{"message":{"content":"\xff"}}]}')
    assert flaw == INVALID_UTF8
    with pytest.raises(NotJson):
        decode_whole(b"nope")
