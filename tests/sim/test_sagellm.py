"""The bytes of the sagellm dialect.

The expected text is what a real gateway sent, with ids, times and words replaced.
"""

from __future__ import annotations

import json
import os
import re
import socket
import time
from pathlib import Path

import pytest
from tests.sim.processes import (
    CHAT,
    JSON,
    chat_body,
    exchange,
    plain,
    post,
    request_bytes,
    simulator,
    split_response,
)

_BESIDE = Path(__file__).parents[3] / "shared" / "data" / "golden"
CAPTURES = Path(os.environ.get("SAGELLM_GATEWAY_CAPTURES", _BESIDE))
STREAM_HEAD = (
    "HTTP/1.1 200 OK\r\ndate: D\r\nserver: uvicorn\r\ncache-control: no-cache\r\n"
    "connection: keep-alive\r\nx-accel-buffering: no\r\n"
    "content-type: text/event-stream; charset=utf-8\r\nvary: Origin\r\n"
    "x-trace-id: UUID\r\nx-request-id: UUID\r\nconnection: close\r\n"
    "transfer-encoding: chunked\r\n\r\n"
)


def event(role, content, finish, model="sim-llm"):
    """Write the one form of chunk that a gateway's stream is made of."""
    choice = '{"index":0,"delta":{"role":%s,"content":%s},"finish_reason":%s}'
    choice %= tuple(json.dumps(value) for value in (role, content, finish))
    return (
        'SIZE\r\ndata: {"id":"chatcmpl-ID","object":"chat.completion.chunk","created":C,'
        f'"model":"{model}","choices":[{choice}]}}\n\n\r\n'
    )


END = "SIZE\r\ndata: [DONE]\n\n\r\nSIZE\r\n\r\n"


def test_a_stream_is_one_chunk_per_event_and_always_stops(sagellm):
    """Role first, then the words, then "stop" without usage, then [DONE]."""
    answer = post(sagellm, CHAT, chat_body(True, 3, stream_options={"include_usage": True}))
    assert plain(answer).decode() == (
        STREAM_HEAD
        + event("assistant", None, None)
        + event(None, "WORDS ", None) * 3
        + event(None, None, "stop")
        + END
    )


def test_chunk_sizes_are_true(sagellm):
    """The framing decodes to whole events, one each."""
    _, chunks = split_response(post(sagellm, CHAT, chat_body(True, 3)))
    assert len(chunks) == 6
    assert all(each.startswith(b"data: ") and each.endswith(b"\n\n") for each in chunks)


def test_the_role_event_does_not_wait_for_the_engine():
    """Its bytes come at once although the first token takes its time."""
    with (
        simulator("--fixed", "--ttft-ms", 600) as port,
        socket.create_connection(("127.0.0.1", port), timeout=5) as sock,
    ):
        began = time.monotonic()
        sock.sendall(request_bytes("POST", CHAT, chat_body(True, 1), JSON))
        received = sock.recv(65536)
        early = time.monotonic() - began
        while not received.endswith(b"0\r\n\r\n"):
            received += sock.recv(65536)
        late = time.monotonic() - began
    assert early < 0.5 < late


def test_an_unknown_model_is_told_as_content_of_a_good_stream(sagellm):
    """HTTP 200, a role event, the failure as text with "stop", and [DONE]."""
    text = (
        "[Stream error: Stream execution failed: No healthy engines available for model nope "
        "(code: ErrorCode.UNAVAILABLE)]"
    )
    answer = post(sagellm, CHAT, chat_body(True, 3, model="nope"))
    assert plain(answer).decode() == (
        STREAM_HEAD
        + event("assistant", None, None, "nope")
        + event(None, text, "stop", "nope")
        + END
    )


def test_an_unknown_model_without_streaming_is_a_500(sagellm):
    """The text names the Protocol's code."""
    answer = post(sagellm, CHAT, chat_body(False, 3, model="nope"))
    head, body = answer.split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert json.loads(body) == {
        "detail": "Engine execution failed: No healthy engines available for model nope "
        "(code: ErrorCode.UNAVAILABLE)"
    }


def test_a_prompt_beyond_the_kv_cache_fails_as_an_engine_that_says_400():
    """Neither form hangs; each tells it in its own way."""
    with simulator("--kv-tokens", 10) as port:
        assert b"Stream error: 400 (code: ErrorCode.UNAVAILABLE)]" in post(
            port, CHAT, chat_body(True, 8)
        )
        assert b" 500 Internal" in post(port, CHAT, chat_body(False, 8))
        assert b" 200 OK" in post(port, CHAT, chat_body(False, 7))


