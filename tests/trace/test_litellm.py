"""LiteLLM's logs."""

from __future__ import annotations

import json

import msgspec
import pytest
from files import jsonl, real_slices, rows_of
from lookalikes import litellm

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.source import open_trace

CALL = json.loads(litellm().splitlines()[0])


def _trace(tmp_path):
    path = tmp_path / "l.jsonl"
    path.write_bytes(litellm())
    return open_trace(path)


def _row(tmp_path, **change):
    (row,) = rows_of(jsonl(tmp_path / "l.jsonl", {**CALL, **change}))
    return row


def test_a_call_becomes_a_row(tmp_path):
    """Times, tokens, names, parameters, messages and outcome each have their field."""
    trace = _trace(tmp_path)
    row = next(trace.rows())
    assert trace.header.time_origin == "2026-02-25T10:00:00.125Z"
    assert (row.request_id, row.operation, row.model, row.stream) == (
        "chatcmpl-1",
        "chat",
        "m",
        True,
    )
    assert (row.input_tokens, row.output_tokens, row.max_tokens) == (120, 40, 64)
    assert (row.messages, row.sampling) == (CALL["messages"], {"temperature": 0.2})
    assert (row.user_id, row.tenant_id) == ("u1", "team-a")
    assert row.recorded == {"e2e_latency_s": 2.375, "ttft_s": 0.41}


def test_a_session_waits(tmp_path):
    """The calls of one trace are its turns, the pause between them the think time."""
    first, second, _ = _trace(tmp_path).rows()
    assert (first.session_id, second.session_id) == ("t1", "t1")
    assert (second.depends_on, second.think_time_s) == (["chatcmpl-1"], 0.5)
    assert second.recorded == {"e2e_latency_s": 1.5}
    assert _session(tmp_path, session_id="s", metadata={"session_id": "x"}) == "s"
    assert _session(tmp_path, metadata={"session_id": "x"}) == "x"


def _session(tmp_path, **change):
    return _row(tmp_path, **change).session_id


def test_redacted_calls_keep_their_tokens(tmp_path):
    """Where the messages were redacted the row has its tokens only, and a cache hit is noted."""
    _, second, _ = _trace(tmp_path).rows()
    assert (second.messages, second.prompt, second.input_tokens) == (None, None, 120)
    assert second.source_fields == {"cache_hit": True}


def test_failures_are_kept_and_flagged(tmp_path):
    """A failed call says so with the kind of error, has no reply length, and no secret of it."""
    *_, failed = _trace(tmp_path).rows()
    assert failed.recorded["failed"] is True
    assert failed.recorded["error_type"] == "litellm.RateLimitError"
    assert failed.output_tokens is None


def test_other_calls_are_named_drops(tmp_path):
    """What calls no language model, and what has neither tokens nor words, is dropped by name."""
    trace = _trace(tmp_path)
    assert len(list(trace.rows())) == 3
    assert trace.drops == {"not_a_model_call": 1, "zero_input": 1}


def test_no_secret_reaches_a_row(tmp_path):
    """Headers and keys of the log are in no field of any row."""
    text = b"".join(msgspec.json.encode(row) for row in _trace(tmp_path).rows())
    assert b"secret" not in text
    assert b"sk-123" not in text


def test_a_prompt_is_content(tmp_path):
    """A completion's prompt travels as recorded."""
    row = _row(tmp_path, call_type="text_completion", messages="Once", stream=None)
    assert (row.operation, row.prompt, row.messages) == ("text_completion", "Once", None)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"startTime": None}, "startTime"),
        ({"startTime": "noon"}, "startTime"),
        ({"endTime": -1}, "endTime"),
        ({"prompt_tokens": -1}, "prompt_tokens"),
        ({"prompt_tokens": 1.5}, "prompt_tokens"),
        ({"messages": ["a"]}, r"messages\[0\]"),
        ({"model_parameters": {"max_tokens": "9"}}, r"model_parameters\.max_tokens"),
        ({"id": "a\nb"}, "id"),
    ],
)
def test_bad_calls_name_the_field(tmp_path, change, field):
    """Each unusable value is an error at its line and field."""
    with pytest.raises(UsageError, match=rf"l\.jsonl:2: {field}: "):
        rows_of(jsonl(tmp_path / "l.jsonl", CALL, {**CALL, **change}))


def test_the_real_look():
    """The hand-made log beside the real slices: one call with words, one failed without any."""
    trace = open_trace(real_slices() / "handmade/litellm_standard_logging.jsonl")
    assert [row.request_id for row in trace.rows()] == ["chatcmpl-1"]
    assert trace.drops == {"zero_input": 1}
