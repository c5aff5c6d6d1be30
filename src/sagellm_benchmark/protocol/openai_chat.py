"""The gateway's `/v1/chat/completions`, as the Protocol types it.

These are the Protocol's models, narrower than what servers send: a stream chunk has no usage, a
message no tool calls, content no parts. The wire reads what really comes; these say what sageLLM
promises.
"""

from __future__ import annotations

import time
from typing import Literal

from pydantic import BaseModel, Field

FinishReason = Literal["stop", "length", "content_filter", "tool_calls"]


def unix_now() -> int:
    """Read the wall clock, in whole Unix seconds: the default of `created`."""
    return int(time.time())


class ChatMessage(BaseModel):
    """One turn of a conversation.

    Attributes:
        role: Who speaks.
        content: What they say.
        name: Tells speakers of one role apart.
    """

    role: Literal["system", "user", "assistant", "function", "tool"]
    content: str
    name: str | None = None


class ChatCompletionRequest(BaseModel):
    """A chat request.

    Attributes:
        model: Its name.
        messages: The conversation so far.
        temperature: 0 to 2.
        max_tokens: Most tokens to generate; no range is checked.
        stream: Send chunks as they come.
        top_p: Over 0 to 1.
        n: How many answers.
        stop: Texts that end the generation.
        presence_penalty: -2 to 2.
        frequency_penalty: -2 to 2.
        user: The end user, for the server's own accounting.
        session_id: The conversation that this belongs to.
        trace_id: Shared by what belongs together.
    """

    model: str
    messages: list[ChatMessage]
    temperature: float = Field(1.0, ge=0, le=2)
    max_tokens: int | None = None
    stream: bool = False
    top_p: float | None = Field(None, gt=0, le=1)
    n: int = 1
    stop: str | list[str] | None = None
    presence_penalty: float = Field(0.0, ge=-2, le=2)
    frequency_penalty: float = Field(0.0, ge=-2, le=2)
    user: str | None = None
    session_id: str | None = None
    trace_id: str | None = None


class ChatCompletionUsage(BaseModel):
    """Tokens counted by the server: of the prompt, of the answer, and both."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatCompletionChoice(BaseModel):
    """One answer.

    Attributes:
        index: Its place among the `n` answers.
        message: What was said.
        finish_reason: Why the generation ended; required, may be None.
    """

    index: int
    message: ChatMessage
    finish_reason: FinishReason | None


class ChatCompletionResponse(BaseModel):
    """The answer to a chat request that was not streamed.

    Attributes:
        id: The server's name for it.
        object: Always "chat.completion".
        created: Unix seconds.
        model: The model that answered.
        choices: The answers.
        usage: The tokens counted.
        trace_id: The request's.
    """

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int = Field(default_factory=unix_now)
    model: str
    choices: list[ChatCompletionChoice]
    usage: ChatCompletionUsage
    trace_id: str | None = None


class ChatCompletionStreamDelta(BaseModel):
    """What a chunk adds: the speaker (first chunk), or text."""

    role: str | None = None
    content: str | None = None


class ChatCompletionStreamChoice(BaseModel):
    """One answer's part of a chunk.

    Attributes:
        index: The answer's place among the `n` answers.
        delta: What is new.
        finish_reason: Set in the answer's last chunk.
    """

    index: int
    delta: ChatCompletionStreamDelta
    finish_reason: FinishReason | None = None


class ChatCompletionStreamResponse(BaseModel):
    """One chunk of a streamed answer. It has no usage: a Protocol stream cannot carry one.

    Attributes:
        id: The server's name for the answer.
        object: Always "chat.completion.chunk".
        created: Unix seconds.
        model: The model that answers.
        choices: The parts of each answer.
    """

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int = Field(default_factory=unix_now)
    model: str
    choices: list[ChatCompletionStreamChoice]
