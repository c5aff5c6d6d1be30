"""A record as a row of a table: the same columns for every record of every run.

In: a record. Out: its values in the order of `COLUMNS`. An object whose keys are known becomes a
column a key (`asked.input_tokens`, `metrics.ttft_ms`); lists stay lists. What was not observed is
null here, where the Protocol's metrics have a 0.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any, NamedTuple

import msgspec

from sagellm_benchmark.record.protocol_metrics import protocol_metrics
from sagellm_benchmark.record.record import Asked, RecordError, RequestRecord

TEXT, WHOLE, NUMBER, TRUTH = "text", "whole", "number", "truth"
TEXTS, NUMBERS, HISTOGRAM = "texts", "numbers", "histogram"


class Column(NamedTuple):
    """One column: its name, and the kind of its values; every value may be null."""

    name: str
    kind: str


_KINDS = {
    "int": WHOLE,
    "float": NUMBER,
    "bool": TRUTH,
    "str": TEXT,
    "StatusWord": TEXT,
    "TokenSource": TEXT,
    "list[str]": TEXTS,
    "list[float]": NUMBERS,
    "BucketCounts": HISTOGRAM,
}
_OBJECTS: dict[str, type[msgspec.Struct]] = {"error": RecordError, "asked": Asked}
_STAMPS = ("queued_at", "scheduled_at", "executed_at", "completed_at")
_METRICS = protocol_metrics(
    **dict.fromkeys(
        ("ttft_ms", "tbt_ms", "tpot_ms", "throughput_tps", "itl_list", "timestamps"), None
    ),
    error_rate=0.0,
)[0]
_PLAIN_METRICS = [name for name in _METRICS if name != "timestamps"]


def _kind(annotation: str) -> str:
    return _KINDS[annotation.removesuffix(" | None")]


def _metric_kind(name: str) -> str:
    value = _METRICS[name]
    if name == "component_trace":
        return TEXTS
    return NUMBERS if isinstance(value, list) else NUMBER if isinstance(value, float) else WHOLE


_FIELDS = [
    field
    for field in msgspec.structs.fields(RequestRecord)
    if field.name not in (*_OBJECTS, "metrics")
]

COLUMNS: tuple[Column, ...] = (
    *(
        Column(field.encode_name, _kind(RequestRecord.__annotations__[field.name]))
        for field in _FIELDS
    ),
    *(
        Column(f"{name}.{key}", _kind(annotation))
        for name, kind in _OBJECTS.items()
        for key, annotation in kind.__annotations__.items()
    ),
    *(Column(f"metrics.{name}", _metric_kind(name)) for name in _PLAIN_METRICS),
    *(Column(f"metrics.timestamps.{name}", NUMBER) for name in _STAMPS),
)
"""Every column, in order."""

_plain = attrgetter(*(field.name for field in _FIELDS))


def row(record: RequestRecord) -> list[Any]:
    """The values of a record, in the order of `COLUMNS`."""
    error, asked = record.error, record.asked
    metrics, unobserved = record.metrics, frozenset(record.unobserved)
    stamps = metrics["timestamps"] or {}
    return [
        *_plain(record),
        *((error.code, error.message, error.retryable) if error else (None, None, None)),
        asked.input_tokens,
        asked.output_tokens,
        *[None if name in unobserved else metrics.get(name) for name in _PLAIN_METRICS],
        *[stamps.get(name) for name in _STAMPS],
    ]
