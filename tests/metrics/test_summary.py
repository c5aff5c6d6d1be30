"""Promises of the summary."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from record.outcomes import at, outcome, record
from sagellm_benchmark.metrics.names import LATENCIES, PER_REQUEST, QUANTILES, STATS
from sagellm_benchmark.metrics.slo import parse_slos
from sagellm_benchmark.metrics.summary import ERROR_LINES, summarize
from sagellm_benchmark.protocol import ErrorCode, Metrics
from sagellm_benchmark.record.builder import Warmup
from sagellm_benchmark.record.record import Asked, RequestRecord
from sagellm_benchmark.record.segments import SegmentWriter, read_records
from sagellm_benchmark.wire.outcome import Outcome
from sagellm_benchmark.wire.states import Status

from .runs import columns_of, facts, mixed_run, summary_of

SLOS = parse_slos(["ttft_ms<=80", "tpot_ms<=25", "itl_ms.p99<=39", "goodput.fraction>=0.1"])
BLOCKS = {
    "counts",
    "short_output",
    "latency",
    "throughput",
    "goodput",
    "tokens",
    "protocol_metrics",
}


def _floats(value: Any) -> Iterator[float]:
    if isinstance(value, float):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _floats(one)
    elif isinstance(value, list):
        for one in value:
            yield from _floats(one)


def _written(records: list[RequestRecord], folder: Path, segments: int) -> list[Path]:
    writers = [SegmentWriter(folder, f"w{number}") for number in range(segments)]
    dice = random.Random(segments)
    for one in records:
        dice.choice(writers).append(one)
    for writer in writers:
        writer.close()
    return [writer.path for writer in writers]


@pytest.mark.parametrize("itl", ["list", "hist"])
def test_live_and_offline_summaries_are_the_same(itl: str, tmp_path: Path) -> None:
    """Records as they came and as read from disk give the same dict, however split."""
    records = mixed_run(400, seed=1, itl=itl, warmup=Warmup("req", 30))
    run = facts(400, slos=SLOS, dialect="sagellm")
    live = summarize(columns_of(records), run)
    for segments in (1, 3):
        paths = _written(records, tmp_path / str(segments), segments)
        assert summarize(columns_of(read_records(paths)), run) == live
    assert live["steady"] is not None
    assert live["latency"]["itl_ms"]["count"] > 0


@settings(derandomize=True, deadline=None, max_examples=25)
@given(st.randoms(use_true_random=False), st.integers(0, 60))
def test_the_order_of_arrival_does_not_matter(dice: random.Random, count: int) -> None:
    """Any permutation of the records gives the same summary."""
    records = mixed_run(count, seed=count)
    shuffled = dice.sample(records, len(records))
    assert summary_of(shuffled, slos=SLOS) == summary_of(records, slos=SLOS)


def test_histogram_mode_changes_no_figure() -> None:
    """`--itl hist` keeps no gaps, and the summary is the same."""
    assert summary_of(mixed_run(200, 2, itl="hist")) == summary_of(mixed_run(200, 2))


def test_quantiles_are_exact_over_the_records() -> None:
    """Latency percentiles are numpy's over the ok records in the order of `seq`."""
    records = mixed_run(300, seed=3)
    latency = summary_of(records)["latency"]
    ok = [one for one in records if one.status == "ok"]
    ttft = [
        (one.first_token_s - one.sent_s) * 1000
        for one in ok
        if one.first_token_s is not None and one.sent_s is not None
    ]
    assert latency["ttft_ms"]["count"] == len(ttft)
    for name, quantile in QUANTILES.items():
        assert latency["ttft_ms"][name] == pytest.approx(np.quantile(ttft, quantile), abs=1e-6)
    gaps = [gap for one in ok for gap in one.chunk_gaps_ms]
    assert latency["chunk_gap_ms"]["count"] == latency["itl_ms"]["count"] == len(gaps)
    assert latency["chunk_gap_ms"]["p99"] == pytest.approx(np.quantile(gaps, 0.99), rel=0.005)


