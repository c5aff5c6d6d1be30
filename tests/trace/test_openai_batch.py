"""OpenAI Batch files, requests and answers."""

from __future__ import annotations

import pytest
from files import jsonl, real_slices, rows_of
from lookalikes import openai_batch, openai_batch_answers

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.source import open_trace

URL = "/v1/chat/completions"
HI = [{"role": "user", "content": "Hi"}]


def _request(body, url=URL, **more):
    return {"custom_id": "r", "method": "POST", "url": url, "body": {"model": "m", **body}, **more}


def _rows(tmp_path, *lines):
    return rows_of(jsonl(tmp_path / "b.jsonl", *lines), format="openai-batch")


def _trace(tmp_path, data):
    path = tmp_path / "b.jsonl"
    path.write_bytes(data)
    return open_trace(path)


def test_a_body_keeps_every_key(tmp_path):
    """Each key of a request is in the row once: named, as sampling, or in the extra body."""
    tools = [{"type": "function", "function": {"name": "f"}}]
    body = {"messages": HI, "max_completion_tokens": 9, "temperature": 0, "stop": ["x"],
            "tools": tools, "response_format": {"type": "text"}, "stream": True,
            "stream_options": {"include_usage": True}, "user": "u", "seed": None}  # fmt: skip
    (row,) = _rows(tmp_path, _request(body))
    assert (row.request_id, row.arrival_time_s, row.operation) == ("r", 0.0, "chat")
    assert (row.model, row.messages, row.max_tokens, row.stream) == ("m", HI, 9, True)
    assert row.sampling == {"temperature": 0, "stop": ["x"]}
    assert (row.tools, row.response_format) == (tools, {"type": "text"})
    assert row.extra_body == {"user": "u"}


def test_images_travel_and_are_counted(tmp_path):
    """Messages with image parts go as recorded, and the row says how many there are."""
    rows = list(_trace(tmp_path, openai_batch()).rows())
    assert rows[1].modalities == {"image_count": 1}
    assert rows[1].messages[0]["content"][1]["type"] == "image_url"
    assert rows[0].modalities is None


def test_what_cannot_be_sent_is_a_named_drop(tmp_path):
    """Several prompts at once and foreign endpoints are dropped by name; token ids are kept."""
    trace = _trace(tmp_path, openai_batch())
    rows = {row.request_id: row for row in trace.rows()}
    assert trace.drops == {"several_prompts": 1, "unsupported_endpoint": 1}
    assert (rows["request-2"].prompt, rows["request-2"].operation) == ("Once", "text_completion")
    assert rows["request-4"].prompt_token_ids == [1, 2]
    assert rows["request-4"].input_tokens == 2


def test_answers_carry_the_outcome(tmp_path):
    """An answer gives tokens, outcome and no content; without token counts it is dropped."""
    trace = _trace(tmp_path, openai_batch_answers())
    (row,) = trace.rows()
    assert (row.request_id, row.operation, row.model) == ("request-9", "chat", "m")
    assert (row.input_tokens, row.output_tokens, row.cached_input_tokens) == (9, 16, 4)
    assert row.recorded == {"status": 200, "finish_reason": "length"}
    assert (row.messages, row.prompt) == (None, None)
    assert trace.drops == {"no_usage": 1, "no_response": 1}


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (_request({}), "body"),
        (_request({"messages": HI, "prompt": "x"}), "body"),
        (_request({"messages": HI}, method="GET"), "method"),
        (_request({"messages": HI, "max_tokens": "9"}), r"body\.max_tokens"),
        (_request({"messages": HI, "max_tokens": -9}), r"body\.max_tokens"),
        (_request({"messages": ["Hi"]}), r"body\.messages\[0\]"),
        ({**_request({"messages": HI}), "custom_id": ""}, "custom_id"),
        ({"custom_id": "r", "response": {"status_code": "ok"}}, r"response\.status_code"),
    ],
)
def test_bad_lines_name_the_field(tmp_path, line, field):
    """Each unusable value is an error at its line and field."""
    with pytest.raises(UsageError, match=rf"b\.jsonl:2: {field}: "):
        _rows(tmp_path, _request({"messages": HI}), line)


@pytest.mark.parametrize("body", [{"messages": []}, {"prompt": ""}, {"prompt": []}])
def test_an_empty_prompt_is_a_named_drop(tmp_path, body):
    """There is nothing to send in a request without a word."""
    trace = open_trace(jsonl(tmp_path / "b.jsonl", _request(body)))
    assert (list(trace.rows()), trace.drops) == ([], {"empty_prompt": 1})


def test_the_real_looks():
    """The hand-made pair beside the real slices: two requests, one answer."""
    folder = real_slices() / "handmade"
    assert len(rows_of(folder / "openai_batch_input.jsonl")) == 2
    assert [row.output_tokens for row in rows_of(folder / "openai_batch_output.jsonl")] == [16]
