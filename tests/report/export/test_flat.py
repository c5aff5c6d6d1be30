"""A record as a row: every value has its column, and no zero pretends to be a measurement."""

from __future__ import annotations

import msgspec
import pytest

from metrics.runs import mixed_run
from record.outcomes import outcome, record
from sagellm_benchmark.record.protocol_metrics import SERVER_ONLY
from sagellm_benchmark.record.record import RequestRecord
from sagellm_benchmark.report.export.flat import COLUMNS, row

NAMES = [column.name for column in COLUMNS]
TYPES = {
    "text": str,
    "whole": int,
    "number": float,
    "truth": bool,
    "texts": list,
    "numbers": list,
    "histogram": msgspec.Struct,
}


def cells(one):
    """A record's values by their columns."""
    return dict(zip(NAMES, row(one), strict=True))


def test_every_field_has_a_column():
    """No field of a record is left out, and no name stands twice."""
    heads = {name.partition(".")[0] for name in NAMES}
    assert heads == {field.encode_name for field in msgspec.structs.fields(RequestRecord)}
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("options", [{}, {"itl": "hist"}], ids=["list", "hist"])
def test_values_are_what_their_column_says(options):
    """Of every state there is: a value of the column's kind, or null."""
    for one in mixed_run(200, 5, **options):
        for column, value in zip(COLUMNS, row(one), strict=True):
            assert value is None or isinstance(value, TYPES[column.kind]), column


def test_values_stand_under_their_names():
    """What a record holds is found where its name is, inner objects by both names."""
    one = record(3, outcome(output_tokens=9), name="chat")
    found = cells(one)
    assert (found["seq"], found["name"], found["status"]) == (3, "chat", "ok")
    assert found["asked.output_tokens"] is None
    assert found["chunk_gaps_ms"] == [20.0, 20.0]
    assert found["metrics.ttft_ms"] == one.metrics["ttft_ms"]
    stamps = one.metrics["timestamps"]
    assert found["metrics.timestamps.queued_at"] == stamps["queued_at"]
    assert found["error.code"] is None


def test_what_was_not_observed_is_null():
    """The Protocol's zeros of what only a server knows are no values here."""
    one = record(0)
    assert one.metrics["peak_mem_mb"] == 0
    found = cells(one)
    assert {found[f"metrics.{name}"] for name in SERVER_ONLY} == {None}
    assert found["metrics.error_rate"] == 0.0