def test_every_key_is_there_and_every_float_is_finite() -> None:
    """The keys of the summary stand whatever happened, also for a run of nothing."""
    keys = set(summary_of(mixed_run(100, 4)))
    for records in ([], mixed_run(1, 5), mixed_run(100, 4, warmup=Warmup("req", 100))):
        summary = summary_of(records)
        assert set(summary) == keys
        assert set(summary["latency"]) == set(LATENCIES)
        for block in (*summary["latency"].values(), summary["fidelity"]["dispatch_lag_ms"]):
            assert tuple(block) == ("count", *STATS)
        assert all(math.isfinite(number) for number in _floats(summary))
        json.dumps(summary, allow_nan=False)


def test_counts_add_up_and_failures_stay_out_of_the_latencies() -> None:
    """One state each, their sum is planned; a failed request has no latency and is no goodput."""
    failed = outcome(status=Status.INCOMPLETE, code=ErrorCode.UNAVAILABLE)
    records = [record(0), record(1, failed), record(2)]
    summary = summary_of(records)
    states = {key: count for key, count in summary["counts"].items() if key != "planned"}
    assert summary["counts"]["planned"] == sum(states.values()) == 3
    assert (states["ok"], states["incomplete"]) == (2, 1)
    for name in PER_REQUEST:
        assert summary["latency"][name]["count"] == 2
    assert summary["latency"]["chunk_gap_ms"]["count"] == 4
    assert summary["goodput"]["fraction"] == pytest.approx(2 / 3)
    assert summary["protocol_metrics"]["error_rate"] == pytest.approx(1 / 3)
    assert summary["slo"] == [{"expr": "error_rate<=0", "value": 1 / 3, "passed": False}]
    assert summary["verdict"]["exit_code"] == 1


def test_a_missing_or_doubled_record_is_invalid() -> None:
    """Planned = the sum of the states, each `seq` once, or the run counts for nothing."""
    missing = summary_of([record(0)], planned=2, rows=2)
    assert missing["verdict"]["exit_code"] == 3
    assert "2 planned, 1 recorded, 1 without a record" in missing["verdict"]["reasons"][0]
    doubled = summary_of([record(0), record(0)])
    assert doubled["verdict"]["exit_code"] == 3
    assert "1 requests recorded twice" in doubled["verdict"]["reasons"][1]
    unwritten = summary_of([record(0), record(1)], written=1)
    assert "2 records, 1 on disk" in unwritten["verdict"]["reasons"][0]


def test_rates_by_hand() -> None:
    """Duration is first due to last ended; rates are of ok requests over it."""
    ended = outcome(due=1000.0, sent=1000.5, output_tokens=10, input_tokens=7, ended=1500.0)
    late = outcome(due=2000.0, sent=2000.5, tokens=[2900.0], output_tokens=4, ended=3000.0)
    dropped = outcome(due=2500.0, sent=None, tokens=[], status=Status.DROPPED)
    summary = summary_of([record(0, ended), record(1, late), record(2, dropped)])
    assert summary["duration_s"] == 2.0
    assert summary["throughput"] == {
        "requests_per_s": 1.0,
        "output_tokens_per_s": 7.0,
        "input_tokens_per_s": 3.5,
    }
    assert summary["goodput"] == {"slo": [], "requests_per_s": 1.0, "fraction": 2 / 3}
    assert summary["fidelity"]["achieved_rps"] == 2.0
    assert summary["fidelity"]["offered_rps"] == 2.0
    assert summary["tokens"] == {"input": 7, "output": 14, "source": "usage"}


def test_goodput_needs_every_objective() -> None:
    """A request counts as good if it is ok and within every per-request limit."""
    slow = outcome(tokens=[1300.5, 1310.5, 1320.5])
    streamless = outcome(tokens=[], last_token_ns=at(1100.5))
    one_chunk = outcome(tokens=[1050.5])
    records = [record(n, one) for n, one in enumerate([outcome(), slow, streamless, one_chunk])]
    slos = parse_slos(["ttft_ms<=100", "tpot_ms<=25", "connect_ms<=1"])
    goodput = summary_of(records, slos=slos)["goodput"]
    assert goodput["slo"] == ["ttft_ms<=100", "tpot_ms<=25", "connect_ms<=1"]
    assert goodput["fraction"] == 0.5  # the plain one and the one of a single chunk


def test_tpot_needs_two_tokens_in_two_chunks() -> None:
    """A reply that came in one chunk, or of one token, has no time between tokens."""
    whole = outcome(tokens=[1100.5], output_tokens=8)
    single = outcome(output_tokens=1)
    summary = summary_of([record(0, whole), record(1, single), record(2, outcome())])
    assert summary["latency"]["tpot_ms"]["count"] == 1
    assert summary["latency"]["tpot_ms"]["max"] == summary["protocol_metrics"]["tbt_ms"] == 20.0


