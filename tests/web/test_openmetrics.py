"""/metrics is OpenMetrics to the letter, whatever a run is called."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from tests.metrics.runs import mixed_run

from sagellm_benchmark.metrics.series import Counters, Series
from sagellm_benchmark.metrics.slo import parse_slos
from sagellm_benchmark.metrics.thresholds import Thresholds
from sagellm_benchmark.web.openmetrics import exposition

HOSTILE = 'a "quoted"\\ name\nwith # EOF lines'


def watched(records, state="running"):
    """What the page knows, without a run in Locust's hands."""
    series = Series(parse_slos(["ttft_ms<=70"]))
    for record in records:
        series.add(record)
    series.sample(30.0, Counters(len(records), len(records) - 1, 3, 20))
    figures = series.standing.figures()
    verdict = series.standing.verdict(figures, {}, Thresholds())
    worker = {"cpu_percent": 12.5, "loop_lag_ms": None, "read_lag_ms": 0.25, "memory_mb": 80.0}
    return SimpleNamespace(
        state=state,
        series=series,
        facts={"run_id": "r1", "trace": HOSTILE, "model": None, "host": "http://h"},
        workers=[{"name": HOSTILE, **worker}],
        view=lambda: {**figures, "verdict": verdict},
    )


@pytest.fixture
def families():
    """The metrics of a run, as a strict reader takes them."""
    text = exposition(watched(mixed_run(200, 1)))
    return {family.name: family for family in text_string_to_metric_families(text)}


def value(family, **labels):
    """The one sample with these labels."""
    (found,) = [sample.value for sample in family.samples if sample.labels == labels]
    return found


def test_counters_are_those_of_the_run(families):
    """Requests by state, planned, sent, good, frames."""
    records = mixed_run(200, 1)
    states = families["sagellm_benchmark_requests"]
    assert value(states, state="ok") == sum(record.status == "ok" for record in records)
    assert sum(sample.value for sample in states.samples) == 200
    assert value(families["sagellm_benchmark_requests_planned"]) == 200
    frames = sum(record.chunks for record in records) + 20
    assert value(families["sagellm_benchmark_token_frames"]) == frames
    assert value(families["sagellm_benchmark_requests_in_flight"]) == 3


def test_latencies_are_histograms_in_seconds(families):
    """Buckets grow, end at the count, and have the sum of the values."""
    family = families["sagellm_benchmark_ttft_seconds"]
    assert family.type == "histogram"
    buckets = [s.value for s in family.samples if s.name.endswith("_bucket")]
    assert buckets == sorted(buckets) and buckets[-1] > 0
    (count,) = [s.value for s in family.samples if s.name.endswith("_count")]
    (total,) = [s.value for s in family.samples if s.name.endswith("_sum")]
    assert count == buckets[-1]
    assert 0.05 <= total / count <= 0.1  # 50 to 90 ms


def test_hostile_names_stay_in_their_label(families):
    """Quotes, backslashes and line breaks of a trace's name break no line."""
    (info,) = families["sagellm_benchmark_run"].samples
    assert info.labels == {"run_id": "r1", "trace": HOSTILE, "model": "", "host": "http://h"}
    assert value(families["sagellm_benchmark_worker_cpu_percent"], worker=HOSTILE) == 12.5


def test_before_the_first_run_there_is_a_state():
    """Nothing but what is going on."""
    idle = SimpleNamespace(state="idle", series=None)
    families = list(text_string_to_metric_families(exposition(idle)))
    assert [family.name for family in families] == ["sagellm_benchmark_state"]
    on = [sample.labels for sample in families[0].samples if sample.value]
    assert on == [{"sagellm_benchmark_state": "idle"}]


def test_the_page_in_docs_lists_every_metric(families):
    """docs/page.md and /metrics have the same names."""
    from pathlib import Path

    text = (Path(__file__).parents[2] / "docs" / "page.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`(sagellm_benchmark_[a-z0-9_]+)`", text))
    assert told == families.keys()
