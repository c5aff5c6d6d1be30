"""The Protocol's event stream."""

from __future__ import annotations

import json

import pytest
from pydantic import TypeAdapter
from tests.sim.processes import post, split_response

from sagellm_benchmark.protocol import (
    StreamEvent,
    StreamEventDelta,
    StreamEventEnd,
    StreamEventStart,
)

PATH = "/v1/completions/stream"
ASKED = {
    "request_id": "r1",
    "trace_id": 't"1',
    "model": "sim-llm",
    "prompt": "a b c",
    "max_tokens": 4,
}


def test_every_event_is_one_of_the_protocols(openai):
    """Start, a delta per token, an end that repeats their text and ids."""
    _, chunks = split_response(post(openai, PATH, json.dumps(ASKED).encode()))
    assert chunks.pop() == b"data: [DONE]\n\n"
    adapter = TypeAdapter(StreamEvent)
    start, *deltas, end = (adapter.validate_json(chunk[len("data: ") :]) for chunk in chunks)
    assert isinstance(start, StreamEventStart)
    assert isinstance(end, StreamEventEnd)
    assert len(deltas) == 4
    assert all(isinstance(delta, StreamEventDelta) for delta in deltas)
    assert "".join(delta.content for delta in deltas) == end.content
    assert [token for delta in deltas for token in delta.content_tokens] == end.output_tokens
    assert start.prompt_tokens == end.prompt_tokens == 3
    assert end.finish_reason == "length"
    assert {event.trace_id for event in (start, *deltas, end)} == {'t"1'}


def test_the_metrics_are_the_engines(openai):
    """tpot_ms is the whole time over the tokens, tbt_ms the mean gap after the first."""
    _, chunks = split_response(post(openai, PATH, json.dumps(ASKED).encode()))
    metrics = json.loads(chunks[-2][len("data: ") :])["metrics"]
    total_ms = metrics["tpot_ms"] * 4
    assert metrics["ttft_ms"] >= 5
    assert total_ms == pytest.approx(metrics["ttft_ms"] + 3 * metrics["tbt_ms"])
    assert metrics["throughput_tps"] == pytest.approx(4000 / total_ms)
    assert metrics["error_rate"] == 0


def test_the_events_are_spaced_as_a_sagellm_engine_spaces_them(openai):
    """Its JSON has a space after each colon and comma."""
    _, chunks = split_response(post(openai, PATH, json.dumps(ASKED).encode()))
    assert chunks[0].startswith(b'data: {"event": "start", "request_id": "r1", "trace_id": "t')
    assert b'", "content_tokens": [' in chunks[1]


def test_a_body_that_is_no_protocol_request_is_a_422(openai):
    """max_tokens and the ids are required."""
    answer = post(openai, PATH, b'{"request_id":"r1","max_tokens":0}')
    assert answer.startswith(b"HTTP/1.1 422 ")
    reasons = json.loads(answer.split(b"\r\n\r\n")[1])["detail"]
    assert [reason["loc"] for reason in reasons] == [["body", "trace_id"], ["body", "max_tokens"]]