def test_warm_up_is_counted_but_not_measured() -> None:
    """Warm-up is in the counts and the errors, in no other figure; its failures are noted."""
    records = [
        record(0, outcome(status=Status.TIMEOUT, tokens=[]), warmup=Warmup("req", 2)),
        record(1, outcome(tokens=[9000.0]), warmup=Warmup("req", 2)),
        record(2, outcome(), warmup=Warmup("req", 2)),
    ]
    summary = summary_of(records)
    assert (summary["counts"]["planned"], summary["counts"]["timeout"]) == (3, 1)
    assert (summary["warmup"]["planned"], summary["warmup"]["ok"]) == (2, 1)
    assert summary["latency"]["ttft_ms"]["max"] == 100.0
    assert summary["protocol_metrics"]["error_rate"] == 0.0
    assert summary["errors"] == [
        {"status": "timeout", "code": None, "message": "timeout", "count": 1}
    ]
    assert summary["groups"][0]["counts"]["planned"] == 1
    assert any("1 of 2 warm-up requests failed" in note for note in summary["notes"])
    assert summary["verdict"]["exit_code"] == 0


def test_groups_add_up_to_the_run() -> None:
    """Each combination of model, tenant, class, host and name has the common blocks; sums agree."""
    summary = summary_of(mixed_run(300, seed=6), slos=SLOS)
    names = [
        tuple(str(group[key]) for key in ("model", "tenant", "host")) for group in summary["groups"]
    ]
    assert len(names) == len(set(names)) == 12
    for group in summary["groups"]:
        assert set(group) == BLOCKS | {"model", "tenant", "class", "host", "name"}
    for path in (
        ("counts", "planned"),
        ("counts", "ok"),
        ("tokens", "output"),
        ("tokens", "input"),
    ):
        total = sum(group[path[0]][path[1]] or 0 for group in summary["groups"])
        assert total == summary[path[0]][path[1]]
    gaps = sum(group["latency"]["chunk_gap_ms"]["count"] for group in summary["groups"])
    assert gaps == summary["latency"]["chunk_gap_ms"]["count"]
    rates = sum(group["throughput"]["requests_per_s"] for group in summary["groups"])
    assert rates == pytest.approx(summary["throughput"]["requests_per_s"], abs=1e-4)


def test_one_group_is_the_run() -> None:
    """With one model, tenant, class, host and name the group's blocks are the headline."""
    summary = summary_of([record(number, outcome()) for number in range(5)])
    (group,) = summary["groups"]
    for key in BLOCKS:
        assert group[key] == summary[key]


def _one_a_second(count: int, lasts_ms: float = 8000, **options: Any) -> list[RequestRecord]:
    return [
        record(
            number,
            outcome(due, due + 0.5, [due + 10, due + 20 + number % 2], due + lasts_ms),
            **options,
        )
        for number, due in enumerate(range(0, count * 1000, 1000))
    ]


def test_steady_is_the_plateau() -> None:
    """Ramp and drain are left out; the window says where it is, how it was found and its share."""
    records = _one_a_second(100)
    summary = summary_of(records)
    steady, window = summary["steady"], summary["steady"]["window"]
    assert summary["steady_reason"] is None
    assert 6 <= window["start_s"] <= 9
    assert 98 <= window["end_s"] <= 99
    assert window["method"] == "in-flight plateau"
    assert window["share"] == steady["counts"]["planned"] / 100
    sent = [one.sent_s or 0 for one in records]
    inside = sum(window["start_s"] <= when < window["end_s"] for when in sent)
    assert steady["counts"]["planned"] == steady["latency"]["chunk_gap_ms"]["count"] == inside
    assert steady["throughput"]["requests_per_s"] == pytest.approx(1.0, rel=0.02)
    assert set(steady) == BLOCKS | {"window"}


def test_the_steady_window_lies_behind_the_warm_up() -> None:
    """What warm-up left on the wire is no ramp, and none of it is in the figures."""
    summary = summary_of(_one_a_second(100, warmup=Warmup("s", 20)))
    assert 20 <= summary["steady"]["window"]["start_s"] <= 21
    assert summary["steady"]["counts"]["planned"] >= 77


