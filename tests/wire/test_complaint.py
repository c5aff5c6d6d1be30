"""Promises of `wire.complaint`."""

from __future__ import annotations

import json

import pytest

from sagellm_benchmark.protocol import ErrorCode
from sagellm_benchmark.wire.complaint import from_body, from_content, from_value, in_band

UNAVAILABLE = "Connection failed (code: ErrorCode.UNAVAILABLE)"


@pytest.mark.parametrize(
    ("value", "message", "code"),
    [
        ({"detail": UNAVAILABLE}, UNAVAILABLE, ErrorCode.UNAVAILABLE),
        ({"detail": "Not Found"}, "Not Found", None),
        (
            {"detail": [{"type": "missing", "loc": ["body", "model"], "msg": "Field required"}]},
            "body.model: Field required",
            None,
        ),
        ({"detail": [{"msg": "a"}, {"loc": ["b", 0], "msg": "c"}, 7]}, "a; b.0: c; 7", None),
        (
            {"detail": {"error": {"message": "Too fast", "code": "rate_limit_exceeded"}}},
            "Too fast",
            None,
        ),
        ({"error": {"message": "Overloaded", "code": 429}}, "Overloaded", "resource_exhausted"),
        ({"error": {"message": "Odd", "code": 400}}, "Odd", ErrorCode.INVALID_ARGUMENT),
        ({"error": "list index out of range"}, "list index out of range", None),
        ({"code": "kv_transfer_failed", "message": "x"}, "x", ErrorCode.KV_TRANSFER_FAILED),
        ({"object": "error", "message": "old vLLM", "code": 40301}, "old vLLM", None),
        ({"detail": ""}, '{"detail": ""}', None),
        ({"what": 1}, '{"what": 1}', None),
        ("text", "text", None),
        (17, "17", None),
        ({"error": {"error": {"error": {"error": {"error": "deep"}}}}}, '{"error": "deep"}', None),
    ],
)
def test_every_known_shape_gives_its_text_and_code(value, message, code):
    """OpenAI, FastAPI in three shapes, the Protocol, old vLLM; the rest is quoted."""
    said = from_body(json.dumps(value).encode(), ())
    assert said.message == message
    assert said.code == code


def test_the_protocols_error_says_whether_to_retry():
    """`retryable` is taken over where it is a boolean."""
    value = {"code": "unavailable", "message": "x", "retryable": False}
    assert from_value(value, ()).retryable is False
    assert from_value(value | {"retryable": "no"}, ()).retryable is None


def test_a_page_that_is_no_json_is_quoted_in_one_redacted_line():
    """HTML, bytes and secrets come out as a short line."""
    page = b"<html>\n<h1>502</h1>\xff key1 " + b"x" * 900
    said = from_body(page, ("key1",))
    assert said.message.startswith("<html> <h1>502</h1>� *** xxx")
    assert len(said.message) == 300


@pytest.mark.parametrize(
    ("content", "message", "code"),
    [
        (f"[Stream error: {UNAVAILABLE}]", UNAVAILABLE, ErrorCode.UNAVAILABLE),
        ("[Stream error: list index out of range]", "list index out of range", None),
        ("[Stream error: a [b]\nc]", "a [b] c", None),
        ("[Stream error: x (code: ErrorCode.NOSUCH)]", "x (code: ErrorCode.NOSUCH)", None),
    ],
)
def test_the_gateways_error_text_is_read(content, message, code):
    """Also over several lines and with brackets in it."""
    assert from_content(content, ()) == (message, code, None)


@pytest.mark.parametrize("content", ["", "]", "see [Stream error: x]", "[Stream error: x] ok?"])
def test_other_content_is_no_error(content):
    """Only the whole content counts."""
    assert from_content(content, ()) is None


@pytest.mark.parametrize("data", [b"<html>", b"[]", b'{"error":null}', b'{"choices":[]}'])
def test_a_body_without_an_error_is_no_in_band_error(data):
    """Only a JSON object with an error in it is one."""
    assert in_band(data, ()) is None
    assert in_band(b'{"error":"x"}', ()) is not None


@pytest.mark.parametrize(
    "data",
    [
        b'{"error":' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"error":' + b'{"x":' * 900 + b"1" + b"}" * 901,
        b'{"error":[' + b"9" * 5000 + b"]}",
        b'{"detail":[{"msg":{},"loc":3}, {"loc":[[]],"msg":"m"}]}',
        b"[" * 100_000,
        b'{"error":"\\ud83d"}',
    ],
)
def test_hostile_errors_still_give_one_line(data):
    """Nothing raises, whatever the shape."""
    assert from_body(data, ()).message