def test_a_whole_answer_keeps_length_and_usage(sagellm):
    """Without streaming the finish reason and the engine's counts come through."""
    answer = plain(post(sagellm, CHAT, chat_body(False, 3))).decode()
    assert answer.endswith(
        '\r\n\r\n{"id":"chatcmpl-ID","object":"chat.completion","created":C,"model":"sim-llm",'
        '"choices":[{"index":0,"message":{"role":"assistant","content":"WORDS ","name":null},'
        '"finish_reason":"length"}],"usage":{"prompt_tokens":3,"completion_tokens":3,'
        '"total_tokens":6},"trace_id":null}'
    )


@pytest.mark.parametrize("max_tokens", [None, 0])
def test_without_a_limit_the_reply_has_the_default_length(sagellm, max_tokens):
    """A missing limit and 0 are one; such a reply ends by itself."""
    answer = json.loads(post(sagellm, CHAT, chat_body(False, max_tokens)).split(b"\r\n\r\n")[1])
    assert answer["usage"]["completion_tokens"] == 64
    assert len(answer["choices"][0]["message"]["content"].split()) == 64
    assert answer["choices"][0]["finish_reason"] == "stop"


def test_a_text_completion_echoes_its_trace_id(sagellm):
    """The trace id is the request's, or one that the gateway makes."""
    for trace, shown in (('"trace_id":"t9",', '"t9"'), ("", '"trace-ID"')):
        body = f'{{{trace}"model":"default","prompt":"a b","max_tokens":2}}'.encode()
        answer = plain(post(sagellm, "/v1/completions", body)).decode()
        assert answer.endswith(
            '{"id":"cmpl-ID","object":"text_completion","created":C,"model":"sim-llm",'
            '"choices":[{"index":0,"text":"WORDS ","finish_reason":"length"}],"usage":'
            f'{{"prompt_tokens":2,"completion_tokens":2,"total_tokens":4}},"trace_id":{shown}}}'
        )


def test_streamed_text_completions_are_refused(sagellm):
    """As in the real gateway, whatever the engine could do."""
    answer = post(sagellm, "/v1/completions", b'{"model":"m","prompt":"x","stream":true}')
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"Streaming text completions are not supported on gateway /v1/completions." in answer


def test_embeddings_count_words_and_take_any_model(sagellm):
    """Usage is the inputs' words; the same text gets the same vector."""
    body = b'{"model":"any","input":["a b c","d","d"]}'
    answer = json.loads(post(sagellm, "/v1/embeddings", body).split(b"\r\n\r\n")[1])
    assert answer["usage"] == {"prompt_tokens": 5, "total_tokens": 5}
    assert answer["model"] == "any"
    vectors = [entry["embedding"] for entry in answer["data"]]
    assert vectors[1] == vectors[2] != vectors[0]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", {"type": "missing", "loc": ["body"], "msg": "Field required", "input": None}),
        (
            b'{"model":"m"',
            {
                "type": "json_invalid",
                "loc": ["body", 12],
                "msg": "JSON decode error",
                "input": {},
                "ctx": {"error": "Expecting ',' delimiter"},
            },
        ),
        (
            b'{"model":"m"}',
            {
                "type": "missing",
                "loc": ["body", "messages"],
                "msg": "Field required",
                "input": {"model": "m"},
            },
        ),
        (
            b'{"model":"m","messages":[{"role":"user","content":[1]}]}',
            {
                "type": "string_type",
                "loc": ["body", "messages", 0, "content"],
                "msg": "Input should be a valid string",
                "input": [1],
            },
        ),
        (
            b"[]",
            {
                "type": "model_attributes_type",
                "loc": ["body"],
                "msg": "Input should be a valid dictionary or object to extract fields from",
                "input": [],
            },
        ),
    ],
)
def test_a_bad_body_gets_fastapis_422(sagellm, body, reason):
    """One reason per field, with its place in the body."""
    answer = post(sagellm, CHAT, body)
    assert answer.startswith(b"HTTP/1.1 422 Unprocessable Entity\r\n")
    assert json.loads(answer.split(b"\r\n\r\n")[1]) == {"detail": [reason]}