def test_no_steady_window_has_a_reason() -> None:
    """Too few requests, too short a time, or a load that moved: null, and why in words."""
    few = summary_of([record(number) for number in range(49)])
    assert (few["steady"], few["steady_reason"]) == (None, "49 requests were sent, 50 are needed")
    at_once = summary_of([record(number) for number in range(60)])
    assert at_once["steady"] is None
    assert "too short a time" in at_once["steady_reason"]


def test_a_target_that_falls_behind_is_noted() -> None:
    """Every request lasts longer than the one before, at an even rate: said among the notes."""
    records = [
        record(number, outcome(due, due + 0.5, [due + 10], due + due))
        for number, due in enumerate(range(0, 100_000, 500))
    ]
    summary = summary_of(records)
    assert summary["steady"] is None
    assert summary["steady_reason"].startswith("the target fell behind: requests in flight grew")
    assert summary["steady_reason"] in summary["notes"]


def test_warm_up_that_is_all_there_is() -> None:
    """A warm-up longer than the run leaves nothing to measure: said, and the gate fails."""
    summary = summary_of(_one_a_second(60, warmup=Warmup("s", 1000)))
    assert "all 60 requests were warm-up: nothing was measured" in summary["notes"][0]
    assert summary["warmup"]["planned"] == summary["counts"]["planned"] == 60
    assert summary["duration_s"] is None
    assert summary["groups"] == []
    assert summary["verdict"]["exit_code"] == 1


@pytest.mark.parametrize("status", [Status.DROPPED, Status.CANCELLED, Status.CONNECT_ERROR])
def test_warm_up_of_every_fate_stays_out(status: Status) -> None:
    """What was dropped, cancelled or refused while it was warm-up fails no gate."""
    bad = outcome(sent=None if status is Status.DROPPED else 1000.5, tokens=[], status=status)
    records = [record(0, bad, warmup=Warmup("req", 1)), record(1, warmup=Warmup("req", 1))]
    summary = summary_of(records)
    assert (summary["counts"][status.value], summary["warmup"][status.value]) == (1, 1)
    assert summary["protocol_metrics"]["error_rate"] == 0.0
    assert summary["verdict"]["exit_code"] == 0


def test_retries_are_told() -> None:
    """Requests that were tried again, the attempts that it took, and the time it cost, exactly."""
    twice = outcome(attempt=2, wasted_ns=100_000_000)
    four = outcome(attempt=4, wasted_ns=700_000_001, tokens=[], status=Status.CONNECT_ERROR)
    summary = summary_of([record(0, twice), record(1, four), record(2)])
    assert summary["retries"] == {"requests": 2, "attempts": 4, "wasted_s": 0.800000001}
    assert any("2 requests took 4 attempts" in note for note in summary["notes"])
    none = summary_of([record(0)])
    assert none["retries"] == {"requests": 0, "attempts": 0, "wasted_s": 0.0}
    assert not any("attempts" in note for note in none["notes"])


def _left(**facts: Any) -> RequestRecord:
    return record(0, outcome(status=Status.CANCELLED, reason="user", **facts))


@pytest.mark.parametrize("objective", ["ttft_ms<=500", "ttft_from_due_ms<=500", "e2e_ms<=500"])
def test_who_had_left_does_not_wait_for_later_turns(objective: str) -> None:
    """A turn that was skipped since its user had left is no failure and was not slow."""
    at_ns = outcome().ended_ns
    skipped = Outcome(status=Status.SKIPPED, reason="user", due_ns=at_ns, ended_ns=at_ns)
    summary = summary_of([record(0, skipped)], slos=parse_slos([objective]))
    assert summary["goodput"]["fraction"] == 1.0
    assert summary["left"] == {"requests": 1, "fraction": 1.0}
    assert summary["errors"] == []


