"""OpenTelemetry spans, from either way to write them down as JSON.

In: the text of a record: an OTLP export (`resourceSpans`, numbers as strings, attributes as key and
typed value), a trace with flat `spans`, or a single flat span. Out: spans with their attributes as
a plain mapping; those of the event that holds the content of a call are among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from sagellm_benchmark.trace.fields import decoded, time_ns
from sagellm_benchmark.trace.formats.document import placed
from sagellm_benchmark.trace.instant import instant_ns, number_ns
from sagellm_benchmark.trace.tally import BadRowError

CONTENT_EVENT = "gen_ai.client.inference.operation.details"
_MAX_DEPTH = 100


class Span(msgspec.Struct):
    """One span.

    Attributes:
        trace_id: Of the trace that it is part of; empty where not given.
        span_id: Its own; empty where not given.
        start_ns: When it began, in Unix nanoseconds.
        end_ns: When it ended; None where it did not.
        attributes: By name.
        failed: Its status is an error.
    """

    trace_id: str
    span_id: str
    start_ns: int
    end_ns: int | None
    attributes: Mapping[str, Any]
    failed: bool


class _Value(msgspec.Struct, rename="camel"):
    string_value: str | None = None
    int_value: str | int | None = None
    double_value: float | str | None = None
    bool_value: bool | None = None
    array_value: _Array | None = None
    kvlist_value: _Pairs | None = None


class _Array(msgspec.Struct):
    values: list[_Value] = msgspec.field(default_factory=list)


class _Pair(msgspec.Struct):
    key: str
    value: _Value = msgspec.field(default_factory=_Value)


class _Pairs(msgspec.Struct):
    values: list[_Pair] = msgspec.field(default_factory=list)


class _Status(msgspec.Struct):
    code: int | str | None = None


class _Event(msgspec.Struct):
    name: str = ""
    attributes: list[_Pair] = msgspec.field(default_factory=list)


class _Typed(msgspec.Struct, rename="camel"):
    """A span of an OTLP export."""

    start_time_unix_nano: str | int
    end_time_unix_nano: str | int | None = None
    trace_id: str = ""
    span_id: str = ""
    attributes: list[_Pair] = msgspec.field(default_factory=list)
    events: list[_Event] = msgspec.field(default_factory=list)
    status: _Status = msgspec.field(default_factory=_Status)


class _FlatEvent(msgspec.Struct):
    name: str = ""
    attributes: dict[str, Any] = msgspec.field(default_factory=dict)


class _Flat(msgspec.Struct):
    """A span with plain attributes and its times as text."""

    start_time: str
    end_time: str | None = None
    trace_id: str = ""
    span_id: str = ""
    attributes: dict[str, Any] = msgspec.field(default_factory=dict)
    events: list[_FlatEvent] = msgspec.field(default_factory=list)
    status: _Status | None = None


class _ScopeSpans(msgspec.Struct):
    spans: list[msgspec.Raw] = msgspec.field(default_factory=list)


class _ResourceSpans(msgspec.Struct, rename="camel"):
    scope_spans: list[_ScopeSpans] = msgspec.field(default_factory=list)


class _Record(msgspec.Struct, rename={"resource_spans": "resourceSpans"}):
    resource_spans: list[_ResourceSpans] | None = None
    spans: list[msgspec.Raw] | None = None


_decode_record = msgspec.json.Decoder(_Record).decode
_decode_typed = msgspec.json.Decoder(_Typed).decode
_decode_flat = msgspec.json.Decoder(_Flat).decode


def spans(line: int, text: bytes | bytearray) -> Iterator[tuple[int, bytes]]:
    """Give the text of each span of a record with its line.

    Raises:
        BadRowError: The record is no JSON, or its lists are none.
    """
    record = decoded(_decode_record, text)
    if record.resource_spans is not None:
        scopes = (scope for each in record.resource_spans for scope in each.scope_spans)
        return placed(text, (span for scope in scopes for span in scope.spans), line)
    if record.spans is not None:
        return placed(text, record.spans, line)
    return iter([(line, bytes(text))])


def span_of(text: bytes) -> Span:
    """Decode a span.

    Raises:
        BadRowError: It is none, or lacks its start.
    """
    if b'"startTimeUnixNano"' in text:
        return _typed(decoded(_decode_typed, text))
    flat = decoded(_decode_flat, text)
    attributes = dict(flat.attributes)
    for event in flat.events:
        if event.name == CONTENT_EVENT:
            attributes |= event.attributes
    return Span(
        flat.trace_id,
        flat.span_id,
        time_ns("start_time", flat.start_time.encode(), instant_ns),
        time_ns("end_time", flat.end_time.encode(), instant_ns) if flat.end_time else None,
        attributes,
        _failed(flat.status),
    )


def _typed(span: _Typed) -> Span:
    pairs = list(span.attributes)
    for event in span.events:
        if event.name == CONTENT_EVENT:
            pairs += event.attributes
    start = str(span.start_time_unix_nano).encode()
    end = str(span.end_time_unix_nano or "").encode()
    return Span(
        span.trace_id,
        span.span_id,
        time_ns("startTimeUnixNano", start, _nanoseconds),
        time_ns("endTimeUnixNano", end, _nanoseconds) if end.strip(b"0") else None,
        {pair.key: _plain(pair.value, 0) for pair in pairs},
        _failed(span.status),
    )


def _nanoseconds(text: bytes) -> int:
    return number_ns(text, 0)


def _failed(status: _Status | None) -> bool:
    return status is not None and status.code in (2, "2", "ERROR", "STATUS_CODE_ERROR")


def _plain(value: _Value, depth: int) -> Any:
    """The value that an OTLP value stands for; None where it has none that we know."""
    if depth > _MAX_DEPTH:
        raise BadRowError("attributes", f"nested over {_MAX_DEPTH} deep")
    if value.int_value is not None:
        return _whole(value.int_value)
    if value.array_value is not None:
        return [_plain(each, depth + 1) for each in value.array_value.values]
    if value.kvlist_value is not None:
        return {pair.key: _plain(pair.value, depth + 1) for pair in value.kvlist_value.values}
    for scalar in (value.string_value, value.double_value, value.bool_value):
        if scalar is not None:
            return scalar
    return None


def _whole(value: str | int) -> int:
    try:
        return int(value)
    except ValueError:
        raise BadRowError("attributes", f"{str(value)[:40]!r} is no whole number") from None
