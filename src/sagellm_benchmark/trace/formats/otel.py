"""OpenTelemetry spans of generative AI calls (`gen_ai.*`).

In: OTLP exports or traces of flat spans, as JSON lines or as one document up to 256 MB; see
`otlp`. Out: a row for each call of a model, with what its span says: times, tokens, parameters,
outcome, and the messages where they were captured. Other spans (tools, agents, HTTP) are counted
out. The session is the conversation, or else the trace; see `causes` for what a call waits for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sagellm_benchmark.trace.fields import bounded, identifier, some_input
from sagellm_benchmark.trace.formats.body import converted, take_messages, take_parameters
from sagellm_benchmark.trace.formats.causes import Causes
from sagellm_benchmark.trace.formats.document import records
from sagellm_benchmark.trace.formats.format import Format, Lines, Options, Reading, takes_no_map
from sagellm_benchmark.trace.formats.head import Head
from sagellm_benchmark.trace.formats.otel_content import answered, asked, tools
from sagellm_benchmark.trace.formats.otlp import Span, span_of, spans
from sagellm_benchmark.trace.order import Timed
from sagellm_benchmark.trace.row import SCHEMA, Header, Row, Source
from sagellm_benchmark.trace.tally import BadRowError, DroppedError

_OPERATIONS = ("chat", "text_completion", "generate_content", "embeddings")
_OLDER = ("gen_ai.request.model", "gen_ai.prompt", "llm.model_name")
_SESSIONS = ("gen_ai.conversation.id", "session.id", "exgentic.session.id")
_MODELS = ("gen_ai.request.model", "llm.model_name")
_COUNTS = {
    "input_tokens": (
        *("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt"),
    ),
    "output_tokens": (
        *("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
        "llm.token_count.completion",
    ),
    "cached_input_tokens": ("gen_ai.usage.cache_read.input_tokens",),
    "reasoning_output_tokens": ("gen_ai.usage.reasoning.output_tokens",),
    "max_tokens": ("gen_ai.request.max_tokens",),
}
_SAMPLING = {
    **{name: f"gen_ai.request.{name}" for name in ("temperature", "top_p", "top_k", "seed")},
    **{name: f"gen_ai.request.{name}" for name in ("frequency_penalty", "presence_penalty")},
    "stop": "gen_ai.request.stop_sequences",
    "n": "gen_ai.request.choice.count",
}
_NUMBER = int | float | None


def _matches(head: Head) -> bool:
    return bool(head.objects) and all(
        "resourceSpans" in each or "spans" in each or each.keys() >= {"span_id", "attributes"}
        for each in head.objects
    )


def _start(path: Path, lines: Lines, options: Options) -> Reading:
    takes_no_map("otel", options)
    header = Header(
        schema=SCHEMA,
        source=Source(name=options.name, format="otel"),
        time_resolution_s=1e-6,
    )
    found = records(
        path, lines, "jq -c '.resourceSpans[] | {resourceSpans: [.]}' FILE > FILE.jsonl"
    )
    causes = Causes()
    return Reading(header, _spread(found), _Parser(causes).row, wall=True, link=causes.link)


def _spread(
    found: Iterator[tuple[int, bytes | bytearray]],
) -> Iterator[tuple[int, bytes | BadRowError]]:
    """Spread exports over their spans; one that cannot be read is still one record."""
    for line, text in found:
        try:
            yield from spans(line, text)
        except BadRowError as bad:
            yield line, bad


class _Parser:
    def __init__(self, causes: Causes) -> None:
        self._causes = causes

    def row(self, number: int, text: bytes | BadRowError) -> Timed:
        if isinstance(text, BadRowError):
            raise text
        span = span_of(text)
        attributes = span.attributes
        row = Row(
            request_id=_request_id(span, number),
            session_id=_text(attributes, _SESSIONS) or span.trace_id or None,
            operation=_operation(attributes),
            model=_text(attributes, _MODELS),
            source_row=number,
        )
        if row.session_id is not None:
            identifier("session", row.session_id)
        _take_counts(row, attributes)
        _take_content(row, attributes)
        _take_parameters(row, attributes)
        row.recorded = _outcome(span)
        self._causes.expect(row, span.end_ns, answered(attributes))
        return span.start_ns, row


def _request_id(span: Span, number: int) -> str:
    if not span.span_id:
        return f"row-{number}"
    return identifier("span_id", f"{span.trace_id}/{span.span_id}".lstrip("/"))


def _operation(attributes: Mapping[str, Any]) -> str:
    operation = attributes.get("gen_ai.operation.name")
    if operation is None and any(name in attributes for name in _OLDER):
        return "chat"
    if operation not in _OPERATIONS:
        raise DroppedError("not_a_model_call")
    return operation


def _text(attributes: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    for name in names:
        value = attributes.get(name)
        if value:
            return identifier(name, converted(value, str, name))
    return None


def _take_counts(row: Row, attributes: Mapping[str, Any]) -> None:
    for field, names in _COUNTS.items():
        value = next((attributes[name] for name in names if attributes.get(name) is not None), None)
        if value is not None:
            setattr(row, field, bounded(names[0], converted(value, int, names[0])))


def _take_content(row: Row, attributes: Mapping[str, Any]) -> None:
    take_messages(row, asked(attributes))
    row.tools = tools(attributes)
    if row.messages is not None:
        row.message_mode = "history"
        row.input_tokens = row.input_tokens or None
    elif row.input_tokens is None:
        raise DroppedError("no_tokens_and_no_content")
    else:
        some_input(_COUNTS["input_tokens"][0], row.input_tokens)


def _take_parameters(row: Row, attributes: Mapping[str, Any]) -> None:
    take_parameters(row, {key: attributes.get(name) for key, name in _SAMPLING.items()})
    row.stream = converted(
        attributes.get("gen_ai.request.stream"), bool | None, "gen_ai.request.stream"
    )


def _outcome(span: Span) -> dict[str, Any] | None:
    attributes = span.attributes
    outcome: dict[str, Any] = {}
    if span.end_ns is not None:
        outcome["e2e_latency_s"] = (span.end_ns - span.start_ns) / 1e9
    name = "gen_ai.response.time_to_first_chunk"
    ttft_s = converted(attributes.get(name), _NUMBER, name)
    if ttft_s is not None:
        outcome["ttft_s"] = ttft_s
    reasons = attributes.get("gen_ai.response.finish_reasons")
    if isinstance(reasons, list) and reasons:
        outcome["finish_reason"] = reasons[0]
    if span.failed or "error.type" in attributes:
        outcome["failed"] = True
        outcome["error_type"] = attributes.get("error.type")
    return {key: value for key, value in outcome.items() if value is not None} or None


FORMAT = Format(
    name="otel",
    about="OpenTelemetry gen_ai spans (OTLP JSON or flat)",
    matches=_matches,
    start=_start,
    window=16384,
    documents=True,
)
