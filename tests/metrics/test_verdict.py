"""Promises of the verdict."""

from __future__ import annotations

from typing import Any

import pytest

from sagellm_benchmark.metrics.ledger import Ledger
from sagellm_benchmark.metrics.thresholds import Thresholds
from sagellm_benchmark.metrics.verdict import Evidence, judge

BOOKS = Ledger(planned=100, states={"ok": 99, "timeout": 1, "lost": 0}, distinct=100)


def _block(p95: float, p99: float, count: int = 5000) -> dict[str, Any]:
    return {"count": count, "p95": p95, "p99": p99}


def _judge(**evidence: Any) -> dict[str, Any]:
    return judge(Evidence(**({"ledger": BOOKS} | evidence)), Thresholds())


def _generator(**figures: Any) -> dict[str, Any]:
    return {"generator": figures}


def _stalled(fraction: float) -> dict[str, Any]:
    return _generator(stalled_requests={"count": 1, "fraction": fraction})


def test_a_clean_run_is_valid() -> None:
    """Nothing wrong, nothing said."""
    quiet = _generator(
        read_lag_ms=_block(0.1, 0.4),
        loop_lag_ms=_block(1.1, 1.2),
        cpu_percent=40.0,
        gc={"count": 3, "max_ms": 100.0, "total_ms": 101.0},
        files={"open_peak": 900, "limit": 1000},
        ports={"used_peak": 90, "range": [1, 100]},
        recorder={"write_s": 9.0, "write_max_ms": 100.0, "held_peak_bytes": 9},
    )
    assert _judge(dispatch_lag=_block(0.1, 0.5), **quiet) == {
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
        (_generator(read_lag_ms=_block(1, 5.5)), "read lag p99 5.5 ms is over 5 ms"),
        (_generator(read_lag_ms=_block(6, 7, 10)), "read lag p95 6 ms is over 5 ms"),
        (_generator(loop_lag_ms=_block(1, 10.5)), "loop lag p99 10.5 ms is over 10 ms"),
        (_stalled(0.011), "stall over 100 ms 1.1 % is over 1 %"),
        ({"lost_workers": ("w1",)}, "1 workers lost, 0 are allowed: w1"),
        ({"write_failure": "a.jsonl: No space left"}, "a.jsonl: No space left"),
        ({"interrupted": "SIGINT"}, "interrupted by SIGINT"),
        ({"aborted": "nobody there"}, "aborted: nobody there"),
        ({"wants": {"no_files": 3}}, "3 requests found no open file left, 0 are allowed: allow"),
        ({"wants": {"no_ports": 2}}, "2 requests found no local port left, 0 are allowed: widen"),
        ({"ledger": Ledger(planned=4, states={"ok": 3}, distinct=3)}, "4 planned, 3 recorded"),
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
        _generator(read_lag_ms=_block(1, 2.5), loop_lag_ms=None),
        _stalled(0.0),
        _generator(stalled_requests={"count": 0, "fraction": None}, ports=None),
        _generator(cpu_percent=90.0),
    ],
)
def test_what_is_still_valid(evidence: dict[str, Any]) -> None:
    """Up to half a limit nothing is said; under 1,000 samples p95 stands for p99."""
    assert _judge(**evidence)["state"] == "valid"


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        ({"dispatch_lag": _block(1, 6)}, "dispatch lag p99 6 ms is over 5 ms, the limit is 10 ms"),
        (
            _generator(read_lag_ms=_block(1, 3)),
            "read lag p99 3 ms is over 2.5 ms, the limit is 5 ms",
        ),
        (_stalled(0.008), "0.8 % is over 0.5 %, the limit is 1 %"),
        (_generator(cpu_percent=97.0), "generator CPU 97 % is over 90 %"),
        (
            _generator(gc={"count": 1, "max_ms": 130.0, "total_ms": 130.0}),
            "a garbage collection took 130 ms, over 100 ms: let the locustfile keep fewer",
        ),
        (
            _generator(recorder={"write_s": 1, "write_max_ms": 250.0, "held_peak_bytes": 9}),
            "writing records took 250 ms at once, over 100 ms: choose a faster disk (--out)",
        ),
        (
            _generator(files={"open_peak": 1000, "limit": 1024}),
            "1,000 of 1,024 open files were in use, over 90%: allow more of them (ulimit -n)",
        ),
        (
            _generator(ports={"used_peak": 27_000, "range": [32768, 60999]}),
            "27,000 of 28,232 local ports were in use, over 90%: widen net.ipv4.ip_local_port",
        ),
    ],
)
def test_what_warns(evidence: dict[str, Any], reason: str) -> None:
    """Over half a limit, or with something nearly used up, the run counts but is warned."""
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
    late = _generator(read_lag_ms=_block(1, 9))
    verdict = _judge(dispatch_lag=_block(1, 6), lost_workers=("w1", "w2"), **late)
    assert [reason.split()[0] for reason in verdict["reasons"]] == ["2", "read", "dispatch"]
