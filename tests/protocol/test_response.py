"""The Protocol's answer and its error."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from sagellm_benchmark.protocol import Error, ErrorCode, Response

METRICS = {"ttft_ms": 1, "throughput_tps": 1, "peak_mem_mb": 0, "error_rate": 0}
ANSWER = {
    "request_id": "r",
    "trace_id": "t",
    "output_text": "a b",
    "output_tokens": [1, 2],
    "finish_reason": "stop",
    "metrics": METRICS,
}


def test_an_error_is_written_by_its_code() -> None:
    """JSON carries the code's text, and whether to retry is unknown until someone says it."""
    error = Error(code=ErrorCode.RESOURCE_EXHAUSTED, message="busy")
    assert json.loads(error.model_dump_json()) == {
        "code": "resource_exhausted",
        "message": "busy",
        "retryable": None,
    }


def test_an_unknown_code_is_refused() -> None:
    """A code that the Protocol lacks is no error of the Protocol."""
    with pytest.raises(ValidationError):
        Error(code="teapot", message="?")


@pytest.mark.parametrize("reason", ["stop", "length", "error"])
def test_finish_reasons(reason: str) -> None:
    """The three reasons are taken."""
    assert Response(**{**ANSWER, "finish_reason": reason}).finish_reason == reason


@pytest.mark.parametrize("reason", ["tool_calls", "content_filter", "", None])
def test_other_finish_reasons_are_refused(reason: str | None) -> None:
    """OpenAI's other reasons, or none, are not the Protocol's."""
    with pytest.raises(ValidationError):
        Response(**{**ANSWER, "finish_reason": reason})
