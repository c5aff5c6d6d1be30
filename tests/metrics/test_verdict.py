"""Promises of the verdict."""

from __future__ import annotations

from typing import Any

import pytest

from sagellm_benchmark.metrics.verdict import Evidence, Thresholds, judge

COUNTS = {"planned": 100, "ok": 99, "timeout": 1, "lost": 0}


def _block(p95: float, p99: float, count: int = 5000) -> dict[str, Any]:
    return {"count": count, "p95": p95, "p99": p99}


def _judge(**evidence: Any) -> dict[str, Any]:
    return judge(Evidence(**({"counts": COUNTS} | evidence)), Thresholds())


def test_a_clean_run_is_valid() -> None:
    """Nothing wrong, nothing said."""
    assert _judge(dispatch_lag=_block(0.1, 0.5), read_lag=_block(0.1, 0.4)) == {
        "state": "valid",
        "valid": True,
        "exit_code": 0,
        "reasons": [],
    }


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        ({"dispatch_lag": _block(1, 10.5)}, "dispatch lag p99 10.5 ms is over 10 ms"),
        (
            {"dispatch_lag": _block(1, 26), "ttft_p50_ms": 500.0},
            "dispatch lag p99 26 ms is over 25 ms",
        ),
        ({"dispatch_lag": _block(11, 12, 999)}, "dispatch lag p95 11 ms is over 10 ms"),
        ({"read_lag": _block(1, 5.5)}, "read lag p99 5.5 ms is over 5 ms"),
        ({"read_lag": _block(6, 7, 10)}, "read lag p95 6 ms is over 5 ms"),
        ({"stalled_fraction": 0.011}, "stall over 100 ms 1.1 % is over 1 %"),
        ({"lost_workers": ("w1",)}, "1 workers lost, 0 are allowed: w1"),
        ({"counts": {"planned": 3, "ok": 1, "lost": 2}}, "2 requests lost, 0 are allowed"),
        ({"write_failure": "a.jsonl: No space left"}, "a.jsonl: No space left"),
        ({"counts": {"planned": 4, "ok": 3, "lost": 0}}, "4 planned, 3 recorded"),
        ({"counts": {"planned": 2, "ok": 3, "lost": 0}}, "2 planned, 3 recorded"),
        ({"duplicates": 1}, "1 requests recorded twice"),
        ({"interrupted": "SIGINT"}, "interrupted by SIGINT"),
    ],
)
def test_what_makes_a_run_invalid(evidence: dict[str, Any], reason: str) -> None:
    """Each cause gives exit code 3 and a reason with its number and its limit."""
    verdict = _judge(**evidence)
    assert (verdict["state"], verdict["valid"], verdict["exit_code"]) == ("invalid", False, 3)
    assert len(verdict["reasons"]) == 1
    assert reason in verdict["reasons"][0]


@pytest.mark.parametrize(
    "evidence",
    [
        {"dispatch_lag": _block(1, 5.0)},
        {"dispatch_lag": _block(1, 12.5), "ttft_p50_ms": 500.0},
        {"dispatch_lag": _block(4, 60, 999)},
        {"dispatch_lag": _block(0, 0, 0) | {"p95": None, "p99": None}},
        {"read_lag": _block(1, 2.5)},
        {"stalled_fraction": 0.0},
        {"cpu_percent": 90.0},
    ],
)
def test_what_is_still_valid(evidence: dict[str, Any]) -> None:
    """Up to half a limit nothing is said; under 1,000 samples p95 stands for p99."""
    assert _judge(**evidence)["state"] == "valid"


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        ({"dispatch_lag": _block(1, 6)}, "dispatch lag p99 6 ms is over 5 ms, the limit is 10 ms"),
        ({"read_lag": _block(1, 3)}, "read lag p99 3 ms is over 2.5 ms, the limit is 5 ms"),
        ({"stalled_fraction": 0.008}, "0.8 % is over 0.5 %, the limit is 1 %"),
        ({"cpu_percent": 97.0}, "generator CPU 97 % is over 90 %"),
    ],
)
def test_what_warns(evidence: dict[str, Any], reason: str) -> None:
    """Over half a limit, or with a busy generator, the run counts but is warned."""
    verdict = _judge(**evidence)
    assert (verdict["state"], verdict["valid"], verdict["exit_code"]) == ("warned", True, 0)
    assert reason in verdict["reasons"][0]


def test_exit_codes() -> None:
    """A failed gate is 1; an invalid run is 3 whatever its gates say."""
    failed = [{"expr": "error_rate<=0", "value": 0.5, "passed": False}]
    passed = [{"expr": "error_rate<=1", "value": 0.5, "passed": True}]
    assert _judge(gates=failed)["exit_code"] == 1
    assert _judge(gates=passed)["exit_code"] == 0
    assert _judge(gates=passed + failed, interrupted="SIGTERM")["exit_code"] == 3


def test_all_reasons_are_given() -> None:
    """Every reason is listed, what makes the run invalid first."""
    verdict = _judge(dispatch_lag=_block(1, 6), read_lag=_block(1, 9), lost_workers=("w1", "w2"))
    assert [reason.split()[0] for reason in verdict["reasons"]] == ["2", "read", "dispatch"]
