"""Files of OpenAI's Batch API: the requests, or the answers to them.

In: JSON lines of `custom_id` with `method`, `url` and `body`, or with `response` and `error`. Out:
rows that all arrive at 0, since a batch has no times. Requests carry their content and what else
their body said; answers carry their token counts and outcome, and no content. Answers come in any
order; the `custom_id` is the row's id in both.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from sagellm_benchmark.trace.fields import bounded, decoded, identifier, some_input
from sagellm_benchmark.trace.formats.body import take_body
from sagellm_benchmark.trace.formats.format import (
    Format,
    Lines,
    Options,
    Reading,
    rows_only,
    takes_no_map,
)
from sagellm_benchmark.trace.formats.head import Head
from sagellm_benchmark.trace.order import Timed
from sagellm_benchmark.trace.row import SCHEMA, Header, Row, Source
from sagellm_benchmark.trace.tally import BadRowError, DroppedError

_OPERATIONS = {
    "/v1/chat/completions": "chat",
    "/v1/completions": "text_completion",
    "/v1/embeddings": "embeddings",
}
_OBJECTS = {"chat.completion": "chat", "text_completion": "text_completion", "list": "embeddings"}


class _Details(msgspec.Struct):
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None


class _Choice(msgspec.Struct):
    finish_reason: str | None = None


class _Answer(msgspec.Struct):
    model: str | None = None
    object: str | None = None
    choices: list[_Choice] = msgspec.field(default_factory=list)
    usage: _Usage | None = None


class _Response(msgspec.Struct):
    status_code: int
    body: _Answer | None = None


class _Record(msgspec.Struct):
    custom_id: str
    method: str = "POST"
    url: str | None = None
    body: dict[str, Any] | None = None
    response: _Response | None = None


_decode = msgspec.json.Decoder(_Record).decode


def _matches(head: Head) -> bool:
    return bool(head.objects) and all(
        "custom_id" in each and ("body" in each or "response" in each) for each in head.objects
    )


def _start(path: Path, lines: Lines, options: Options) -> Reading:
    takes_no_map("openai-batch", options)
    header = Header(schema=SCHEMA, source=Source(name=options.name, format="openai-batch"))
    return Reading(header, rows_only(lines), _row)


def _row(number: int, line: bytes) -> Timed:
    record = decoded(_decode, line)
    row = Row(request_id=identifier("custom_id", record.custom_id), source_row=number)
    if record.body is None:
        _take_response(row, record.response)
    else:
        _take_request(row, record, record.body)
    return 0, row


def _take_request(row: Row, record: _Record, body: dict[str, Any]) -> None:
    if record.method != "POST":
        raise BadRowError("method", f"{record.method[:20]!r} is not POST")
    row.operation = _OPERATIONS.get(record.url or "")
    if row.operation is None:
        raise DroppedError("unsupported_endpoint")
    take_body(row, body, "body")


def _take_response(row: Row, response: _Response | None) -> None:
    """The recorded outcome; without token counts there is nothing to send again."""
    if response is None:
        raise DroppedError("no_response")
    answer = response.body
    if answer is None or answer.usage is None:
        raise DroppedError("no_usage")
    usage = answer.usage
    row.model = answer.model
    row.operation = _OBJECTS.get(answer.object or "")
    row.input_tokens = some_input("usage.prompt_tokens", usage.prompt_tokens)
    if usage.completion_tokens is not None:
        row.output_tokens = bounded("usage.completion_tokens", usage.completion_tokens)
    if usage.prompt_tokens_details:
        row.cached_input_tokens = usage.prompt_tokens_details.cached_tokens
    if usage.completion_tokens_details:
        row.reasoning_output_tokens = usage.completion_tokens_details.reasoning_tokens
    row.recorded = {"status": response.status_code}
    if answer.choices and answer.choices[0].finish_reason:
        row.recorded["finish_reason"] = answer.choices[0].finish_reason


FORMAT = Format(
    name="openai-batch",
    about="OpenAI Batch API requests or answers (JSON lines)",
    matches=_matches,
    start=_start,
    window=256,
)