@pytest.mark.parametrize(
    ("objective", "seen", "good"),
    [
        ("ttft_ms<=100", {}, True),
        ("ttft_ms<=99", {}, False),
        ("ttft_ms<=100", {"tokens": [], "ended": 1100.4}, True),
        ("ttft_ms<=100", {"tokens": [], "ended": 1100.6}, False),
        ("ttft_from_due_ms<=100", {"tokens": [], "ended": 1100.2}, False),
        ("ttfa_ms<=100", {"first_answer_ns": None, "ended": 1100.6}, False),
        ("e2e_ms<=200", {"ended": 1200.5}, True),
        ("e2e_ms<=200", {"ended": 1200.6}, False),
        ("e2e_from_due_ms<=200", {"ended": 1200.2}, False),
        ("tpot_ms<=20", {"output_tokens": 3}, True),
        ("tpot_ms<=19", {"output_tokens": 3}, False),
        ("tpot_ms<=19", {"tokens": []}, True),
        ("connect_ms<=1", {"reused": True, "connected_ns": None}, True),
    ],
)
def test_who_left_is_judged_by_what_was_seen(
    objective: str, seen: dict[str, Any], good: bool
) -> None:
    """An objective that was missed when the user left counts against goodput, no other does."""
    summary = summary_of([_left(**seen)], slos=parse_slos([objective]))
    assert summary["goodput"]["fraction"] == float(good)
    assert summary["left"] == {"requests": 1, "fraction": 1.0}
    assert summary["protocol_metrics"]["error_rate"] == 0.0
    assert summary["verdict"]["exit_code"] == 0


def test_protocol_metrics_of_the_run() -> None:
    """Means over the ok requests, n/e2e averaged, validated by the Protocol's own model."""
    fast = outcome(output_tokens=7)
    slow = outcome(tokens=[1200.5, 1240.5, 1280.5], output_tokens=14)
    failed = outcome(status=Status.STREAM_ERROR, code=ErrorCode.UNAVAILABLE)
    metrics = summary_of([record(0, fast), record(1, slow), record(2, failed)])["protocol_metrics"]
    unobserved = metrics.pop("unobserved")
    assert Metrics.model_validate(metrics, strict=True).model_dump() == metrics
    assert metrics["ttft_ms"] == 150.0
    assert metrics["tpot_ms"] == 20.0  # 140/7 and 280/14
    assert metrics["tbt_ms"] == pytest.approx((40 / 6 + 80 / 13) / 2, abs=1e-6)
    assert metrics["throughput_tps"] == 50.0
    assert metrics["error_rate"] == pytest.approx(1 / 3)
    assert (metrics["itl_list"], metrics["timestamps"]) == ([], None)
    assert "ttft_ms" not in unobserved
    nothing = summary_of([record(0, failed)])["protocol_metrics"]
    assert {"ttft_ms", "tbt_ms", "tpot_ms", "throughput_tps"} <= set(nothing["unobserved"])


def test_errors_are_grouped_by_kind() -> None:
    """Messages that differ in ids are one line, the earliest speaks; the rest is summed."""
    refused = [
        record(
            number,
            outcome(
                tokens=[],
                status=Status.CONNECT_ERROR,
                code=ErrorCode.UNAVAILABLE,
                message=f"port {number} refused, id 0af7651916cd43dd{number:04x}",
            ),
        )
        for number in range(5)
    ]
    skipped = record(9, outcome(sent=None, tokens=[], status=Status.SKIPPED, reason="parent"))
    assert summary_of([*reversed(refused), skipped])["errors"] == [
        {
            "status": "connect_error",
            "code": "unavailable",
            "message": "port 0 refused, id 0af7651916cd43dd0000",
            "count": 5,
        },
        {"status": "skipped", "code": None, "message": "parent", "count": 1},
    ]
    words = [
        record(n, outcome(tokens=[], status=Status.TIMEOUT, reason="x" * n + "!"))
        for n in range(ERROR_LINES + 7)
    ]
    lines = summary_of(words)["errors"]
    assert len(lines) == ERROR_LINES + 1
    assert lines[-1]["message"] == "7 more kinds"
    assert sum(line["count"] for line in lines) == len(words)


def test_unreached_rows_are_no_state() -> None:
    """Rows that the run did not come to are counted beside the states, and noted."""
    summary = summary_of([record(0)], rows=10)
    assert summary["trace"] == {"rows": 10, "released": 1, "unreached": 9}
    assert "9 rows of the trace were not reached" in summary["notes"]
    assert summary["verdict"]["state"] == "valid"


