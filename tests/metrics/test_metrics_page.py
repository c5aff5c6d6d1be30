"""Promises of docs/metrics.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from sagellm_benchmark.metrics.names import LATENCIES, STATS
from sagellm_benchmark.metrics.slo import parse_slo
from sagellm_benchmark.record.record import RequestRecord
from sagellm_benchmark.wire.states import Status

from .runs import mixed_run, summary_of

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()


def _section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


@pytest.mark.parametrize("field", RequestRecord.__struct_encode_fields__)
def test_every_field_of_a_record_is_explained(field: str) -> None:
    """The page names each key of a record."""
    assert f"`{field}`" in _section("Records")


@pytest.mark.parametrize("name", (*LATENCIES, "dispatch_lag_ms"))
def test_every_latency_is_defined(name: str) -> None:
    """The page gives each latency of the summary a line of its own."""
    assert f"\n| `{name}` |" in _section("Latencies")


def _keys(value: dict[str, Any]) -> set[str]:
    blocks = ("trace", "goodput", "throughput", "fidelity", "generator", "tokens", "short_output")
    return set(value) | {key for block in blocks for key in value[block]}


@pytest.mark.parametrize("key", sorted(_keys(summary_of(mixed_run(30, 1)))))
def test_every_key_of_the_summary_is_explained(key: str) -> None:
    """The page names each key of the summary and of its plain blocks."""
    assert f"`{key}`" in _section("Summary")


def test_statistics_states_and_protocol_fields_are_named() -> None:
    """Statistics, states and the Protocol's observed fields stand on the page."""
    metrics = msgspec.to_builtins(mixed_run(1, 1)[0])["metrics"]
    seen = [name for name in metrics if name.endswith(("_ms", "_tps"))][:4]
    for word in (*STATS, *(status.value for status in Status), *seen):
        assert f"`{word}`" in PAGE


def test_every_objective_on_the_page_is_one() -> None:
    """Each expression in the table of objectives parses."""
    rows = [
        line.split("|")[1] for line in _section("Objectives").splitlines() if line.startswith("| `")
    ]
    expressions = [part for row in rows for part in row.split("`") if "=" in part]
    assert len(expressions) >= 8
    for expression in expressions:
        parse_slo(expression)
