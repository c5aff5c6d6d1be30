"""What is known of a run that is on is what its summary will say."""

from __future__ import annotations

import pytest
from tests.metrics.runs import mixed_run, summary_of

from sagellm_benchmark.metrics.columns import Columns
from sagellm_benchmark.metrics.latency import Latencies
from sagellm_benchmark.metrics.slo import parse_slos
from sagellm_benchmark.metrics.standing import KINDS, Standing
from sagellm_benchmark.metrics.thresholds import Thresholds

SLOS = parse_slos(["ttft_ms<=70", "ttft_ms.p99<=80", "goodput.fraction>=0.1", "error_rate<=0.9"])


def standing_of(records, batches=7, **options):
    """Fed with records in batches, as a live run is."""
    standing = Standing(SLOS, **options)
    for start in range(batches):
        batch = Columns()
        for record in records[start::batches]:
            batch.add(record)
            if record.status == "ok" and not record.warmup and record.sent_s is not None:
                standing.add_gaps(record)
        rows = Latencies(batch.table())
        standing.add(batch, rows, rows.good(SLOS))
    return standing


@pytest.fixture(scope="module")
def both():
    """The figures of one run while it is on, and its summary."""
    records = mixed_run(600, 3)
    return standing_of(records), summary_of(records, slos=SLOS)


def test_counts_and_rates_are_the_summary_s(both):
    """What is counted or averaged is exact."""
    standing, summary = both
    figures = standing.figures()
    assert figures["counts"] == summary["counts"]
    for block in ("throughput", "goodput"):
        for name, value in figures[block].items():
            assert summary[block][name] == pytest.approx(value), (block, name)
    for name in ("count", "fraction"):
        assert figures["short_output"][name] == summary["short_output"][name]
    assert figures["duration_s"] == summary["duration_s"]
    for name in ("ttft_ms", "tbt_ms", "tpot_ms", "throughput_tps", "error_rate"):
        expected = summary["protocol_metrics"][name]
        assert figures["protocol_metrics"][name] == pytest.approx(expected, rel=1e-3)


def test_quantiles_are_near_the_summary_s(both):
    """Latencies are counted in buckets: within a hundredth of the exact quantiles."""
    standing, summary = both
    figures = standing.figures()
    assert figures["latency"].keys() == summary["latency"].keys()
    for name, block in summary["latency"].items():
        found = figures["latency"][name]
        assert found["count"] == block["count"]
        for stat in ("p50", "p90", "max") if block["count"] else ():
            assert found[stat] == pytest.approx(block[stat], rel=0.01, abs=0.002), (name, stat)
    lag, expected = figures["fidelity"]["dispatch_lag_ms"], summary["fidelity"]["dispatch_lag_ms"]
    assert lag["p99"] == pytest.approx(expected["p99"], rel=0.01)


def test_the_verdict_is_the_judge_s(both):
    """The gates and the verdict so far are the summary's, on the same records."""
    standing, summary = both
    verdict = standing.verdict(standing.figures(), {}, Thresholds())
    assert verdict["state"] == summary["verdict"]["state"]
    assert [line["passed"] for line in verdict["slo"]] == [s["passed"] for s in summary["slo"]]
    assert [line["expr"] for line in verdict["slo"]] == [s["expr"] for s in summary["slo"]]
    assert verdict["reasons"][0] == summary["verdict"]["reasons"][0]  # requests lost


def test_what_is_on_the_wire_is_no_gap_in_the_books():
    """A verdict asked for in the middle of a good run has nothing to complain of."""
    records = [record for record in mixed_run(80, 1) if record.status == "ok"]
    standing = standing_of(records, closed=True)
    verdict = standing.verdict(standing.figures(), {}, Thresholds())
    assert verdict["state"] == "valid"
    assert verdict["reasons"] == []


def test_stalls_touch_what_was_on_the_wire():
    """The share of requests in flight during a stall is that of the summary."""
    records = mixed_run(400, 5)
    stalls = [(3.0, 3.4), (9.0, 9.2)]
    rows = Latencies(columns_table(records))
    flown = rows.table[rows.table["sent"] == rows.table["sent"]]
    standing = Standing()
    for part in range(3):
        standing.touched(flown[part::3], stalls, {})
    summary = summary_of(records, generator={"stalls": [list(span) for span in stalls]})
    found = summary["generator"]["stalled_requests"]
    assert standing.stalled == found["count"] > 0
    assert standing.stalled / standing.sent == found["fraction"]


def columns_table(records):
    """The table of records."""
    columns = Columns()
    for record in records:
        columns.add(record)
    return columns.table()


def test_kinds_of_errors_are_bounded():
    """However many kinds of errors there are, a page lists some and counts the rest."""
    records = mixed_run(400, 8)
    for number, record in enumerate(records):
        if record.error is not None:
            record.error.message = "kind " + "abcdefghijklmnopqrstuvwxyz"[number % 26]
    figures = standing_of(records).figures()
    assert len(figures["errors"]) <= KINDS + 1
    failed = sum(kind["count"] for kind in figures["errors"])
    counts = figures["counts"]
    left = summary_of(records)["left"]["requests"]
    assert failed == counts["planned"] - counts["ok"] - left