def test_stalls_count_the_requests_in_flight() -> None:
    """More than 1 % of the sent requests in flight during a stall make the run invalid."""
    records = [
        record(number, outcome(due, due, [due + 5], due + 10))
        for number, due in enumerate(range(0, 200_000, 1000))
    ]
    one = summary_of(records, generator={"stalls": [[5.002, 5.12]]})
    assert one["verdict"]["state"] == "valid"
    three = summary_of(records, generator={"stalls": [[5.002, 7.12]]})
    assert three["verdict"]["state"] == "invalid"
    assert "1.5 % is over 1 %" in three["verdict"]["reasons"][0]
    between = summary_of(records, generator={"stalls": [[5.011, 5.9]]})
    assert between["verdict"]["state"] == "valid"


def test_the_generators_figures_are_passed_on() -> None:
    """What the load room measured of itself stands in the summary; the rest is null, not absent."""
    lag = {"count": 2000, "p95": 1.0, "p99": 7.0}
    summary = summary_of([record(0, outcome(reads=2))], generator={"read_lag_ms": lag})
    assert summary["generator"]["read_lag_ms"] == lag
    assert summary["generator"]["cpu_percent"] is None
    assert summary["generator"]["shared_stamp_fraction"] == pytest.approx(1 / 3)
    assert "read lag p99 7 ms is over 5 ms" in summary["verdict"]["reasons"]


def test_a_closed_loop_has_no_schedule_to_be_late_for() -> None:
    """In a closed loop the lag is not judged, and what compares with a schedule is null."""
    records = [
        record(number, outcome(due, due + 40, [due + 60], due + 70))
        for number, due in enumerate(range(0, 10_000, 100))
    ]
    assert summary_of(records)["verdict"]["state"] == "invalid"
    closed = summary_of(records, closed=True)
    assert closed["verdict"]["state"] == "valid"
    fidelity = closed["fidelity"]
    assert (fidelity["offered_rps"], fidelity["iat_ks"]) == (None, None)
    assert fidelity["iat_cv"] == {"planned": None, "sent": 0.0}


def test_short_output_is_counted_beside_the_states() -> None:
    """Ok replies under what was asked are counted; by chunks alone it is called an estimate."""
    asked = Asked(None, 10)
    records = [
        record(0, outcome(output_tokens=9), asked=asked),
        record(1, outcome(output_tokens=10), asked=asked),
        record(2, outcome(status=Status.INCOMPLETE, output_tokens=1), asked=asked),
    ]
    summary = summary_of(records, dialect="sagellm")
    assert summary["short_output"] == {"count": 1, "fraction": 0.5, "estimate": False}
    assert "1 of 2 replies shorter than asked; this gateway hides truncation" in summary["notes"]
    assert summary["fidelity"]["output_tokens"] == {"asked": 20, "got": 19}
    by_chunks = summary_of([record(0, outcome(), asked=asked)])
    assert by_chunks["short_output"]["estimate"] is True


def test_what_a_user_was_asked_to_end_is_no_failure() -> None:
    """It is planned and counted; not failed, no error, no latency."""
    left = outcome(status=Status.CANCELLED, reason="user", output_tokens=3)
    stopped = outcome(status=Status.CANCELLED, reason="stopped", output_tokens=3)
    good = outcome(output_tokens=3)
    summary = summary_of([record(0, good), record(1, left), record(2, good), record(3, good)])
    assert (summary["counts"]["planned"], summary["counts"]["cancelled"]) == (4, 1)
    assert summary["protocol_metrics"]["error_rate"] == 0.0
    assert summary["goodput"]["fraction"] == 1.0
    assert summary["latency"]["ttft_ms"]["count"] == 3
    assert summary["errors"] == []
    assert summary["verdict"]["exit_code"] == 0
    assert summary["notes"] == ["1 of 4 requests were ended by their user, as asked: no failures"]
    cut = summary_of([record(0, good), record(1, stopped)])
    assert cut["protocol_metrics"]["error_rate"] == cut["goodput"]["fraction"] == 0.5


def test_what_this_machine_lacked_makes_a_run_invalid() -> None:
    """A request without a file or a port was failed by us, and the verdict says so."""
    starved = [
        record(n, outcome(tokens=[], status=Status.CONNECT_ERROR, reason=reason))
        for n, reason in enumerate(["no_files", "no_files", "no_ports", None])
    ]
    reasons = summary_of(starved)["verdict"]["reasons"]
    assert [reason.split(",")[0] for reason in reasons] == [
        "2 requests found no open file left",
        "1 requests found no local port left",
    ]
