"""The Protocol's event stream: one start, any number of deltas, one end.

`StreamEvent` is the union of the three, told apart by `event`; hand it to pydantic's `TypeAdapter`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from sagellm_benchmark.protocol.metrics import Metrics
from sagellm_benchmark.protocol.response import Error, FinishReason


class StreamEventStart(BaseModel):
    """The engine has taken the request.

    Attributes:
        event: Always "start".
        request_id: The request's.
        trace_id: The request's.
        engine_id: The engine that answers.
        prompt_tokens: Tokens in the prompt; None if unknown.
    """

    event: Literal["start"] = "start"
    request_id: str
    trace_id: str
    engine_id: str
    prompt_tokens: int | None = None


class StreamEventDelta(BaseModel):
    """More text.

    Attributes:
        event: Always "delta".
        request_id: The request's.
        trace_id: The request's.
        engine_id: The engine that answers.
        content: The text that is new.
        content_tokens: Its token ids.
    """

    event: Literal["delta"] = "delta"
    request_id: str
    trace_id: str
    engine_id: str
    content: str
    content_tokens: list[int]


class StreamEventEnd(BaseModel):
    """The stream is over, well or not.

    Attributes:
        event: Always "end".
        request_id: The request's.
        trace_id: The request's.
        engine_id: The engine that answers.
        prompt_tokens: Tokens in the prompt; None if unknown.
        content: The whole text.
        output_tokens: Its token ids.
        finish_reason: Why the generation ended.
        metrics: What the engine measured.
        error: Set where it failed.
    """

    event: Literal["end"] = "end"
    request_id: str
    trace_id: str
    engine_id: str
    prompt_tokens: int | None = None
    content: str
    output_tokens: list[int]
    finish_reason: FinishReason
    metrics: Metrics
    error: Error | None = None


StreamEvent = Annotated[
    StreamEventStart | StreamEventDelta | StreamEventEnd, Field(discriminator="event")
]

StartEvent = StreamEventStart
DeltaEvent = StreamEventDelta
EndEvent = StreamEventEnd
