"""What an OpenAI-compatible server understands of a request body.

In: the body's bytes. Out: an `Asked`, or an `OpenAIFailure` that holds the error to answer with.
Fields that change nothing about tokens and times are ignored, as a lenient server does; what would
change them and is not simulated (`n` above 1, several prompts) is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec


class OpenAIFailure(Exception):
    """An error in OpenAI's form.

    Args:
        message: What is wrong.
        status: Response status.
        param: The field at fault.
        code: OpenAI's code.
    """

    def __init__(
        self, message: str, status: int = 400, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        error = {
            "message": message,
            "type": "invalid_request_error",
            "param": param,
            "code": code,
        }
        self.body = msgspec.json.encode({"error": error})


@dataclass(frozen=True, slots=True)
class Asked:
    """A generation request.

    Attributes:
        model: As the client wrote it.
        prompt: All text of the prompt.
        stream: Whether to stream.
        include_usage: Whether a stream ends with a usage frame.
        max_tokens: Limit of the reply, or None.
        min_tokens: Least length of the reply.
    """

    model: str
    prompt: str
    stream: bool
    include_usage: bool
    max_tokens: int | None
    min_tokens: int


def read_object(body: bytes) -> dict[str, Any]:
    """Decode a JSON object.

    Raises:
        OpenAIFailure: It is none.
    """
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise OpenAIFailure(f"The body is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise OpenAIFailure("The body must be a JSON object")
    return value


def read_chat(body: bytes) -> Asked:
    """Read a chat request.

    Raises:
        OpenAIFailure: A field is missing or wrong.
    """
    value = read_object(body)
    messages = value.get("messages")
    if not isinstance(messages, list) or not messages:
        raise OpenAIFailure("'messages' must be a list with at least one message", param="messages")
    prompt = "\n".join(_message_text(message, index) for index, message in enumerate(messages))
    limit = "max_completion_tokens" if "max_completion_tokens" in value else "max_tokens"
    return _asked(value, prompt, limit)


def read_completion(body: bytes) -> Asked:
    """Read a text completion request.

    Raises:
        OpenAIFailure: A field is missing or wrong.
    """
    value = read_object(body)
    prompt = value.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1 and isinstance(prompt[0], str):
        prompt = prompt[0]
    if isinstance(prompt, list) and prompt and all(type(token) is int for token in prompt):
        # Token ids: one word each.
        prompt = " ".join(map(str, prompt))
    if not isinstance(prompt, str):
        raise OpenAIFailure("'prompt' must be one string or one list of token ids", param="prompt")
    return _asked(value, prompt, "max_tokens")


def read_embedding(body: bytes) -> tuple[str, list[str], bool]:
    """Read an embedding request: model, inputs, and whether base64 was asked for.

    Raises:
        OpenAIFailure: A field is missing or wrong.
    """
    value = read_object(body)
    inputs = value.get("input")
    if isinstance(inputs, str):
        inputs = [inputs]
    if not isinstance(inputs, list) or not all(isinstance(text, str) for text in inputs):
        raise OpenAIFailure("'input' must be a string or a list of strings", param="input")
    return _model(value), inputs, value.get("encoding_format") == "base64"


def _message_text(message: Any, index: int) -> str:
    where = f"messages[{index}]"
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise OpenAIFailure(f"'{where}' must be an object with a 'role'", param=where)
    content = message.get("content")
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list) and all(isinstance(part, dict) for part in content):
        return "\n".join(str(part.get("text", "")) for part in content)
    raise OpenAIFailure(f"'{where}.content' must be a string or a list of parts", param=where)


def _asked(value: dict[str, Any], prompt: str, limit: str) -> Asked:
    if value.get("n") not in (None, 1):
        raise OpenAIFailure("'n' above 1 is not simulated", param="n")
    max_tokens = _count(value, limit, 1)
    min_tokens = _count(value, "min_tokens", 0) or 0
    if max_tokens is not None and min_tokens > max_tokens:
        raise OpenAIFailure(f"'min_tokens' is above '{limit}'", param="min_tokens")
    options = value.get("stream_options") or {}
    if not isinstance(options, dict):
        raise OpenAIFailure("'stream_options' must be an object", param="stream_options")
    return Asked(
        model=_model(value),
        prompt=prompt,
        stream=value.get("stream") is True,
        include_usage=options.get("include_usage") is True,
        max_tokens=max_tokens,
        min_tokens=min_tokens,
    )


def _model(value: dict[str, Any]) -> str:
    model = value.get("model")
    if not isinstance(model, str):
        raise OpenAIFailure("'model' must be a string", param="model")
    return model


def _count(value: dict[str, Any], name: str, least: int) -> int | None:
    number = value.get(name)
    if number is not None and (type(number) is not int or number < least):
        raise OpenAIFailure(f"'{name}' must be an integer of at least {least}", param=name)
    return number
