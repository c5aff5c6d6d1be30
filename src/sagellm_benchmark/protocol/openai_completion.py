"""The gateway's `/v1/completions`, as the Protocol types it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from sagellm_benchmark.protocol.openai_chat import unix_now


class CompletionRequest(BaseModel):
    """A text completion request.

    Attributes:
        model: Its name.
        prompt: The text to go on from.
        temperature: 0 to 2.
        max_tokens: Most tokens to generate; no range is checked.
        stream: Send chunks as they come.
        top_p: Over 0 to 1.
        n: How many answers.
        stop: Texts that end the generation.
        user: The end user, for the server's own accounting.
        trace_id: Shared by what belongs together.
    """

    model: str
    prompt: str
    temperature: float = Field(1.0, ge=0, le=2)
    max_tokens: int | None = None
    stream: bool = False
    top_p: float | None = Field(None, gt=0, le=1)
    n: int = 1
    stop: str | list[str] | None = None
    user: str | None = None
    trace_id: str | None = None


class CompletionUsage(BaseModel):
    """Tokens counted by the server: of the prompt, of the answer, and both."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class CompletionChoice(BaseModel):
    """One answer.

    Attributes:
        index: Its place among the `n` answers.
        text: What was generated.
        finish_reason: Why the generation ended; required, may be None.
    """

    index: int
    text: str
    finish_reason: Literal["stop", "length", "content_filter"] | None


class CompletionResponse(BaseModel):
    """The answer to a completion request.

    Attributes:
        id: The server's name for it.
        object: Always "text_completion".
        created: Unix seconds.
        model: The model that answered.
        choices: The answers.
        usage: The tokens counted.
        trace_id: The request's.
    """

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int = Field(default_factory=unix_now)
    model: str
    choices: list[CompletionChoice]
    usage: CompletionUsage
    trace_id: str | None = None