def test_a_negative_limit_is_a_500_with_pydantics_text(sagellm):
    """Streamed or not, before the stream begins."""
    for stream in (True, False):
        answer = post(sagellm, CHAT, chat_body(stream, -1))
        assert answer.startswith(b"HTTP/1.1 500 ")
        assert b"1 validation error for Request\\nmax_tokens\\n" in answer


def test_routes_that_do_not_exist(sagellm):
    """404 and 405 as FastAPI gives them."""
    assert b"404 Not Found\r\n" in exchange(sagellm, request_bytes("GET", "/nope"))
    answer = exchange(sagellm, request_bytes("GET", CHAT))
    assert answer.startswith(b"HTTP/1.1 405 Method Not Allowed\r\n")
    assert b"\r\nallow: POST\r\n" in answer
    answer = exchange(sagellm, request_bytes("HEAD", "/health"))
    assert b"content-length: 31\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("sent", "trace", "request_id"),
    [
        (("X-Request-ID: r",), "r", "r"),
        (("X-Trace-ID: t",), "t", "UUID"),
        (("X-Trace-ID: t", "X-Request-ID: r"), "t", "r"),
        ((), "UUID", "UUID"),
    ],
)
def test_ids_are_echoed(sagellm, sent, trace, request_id):
    """The request id stands in for a missing trace id; both are made up where none was sent."""
    answer = plain(exchange(sagellm, request_bytes("GET", "/health", headers=sent))).decode()
    assert f"\r\nx-trace-id: {trace}\r\nx-request-id: {request_id}\r\n" in answer
    if not sent:
        raw = exchange(sagellm, request_bytes("GET", "/health"))
        assert len(set(re.findall(rb"x-(?:trace|request)-id: (\S+)", raw))) == 1


def test_the_status_routes_show_one_healthy_engine(sagellm):
    """What a preflight reads is there."""

    def get(path):
        return json.loads(exchange(sagellm, request_bytes("GET", path)).split(b"\r\n\r\n")[1])

    assert get("/health")["status"] == "healthy"
    assert get("/ready")["services"]["control_plane"] == {"status": "up", "engine_count": 1}
    assert [model["id"] for model in get("/v1/models")["data"]] == ["sim-llm"]
    engines = get("/v1/management/engines")
    assert (engines["total"], engines["healthy"]) == (1, 1)
    assert engines["engines"][0]["state"] == "READY"
    assert get("/info")["primary_engine"]["port"] == sagellm


def test_metrics_count_requests_as_the_gateway_does(sagellm):
    """By method, path and status; /metrics itself is not counted."""
    post(sagellm, CHAT, b"{}")
    text = exchange(sagellm, request_bytes("GET", "/metrics")).decode()
    assert "content-type: text/plain; version=1.0.0; charset=utf-8\r\n" in text
    name = "sagellm_gateway_http_requests_total"
    assert f'\n{name}{{method="POST",path="{CHAT}",status="422"}} ' in text
    assert 'path="/metrics"' not in text


CAPTURED = {
    "chat_stream.http": (CHAT, chat_body(True, model="fake-llm")),
    "chat_nonstream.http": (CHAT, chat_body(False, model="fake-llm", content="a b c d e f g")),
    "completions.http": ("/v1/completions", b'{"model":"fake-llm","prompt":"a b c d e f g"}'),
    "unknown_model_stream.http": (CHAT, chat_body(True, model="nope")),
    "unknown_model_nonstream.http": (CHAT, chat_body(False, model="nope")),
    "422.http": (CHAT, b'{"messages":[{"role":"user","content":"hi"}]}'),
    "health.http": ("/health", None),
    "ready.http": ("/ready", None),
}


@pytest.mark.skipif(
    not CAPTURES.is_dir(),
    reason="no captured answers of a real gateway, here or where SAGELLM_GATEWAY_CAPTURES says",
)
def test_captured_answers_of_a_real_gateway_are_reproduced():
    """Byte for byte but for ids, times, words and sizes."""
    with simulator("--model", "fake-llm", "--default-output-tokens", 2) as port:
        for name, (path, body) in CAPTURED.items():
            method = "GET" if body is None else "POST"
            ours = exchange(port, request_bytes(method, path, body or b"", JSON))
            assert plain(ours) == plain((CAPTURES / name).read_bytes()), name
