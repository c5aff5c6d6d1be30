"""LiteLLM's logs: its standard logging payload, one call a line.

In: JSON lines with `id`, `call_type`, `startTime` and `endTime` (epoch seconds, or an instant as
text), token counts, `messages` (a list, or a string where they were redacted) and
`model_parameters`. Out: a row for each call of a language model: recorded messages where the log
has them, token counts always. A session is what the caller named one; its turns wait for one
another. Keys and headers of the log never reach the row.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from sagellm_benchmark.trace.fields import bounded, decoded, identifier, some_input, time_ns
from sagellm_benchmark.trace.formats.body import (
    SAMPLING,
    converted,
    take_messages,
    take_parameters,
)
from sagellm_benchmark.trace.formats.format import (
    Format,
    Lines,
    Options,
    Reading,
    rows_only,
    takes_no_map,
)
from sagellm_benchmark.trace.formats.head import Head
from sagellm_benchmark.trace.formats.turns import Turns
from sagellm_benchmark.trace.instant import instant_ns, seconds_ns
from sagellm_benchmark.trace.order import Timed
from sagellm_benchmark.trace.row import SCHEMA, Header, Row, Source
from sagellm_benchmark.trace.tally import DroppedError

_NEEDED = {"call_type", "startTime", "prompt_tokens"}
_OPERATIONS = {
    **dict.fromkeys(("completion", "acompletion", "anthropic_messages"), "chat"),
    **dict.fromkeys(("text_completion", "atext_completion"), "text_completion"),
    **dict.fromkeys(("embedding", "aembedding"), "embeddings"),
}
_REDACTED = "redacted-by-litellm"
# The rest of model_parameters may hold headers and keys.
_PARAMETERS = SAMPLING | {"tool_choice", "parallel_tool_calls", "reasoning_effort"}
_ERROR = re.compile(r"[\w.]{1,80}")


class _Metadata(msgspec.Struct):
    session_id: str | None = None
    user_api_key_team_id: str | None = None


class _Error(msgspec.Struct):
    error_class: str | None = None


_TIMES = {"started": "startTime", "ended": "endTime", "streamed": "completionStartTime"}


class _Record(msgspec.Struct, rename=_TIMES):
    call_type: str
    started: msgspec.Raw
    ended: msgspec.Raw = msgspec.Raw(b"null")
    streamed: msgspec.Raw = msgspec.Raw(b"null")
    id: str | None = None
    trace_id: str | None = None
    session_id: str | None = None
    status: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    model: str | None = None
    model_group: str | None = None
    stream: bool | None = None
    end_user: str | None = None
    metadata: _Metadata | None = None
    messages: Any = None
    model_parameters: dict[str, Any] | None = None
    error_information: _Error | None = None
    error_str: str | None = None
    cache_hit: Any = None


class _Parameters(msgspec.Struct):
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    tools: list[dict[str, Any]] | None = None
    response_format: dict[str, Any] | None = None


_decode = msgspec.json.Decoder(_Record).decode
_decode_text = msgspec.json.Decoder(str).decode


def _matches(head: Head) -> bool:
    return bool(head.objects) and all(each.keys() >= _NEEDED for each in head.objects)


def _start(path: Path, lines: Lines, options: Options) -> Reading:
    takes_no_map("litellm", options)
    header = Header(schema=SCHEMA, source=Source(name=options.name, format="litellm"))
    return Reading(header, rows_only(lines), _row, wall=True, link=Turns().link)


def _row(number: int, line: bytes) -> Timed:
    record = decoded(_decode, line)
    operation = _OPERATIONS.get(record.call_type)
    if operation is None:
        raise DroppedError("not_a_model_call")
    metadata = record.metadata or _Metadata()
    row = Row(
        request_id=_named("id", record.id) or f"row-{number}",
        session_id=_named("session_id", record.session_id or metadata.session_id)
        or _named("trace_id", record.trace_id),
        operation=operation,
        model=_named("model", record.model_group or record.model),
        stream=record.stream,
        user_id=_named("end_user", record.end_user),
        tenant_id=_named("metadata.user_api_key_team_id", metadata.user_api_key_team_id),
        source_row=number,
    )
    started_ns = _time(record.started, "startTime")
    row.recorded = _outcome(record, started_ns)
    _take_content(row, record)
    _take_parameters(row, record.model_parameters or {})
    if record.cache_hit is True:
        row.source_fields = {"cache_hit": True}
    return started_ns, row


def _named(field: str, value: str | None) -> str | None:
    return identifier(field, value) if value else None


def _take_content(row: Row, record: _Record) -> None:
    messages = record.messages
    if isinstance(messages, str) and messages and messages != _REDACTED:
        row.prompt = messages
    elif isinstance(messages, list) and _REDACTED not in map(_content, messages):
        take_messages(row, converted(messages, list[dict[str, Any]], "messages"))
    if record.prompt_tokens or (row.prompt is None and row.messages is None):
        row.input_tokens = some_input("prompt_tokens", record.prompt_tokens or 0)
    if record.completion_tokens is not None and "failed" not in (row.recorded or {}):
        row.output_tokens = bounded("completion_tokens", record.completion_tokens)


def _content(message: Any) -> Any:
    return message.get("content") if isinstance(message, dict) else None


def _take_parameters(row: Row, parameters: dict[str, Any]) -> None:
    known = converted(parameters, _Parameters, "model_parameters")
    row.tools = known.tools
    row.response_format = known.response_format
    cap = known.max_tokens if known.max_completion_tokens is None else known.max_completion_tokens
    if cap is not None:
        row.max_tokens = bounded("model_parameters.max_tokens", cap)
    take_parameters(row, {key: parameters[key] for key in parameters.keys() & _PARAMETERS})


def _outcome(record: _Record, started_ns: int) -> dict[str, Any]:
    """What the log says of the reply, in seconds from the start."""
    outcome: dict[str, Any] = {}
    if not _absent(record.ended):
        outcome["e2e_latency_s"] = (_time(record.ended, "endTime") - started_ns) / 1e9
    if record.stream and not _absent(record.streamed):
        first_ns = _time(record.streamed, "completionStartTime")
        outcome["ttft_s"] = (first_ns - started_ns) / 1e9
    if record.status == "failure":
        outcome["failed"] = True
        error = record.error_information.error_class if record.error_information else None
        if kind := _ERROR.match(error or record.error_str or ""):
            outcome["error_type"] = kind[0]
    return outcome


def _absent(time: msgspec.Raw) -> bool:
    return bytes(time) == b"null"


def _time(time: msgspec.Raw, field: str) -> int:
    value = bytes(time)
    if value.startswith(b'"'):
        return time_ns(field, decoded(_decode_text, value).encode(), instant_ns)
    return time_ns(field, value, seconds_ns)


FORMAT = Format(
    name="litellm",
    about="LiteLLM standard logging payloads (JSON lines)",
    matches=_matches,
    start=_start,
    window=2048,
)
