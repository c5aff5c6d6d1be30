"""A recorded OpenAI request body as the fields of a row.

In: a body, as its client sent it. Out: each of its keys once: under its own name in the row, among
the `sampling` parameters, or in `extra_body`. Messages travel as recorded, images in them too;
`modalities` says how many. What asks for the usage is ours to ask, and is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from sagellm_benchmark.trace.fields import bounded, take_token_ids
from sagellm_benchmark.trace.row import Row
from sagellm_benchmark.trace.tally import BadRowError, DroppedError

SAMPLING = frozenset(
    (
        *("temperature", "top_p", "top_k", "min_p", "seed", "n", "stop", "frequency_penalty"),
        *("presence_penalty", "repetition_penalty", "min_tokens", "ignore_eos", "logit_bias"),
    )
)
_IMAGES = ("image_url", "input_image", "image")


_Prompt = str | list[str | int | list[int]] | None


class _Body(msgspec.Struct):
    model: str | None = None
    messages: list[dict[str, Any]] | None = None
    prompt: _Prompt = None
    input: _Prompt = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stream: bool | None = None
    stream_options: Any = None
    tools: list[dict[str, Any]] | None = None
    response_format: dict[str, Any] | None = None


_KEYS = frozenset(_Body.__struct_fields__)


def take_body(row: Row, body: Mapping[str, Any], field: str) -> None:
    """Spread a body over a row's fields.

    Raises:
        BadRowError: A key has another type than the API gives it, or there is no content.
        DroppedError: Its prompt is empty, or it has several.
    """
    known = converted({key: value for key, value in body.items() if key in _KEYS}, _Body, field)
    contents = [known.messages, known.prompt, known.input]
    if sum(content is not None for content in contents) != 1:
        raise BadRowError(field, "needs one of messages, prompt and input")
    place = "input" if known.prompt is None else "prompt"
    _take_prompt(row, getattr(known, place), f"{field}.{place}")
    take_messages(row, known.messages)
    row.model = known.model
    row.stream = known.stream
    row.tools = known.tools
    row.response_format = known.response_format
    cap = known.max_tokens if known.max_completion_tokens is None else known.max_completion_tokens
    if cap is not None:
        row.max_tokens = bounded(f"{field}.max_tokens", cap)
    take_parameters(row, {key: value for key, value in body.items() if key not in _KEYS})


def take_parameters(row: Row, parameters: Mapping[str, Any]) -> None:
    """Set the sampling parameters, and keep the rest for the body; null is absent."""
    given = {key: value for key, value in parameters.items() if value is not None}
    row.sampling = {key: value for key, value in given.items() if key in SAMPLING} or None
    row.extra_body = {key: value for key, value in given.items() if key not in SAMPLING} or None


def take_messages(row: Row, messages: list[dict[str, Any]] | None) -> None:
    """Set the messages, and count their images.

    Raises:
        DroppedError: There is none.
    """
    if messages is not None and not messages:
        raise DroppedError("empty_prompt")
    row.messages = messages
    if shown := sum(map(_images, messages or ())):
        row.modalities = {"image_count": shown}


def converted(value: Any, kind: Any, field: str) -> Any:
    """Check decoded JSON against a type and name the field where it differs."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        what, _, place = str(error).partition(" - at `$")
        raise BadRowError(field + place.rstrip("`"), what) from None


def _take_prompt(row: Row, prompt: Any, field: str) -> None:
    if isinstance(prompt, list) and not all(isinstance(each, int) for each in prompt):
        if len(prompt) > 1:
            raise DroppedError("several_prompts")
        prompt = prompt[0]
    if prompt in ("", []):
        raise DroppedError("empty_prompt")
    if isinstance(prompt, list):
        take_token_ids(row, field, prompt)
    else:
        row.prompt = prompt


def _images(message: dict[str, Any]) -> int:
    parts = message.get("content")
    if not isinstance(parts, list):
        return 0
    return sum(isinstance(part, dict) and part.get("type") in _IMAGES for part in parts)
