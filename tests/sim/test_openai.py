"""The openai dialect."""

from __future__ import annotations

import base64
import json
import struct

import pytest
from tests.sim.processes import (
    CHAT,
    chat_body,
    exchange,
    post,
    request_bytes,
    simulator,
    split_response,
)

TEXT = "/v1/completions"
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def events(answer):
    """Decode a stream: one event per chunk, [DONE] last."""
    head, chunks = split_response(answer)
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert chunks.pop() == b"data: [DONE]\n\n"
    return [json.loads(chunk.removeprefix(b"data: ")) for chunk in chunks]


def value(answer):
    """Decode a whole body."""
    return json.loads(answer.split(b"\r\n\r\n")[1])


def test_a_chat_stream_ends_in_its_finish_reason(openai):
    """Role, one frame per token, an empty delta with the reason; no usage unless asked."""
    role, *tokens, last = events(post(openai, CHAT, chat_body(True, 2)))
    assert role["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert len(tokens) == 2
    assert all(token["choices"][0]["delta"]["content"].endswith(" ") for token in tokens)
    assert last["choices"] == [{"index": 0, "delta": {}, "finish_reason": "length"}]
    assert not any("usage" in frame for frame in (role, *tokens, last))


def test_a_usage_frame_comes_only_where_it_was_asked_for(openai):
    """Its choices are empty, and all other frames have usage null."""
    body = chat_body(True, 2, stream_options={"include_usage": True})
    *frames, usage = events(post(openai, CHAT, body))
    assert (usage["choices"], usage["usage"]) == ([], USAGE)
    assert [frame["usage"] for frame in frames] == [None] * 4


def test_a_reply_that_nobody_limited_stops_by_itself(openai):
    """It has the default length, or the least length that was asked for."""
    for more, length in (({}, 64), ({"min_tokens": 70, "ignore_eos": True}, 70)):
        frames = events(post(openai, CHAT, chat_body(True, **more)))
        assert len(frames) == length + 2
        assert frames[-1]["choices"][0]["finish_reason"] == "stop"


def test_max_completion_tokens_is_a_limit_too(openai):
    """The newer name of OpenAI's field is honoured."""
    answer = value(post(openai, CHAT, chat_body(False, max_completion_tokens=2)))
    assert answer["usage"] == USAGE
    assert answer["choices"][0]["finish_reason"] == "length"


def test_text_completions_stream(openai):
    """One frame per token, then an empty text with the reason."""
    body = b'{"model":"sim-llm","prompt":"a b c","max_tokens":2,"stream":true}'
    frames = events(post(openai, TEXT, body))
    texts = [frame["choices"][0]["text"] for frame in frames]
    assert [bool(text) for text in texts] == [True, True, False]
    assert frames[-1]["choices"][0]["finish_reason"] == "length"
    assert {frame["object"] for frame in frames} == {"text_completion"}


@pytest.mark.parametrize("prompt", ["a b c", ["a b c"], [5, 6, 7]])
def test_a_text_prompt_may_be_words_or_token_ids(openai, prompt):
    """Each token id counts as one word."""
    body = json.dumps({"model": "sim-llm", "prompt": prompt, "max_tokens": 2}).encode()
    assert value(post(openai, TEXT, body))["usage"] == USAGE


def test_content_parts_are_read_as_text(openai):
    """A list of parts counts as its texts."""
    body = chat_body(False, 2, content=[{"type": "text", "text": "a b"}, {"text": "c"}])
    assert value(post(openai, CHAT, body))["usage"] == USAGE


def test_embeddings_come_as_floats_or_base64(openai):
    """Both forms carry the same vector."""
    floats, packed = (
        value(post(openai, "/v1/embeddings", b'{"model":"default","input":"a b"%b}' % more))
        for more in (b"", b',"encoding_format":"base64"')
    )
    assert floats["usage"] == {"prompt_tokens": 2, "total_tokens": 2}
    vector = floats["data"][0]["embedding"]
    raw = base64.b64decode(packed["data"][0]["embedding"])
    assert struct.unpack(f"<{len(vector)}f", raw) == pytest.approx(vector)


@pytest.mark.parametrize(
    ("path", "body", "status", "param", "code"),
    [
        (CHAT, b"{", 400, None, None),
        (CHAT, b"[]", 400, None, None),
        (CHAT, b'{"model":"sim-llm","messages":[]}', 400, "messages", None),
        (CHAT, b'{"model":"sim-llm","messages":["x"]}', 400, "messages[0]", None),
        (CHAT, b'{"messages":[{"role":"user","content":"x"}]}', 400, "model", None),
        (CHAT, chat_body(True, 2, n=2), 400, "n", None),
        (CHAT, chat_body(True, 0), 400, "max_tokens", None),
        (CHAT, chat_body(True, "2"), 400, "max_tokens", None),
        (CHAT, chat_body(True, 2, min_tokens=3), 400, "min_tokens", None),
        (CHAT, chat_body(True, 2, stream_options=[1]), 400, "stream_options", None),
        (CHAT, chat_body(True, 2, content=5), 400, "messages[0]", None),
        (CHAT, chat_body(True, 2, model="nope"), 404, "model", "model_not_found"),
        (TEXT, b'{"model":"sim-llm","prompt":["a","b"]}', 400, "prompt", None),
        ("/v1/embeddings", b'{"model":"sim-llm","input":[1]}', 400, "input", None),
    ],
)
def test_errors_have_openais_form(openai, path, body, status, param, code):
    """Status, the field at fault and the code are told before any stream begins."""
    answer = post(openai, path, body)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    error = value(answer)["error"]
    assert error["message"]
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", param, code)


def test_a_prompt_beyond_the_kv_cache_is_refused():
    """With the code that clients know."""
    with simulator("--dialect", "openai", "--kv-tokens", 10) as port:
        answer = post(port, CHAT, chat_body(True, 8))
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert value(answer)["error"]["code"] == "context_length_exceeded"


def test_a_gateway_finds_what_it_asks_an_engine_for(openai):
    """Health, info and models answer; a request id is echoed."""
    for path in ("/health", "/info", "/v1/models", "/metrics"):
        answer = exchange(openai, request_bytes("GET", path, headers=("X-Request-ID: r7",)))
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"\r\nx-request-id: r7\r\n" in answer
