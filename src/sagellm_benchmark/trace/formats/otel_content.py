"""What a span says was asked and answered, in the form of an OpenAI request.

In: a span's attributes: OpenTelemetry's messages with parts, in new and older forms, as values or
as JSON in a string; OpenLLMetry's and OpenInference's numbered keys. Out: messages, tools and the
answer as an assistant's message, or None where the span does not say. Reasoning is left out, since
a client does not send it back; images travel; a part that no request can carry drops the row.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from sagellm_benchmark.trace.formats.body import converted
from sagellm_benchmark.trace.tally import DroppedError

Message = dict[str, Any]
_INPUTS = ("gen_ai.input.messages", "gen_ai.prompt")
_OUTPUTS = ("gen_ai.output.messages", "gen_ai.completion")
_NUMBERED_INPUTS = (("gen_ai.prompt", ""), ("llm.input_messages", "message."))
_NUMBERED_OUTPUTS = (("gen_ai.completion", ""), ("llm.output_messages", "message."))
_ROLES = {"human": "user", "model": "assistant", "ai": "assistant"}


def asked(attributes: Mapping[str, Any]) -> list[Message] | None:
    """The messages of the request, its system instructions first.

    Raises:
        BadRowError: They are of another form.
        DroppedError: A part of them cannot be sent.
    """
    messages = _messages(attributes, _INPUTS, _NUMBERED_INPUTS, "user")
    instructions = _value(attributes.get("gen_ai.system_instructions"))
    if messages and instructions:
        return [*_message("system", instructions), *messages]
    return messages or None


def answered(attributes: Mapping[str, Any]) -> Message | None:
    """The first message of the reply; None where there is none."""
    text = attributes.get("gen_ai.output.text")
    if isinstance(text, str):
        return {"role": "assistant", "content": text}
    try:
        messages = _messages(attributes, _OUTPUTS, _NUMBERED_OUTPUTS, "assistant")
    except DroppedError:
        return None
    return messages[0] if messages else None


def tools(attributes: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The tools that the model was offered, as an OpenAI request names them."""
    given = _value(attributes.get("gen_ai.tool.definitions"))
    if not given:
        return None
    named = converted(given, list[dict[str, Any]], "gen_ai.tool.definitions")
    return [_tool(each) for each in named]


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    if "function" in tool:
        return tool
    function = {key: value for key, value in tool.items() if key != "type"}
    return {"type": "function", "function": function}


def _messages(
    attributes: Mapping[str, Any],
    names: tuple[str, ...],
    numbered: tuple[tuple[str, str], ...],
    role: str,
) -> list[Message]:
    for name in names:
        given = _value(attributes.get(name))
        if isinstance(given, str) and given:
            return [{"role": role, "content": given}]
        if given:
            given = given if isinstance(given, list) else [given]
            return _all(converted(given, list[dict[str, Any]], name), role)
    for prefix, infix in numbered:
        if found := _numbered(attributes, prefix, infix):
            return _all(found, role)
    return []


def _all(given: list[Message], role: str) -> list[Message]:
    made = []
    for each in given:
        if "parts" not in each:
            made += [_plain(each, role)]
        else:
            made += _message(_role(each, role), each["parts"])
    return made


def _role(message: Message, default: str) -> str:
    role = message.get("role") or default
    return _ROLES.get(role, role) if isinstance(role, str) else default


def _plain(message: Message, role: str) -> Message:
    """A message in OpenAI's own form, without what telemetry adds to it."""
    kept = ("content", "name", "tool_calls", "tool_call_id")
    return {"role": _role(message, role), **{key: message[key] for key in kept if key in message}}


def _message(role: str, parts: Any) -> list[Message]:
    """Messages of one role: one of texts, images and tool calls, one for each tool's answer."""
    if isinstance(parts, str):
        return [{"role": role, "content": parts}]
    content: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    made: list[Message] = []
    for part in converted(parts, list[dict[str, Any]], "parts"):
        kind = part.get("type")
        if kind == "tool_call":
            calls.append(_call(part))
        elif kind == "tool_call_response":
            made.append(_response(part))
        elif kind != "reasoning":
            content.append(_part(part))
    if not content and not calls:
        return made
    message: Message = {"role": role, "content": _joined(content)}
    return [*made, {**message, "tool_calls": calls} if calls else message]


def _joined(content: list[dict[str, Any]]) -> str | list[dict[str, Any]] | None:
    if len(content) == 1 and content[0]["type"] == "text":
        return content[0]["text"]
    return content or None


def _part(part: dict[str, Any]) -> dict[str, Any]:
    kind, content = part.get("type"), part.get("content", part.get("text"))
    if kind == "text" and isinstance(content, str):
        return {"type": "text", "text": content}
    if part.get("modality") == "image" and kind == "uri":
        return {"type": "image_url", "image_url": {"url": part.get("uri")}}
    if part.get("modality") == "image" and kind == "blob":
        url = f"data:{part.get('mime_type') or 'image/png'};base64,{content}"
        return {"type": "image_url", "image_url": {"url": url}}
    raise DroppedError("unsupported_part")


def _call(part: dict[str, Any]) -> dict[str, Any]:
    function = {"name": part.get("name"), "arguments": _text(part.get("arguments"))}
    return {"id": part.get("id"), "type": "function", "function": function}


def _response(part: dict[str, Any]) -> Message:
    result = part.get("response", part.get("result"))
    return {"role": "tool", "tool_call_id": part.get("id"), "content": _text(result)}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _value(given: Any) -> Any:
    """An attribute's value, which may be JSON in a string; any other string is itself."""
    if not isinstance(given, str) or given[:1] not in ("[", "{"):
        return given
    try:
        return msgspec.json.decode(given)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return given


def _numbered(attributes: Mapping[str, Any], prefix: str, infix: str) -> list[Message]:
    """Messages whose fields are attributes of their own: `<prefix>.0.role`, `….0.content`."""
    found: list[Message] = []
    while True:
        start = f"{prefix}.{len(found)}.{infix}"
        message = {
            name: attributes[start + name]
            for name in ("role", "content", "tool_call_id")
            if start + name in attributes
        }
        if not message:
            return found
        found.append(message)
