"""The Protocol's whole answer to a request, and the error that may stand in it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from sagellm_benchmark.protocol.errors import ErrorCode
from sagellm_benchmark.protocol.metrics import Metrics

FinishReason = Literal["stop", "length", "error"]


class Error(BaseModel):
    """What went wrong.

    Attributes:
        code: One of the Protocol's codes.
        message: For a person; holds no secrets.
        retryable: Whether trying again may help; None if unknown.
    """

    code: ErrorCode
    message: str
    retryable: bool | None = None


class Response(BaseModel):
    """The answer to a request that was not streamed.

    Attributes:
        request_id: The request's.
        trace_id: The request's.
        output_text: What was generated.
        output_tokens: Its token ids.
        prompt_tokens: Tokens in the prompt; None if unknown.
        finish_reason: Why the generation ended.
        metrics: What the engine measured.
        error: Set where it failed.
    """

    request_id: str
    trace_id: str
    output_text: str
    output_tokens: list[int]
    prompt_tokens: int | None = None
    finish_reason: FinishReason
    metrics: Metrics
    error: Error | None = None
