"""The OpenAI-compatible vocabulary: bodies of requests out, frames and replies in, typed.

Only the fields that are measured are decoded; a frame costs well under a microsecond. What msgspec
refuses and the standard library accepts, lone surrogate escapes, and what neither does, invalid
UTF-8, come out as U+FFFD and are noted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from enum import Enum
from typing import Annotated, Any

import msgspec

DONE = b"[DONE]"
"""The data of the frame that ends a stream."""

INVALID_UTF8 = "invalid_utf8"
LONE_SURROGATE = "lone_surrogate"

_ENDPOINT_PATHS = {
    "chat": "/v1/chat/completions",
    "completions": "/v1/completions",
    "embeddings": "/v1/embeddings",
}
_LONE = re.compile("[\ud800-\udfff]")

Count = Annotated[int, msgspec.Meta(ge=0)]


class Endpoint(str, Enum):
    """What is asked of the server."""

    CHAT = "chat"
    COMPLETIONS = "completions"
    EMBEDDINGS = "embeddings"

    @property
    def path(self) -> str:
        """The request target."""
        return _ENDPOINT_PATHS[self.value]


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One request to a model.

    Attributes:
        endpoint: Where it goes.
        model: The model's name there.
        stream: Whether the answer is to come token by token; embeddings never do.
        prompt: The prompt's text, where there are no messages.
        token_ids: The prompt as the model's tokens instead; completions only.
        messages: The conversation, for chat.
        max_tokens: The most tokens to make; None leaves it to the server.
        exact: Exactly `max_tokens` must be made (vLLM's min_tokens and ignore_eos).
        temperature: None leaves it to the server.
        extra: Merged in last, key by key.
        include_usage: Ask for a usage frame at the end of a stream.
    """

    endpoint: Endpoint
    model: str
    stream: bool = True
    prompt: str | None = None
    token_ids: list[int] | None = None
    messages: list[dict[str, Any]] | None = None
    max_tokens: int | None = None
    exact: bool = False
    temperature: float | None = None
    extra: dict[str, Any] = msgspec.field(default_factory=dict)
    include_usage: bool = True


def request_body(ask: Ask) -> bytes:
    """Write the JSON body of a request."""
    body: dict[str, Any] = {"model": ask.model}
    if ask.endpoint is Endpoint.EMBEDDINGS:
        body["input"] = ask.prompt
        return msgspec.json.encode(body | ask.extra)
    if ask.endpoint is Endpoint.CHAT:
        body["messages"] = ask.messages or [{"role": "user", "content": ask.prompt}]
    else:
        body["prompt"] = ask.prompt if ask.token_ids is None else ask.token_ids
    body["stream"] = ask.stream
    if ask.stream and ask.include_usage:
        body["stream_options"] = {"include_usage": True}
    if ask.max_tokens is not None:
        body["max_tokens"] = ask.max_tokens
        if ask.exact:
            body |= {"min_tokens": ask.max_tokens, "ignore_eos": True}
    if ask.temperature is not None:
        body["temperature"] = ask.temperature
    return msgspec.json.encode(body | ask.extra)


class Function(msgspec.Struct, gc=False):
    """What a tool call calls."""

    name: str | None = None
    arguments: str | None = None


class ToolCall(msgspec.Struct, gc=False):
    """A tool call, or a piece of one."""

    function: Function | None = None


class Delta(msgspec.Struct, gc=False):
    """What a frame adds to a choice; in a whole reply, the message itself."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None
    function_call: Function | None = None

    def speaks(self) -> bool:
        """Whether it holds content, a refusal, or a tool call's name or arguments."""
        if self.content or self.refusal:
            return True
        called = [call.function for call in self.tool_calls or ()]
        called.append(self.function_call)
        return any(one is not None and (one.name or one.arguments) for one in called)

    def thinks(self) -> bool:
        """Whether it holds reasoning."""
        return bool(self.reasoning_content or self.reasoning)


class Choice(msgspec.Struct, gc=False):
    """One of the answers. Some servers write an empty `finish_reason` where there is none."""

    delta: Delta | None = None
    text: str | None = None
    finish_reason: str | None = None
    index: int | None = 0
    message: Delta | None = None


class Usage(msgspec.Struct, gc=False):
    """The server's own count."""

    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None


class Frame(msgspec.Struct, gc=False):
    """One data frame of a stream."""

    choices: list[Choice] | None = None
    usage: Usage | None = None
    error: Any = None


class Whole(msgspec.Struct):
    """A reply that was not streamed."""

    choices: list[Choice] | None = None
    data: list[msgspec.Raw] | None = None
    usage: Usage | None = None
    error: Any = None
    id: str | None = None


class Label(msgspec.Struct):
    """What is read of one frame of a stream only."""

    id: str | None = None
    object: str | None = None
    message: Any = None


decode_frame = msgspec.json.Decoder(Frame).decode
"""Read a frame from bytes; what it raises is for `mend`."""

_decode_label = msgspec.json.Decoder(Label).decode

_decode_whole = msgspec.json.Decoder(Whole).decode
_DECODERS: dict[type[msgspec.Struct], Callable[[str], Any]] = {
    Frame: decode_frame,
    Whole: _decode_whole,
}


def decode_label(data: bytes) -> Label:
    """Read the label of a frame that has been decoded; an odd one has none."""
    try:
        return _decode_label(data)
    except ValueError:
        return Label()


class NotJson(Exception):
    """The data is not the JSON that it should be; the text says where and why."""


def decode_whole(data: bytes) -> tuple[Whole, str | None]:
    """Read a reply that was not streamed, and name what had to be mended in it.

    Raises:
        NotJson: It is no such reply.
    """
    try:
        return _decode_whole(data), None
    except (ValueError, RecursionError) as error:
        return mend(data, Whole, error)


def mend(data: bytes, kind: type[msgspec.Struct], error: Exception) -> tuple[Any, str]:
    """Read once more, with the standard library, what msgspec refused.

    Args:
        data: The JSON text.
        kind: `Frame` or `Whole`.
        error: Why msgspec refused it.

    Returns:
        The value, and which flaw it had: `INVALID_UTF8` or `LONE_SURROGATE`.

    Raises:
        NotJson: It is really no such JSON.
    """
    if isinstance(error, UnicodeDecodeError):
        flaw, text = INVALID_UTF8, data.decode("utf-8", "replace")
    elif b"\\ud" in data.lower() and not isinstance(
        error, (msgspec.ValidationError, RecursionError)
    ):
        flaw, text = LONE_SURROGATE, data.decode("utf-8", "replace")
    else:
        raise NotJson(str(error)) from error
    try:
        clean = json.dumps(json.loads(text), ensure_ascii=False)  # a NaN is refused below
        return _DECODERS[kind](_LONE.sub("\ufffd", clean)), flaw
    except (ValueError, RecursionError) as again:
        raise NotJson(str(again)) from again
