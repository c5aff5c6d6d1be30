"""A summary written by hand, each figure recognisable where it is shown."""

from __future__ import annotations

from typing import Any


def block(count: int, base: float) -> dict[str, Any]:
    """Statistics that are told apart: p50 is `base`, the rest are multiples of it."""
    if not count:
        names = ("mean", "std", "min", "p50", "p90", "p95", "p99", "p999", "max")
        return {"count": 0, **dict.fromkeys(names)}
    return {
        "count": count,
        "mean": base * 1.1,
        "std": base * 0.3,
        "min": base * 0.5,
        "p50": base,
        "p90": base * 2,
        "p95": base * 3,
        "p99": base * 4,
        "p999": base * 5,
        "max": base * 6,
    }


STATES = (
    "ok",
    "http_error",
    "stream_error",
    "incomplete",
    "malformed",
    "connect_error",
    "timeout",
    "cancelled",
    "dropped",
    "skipped",
    "lost",
)


UNSEEN = (
    "peak_mem_mb",
    "kv_used_tokens",
    "kv_used_bytes",
    "prefix_hit_rate",
    "evict_count",
    "evict_ms",
    "spec_accept_rate",
)
"""Of the Protocol's Metrics what no client sees."""


def counts(planned: int, **states: int) -> dict[str, int]:
    """Counts of which ok is the rest."""
    ok = planned - sum(states.values())
    return {"planned": planned, **dict.fromkeys(STATES, 0), "ok": ok, **states}


def latency(count: int) -> dict[str, Any]:
    """A latency block whose TTFA is its TTFT."""
    return {
        "ttft_ms": block(count, 45.24),
        "ttfa_ms": block(count, 45.24),
        "ttft_from_due_ms": block(count, 46.0),
        "chunk_gap_ms": block(count * 127, 9.876),
        "itl_ms": block(count * 127, 9.876),
        "tpot_ms": block(count, 10.02),
        "e2e_ms": block(count, 1318.0),
        "e2e_from_due_ms": block(count, 1319.0),
        "connect_ms": block(12, 0.312),
    }


def common(planned: int, **states: int) -> dict[str, Any]:
    """What the run, a group and the steady window have alike."""
    found = counts(planned, **states)
    return {
        "counts": found,
        "short_output": {"count": 0, "fraction": 0.0, "estimate": False},
        "latency": latency(found["ok"]),
        "throughput": {
            "requests_per_s": 12.25,
            "output_tokens_per_s": 1568.4,
            "input_tokens_per_s": 12544.0,
        },
        "goodput": {"slo": [], "requests_per_s": 11.9, "fraction": 0.952},
        "tokens": {"input": 501760, "output": 62208, "source": "usage"},
        "protocol_metrics": {
            "ttft_ms": 49.8,
            "tbt_ms": 11.02,
            "tpot_ms": 11.3,
            "throughput_tps": 91.5,
            "error_rate": 0.02,
            **dict.fromkeys(UNSEEN, 0),
            "unobserved": list(UNSEEN),
        },
    }


def summary(**changes: Any) -> dict[str, Any]:
    """A valid run of 500 requests of which ten failed; `changes` replace whole keys."""
    return {
        "schema": "sagellm.summary/1",
        "run_id": "20261123-083000",
        "started_at": "2026-11-23T08:30:00Z",
        "duration_s": 40.8,
        "verdict": {"state": "valid", "valid": True, "exit_code": 1, "reasons": []},
        **common(500, http_error=7, dropped=3),
        "warmup": counts(0),
        "trace": {"rows": 500, "released": 500, "unreached": 0},
        "exact": True,
        "goodput": {"slo": ["ttft_ms<=100"], "requests_per_s": 11.9, "fraction": 0.952},
        "slo": [
            {"expr": "error_rate<=0", "value": 0.02, "passed": False},
            {"expr": "ttft_ms.p99<=500", "value": 180.96, "passed": True},
        ],
        "fidelity": {
            "dispatch_lag_ms": block(497, 0.11),
            "offered_rps": 12.5,
            "achieved_rps": 12.43,
            "iat_ks": 0.01,
            "iat_cv": {"planned": 1.02, "sent": 1.01},
            "idc": {"1": {"planned": 2.6, "sent": 2.5}},
            "input_tokens": {"asked": 501760, "got": 501760},
            "output_tokens": {"asked": 62720, "got": 62208},
        },
        "generator": {
            "cpu_percent": 41.3,
            "loop_lag_ms": block(2000, 0.3),
            "read_lag_ms": block(2000, 0.05),
            "shared_stamp_fraction": 0.021,
            "gc": {"count": 12, "max_ms": 0.412, "total_ms": 2.1},
            "files": {"open_peak": 41, "limit": 20000},
            "ports": {"used_peak": 38, "range": [32768, 60999]},
            "recorder": {"write_s": 0.004, "write_max_ms": 0.21, "held_peak_bytes": 70123},
            "stalls": [],
            "stalled_requests": {"count": 0, "fraction": 0.0},
            "workers": [],
        },
        "errors": [
            {
                "status": "http_error",
                "code": "UNAVAILABLE",
                "message": "HTTP 503: no healthy engine",
                "count": 7,
            },
            {
                "status": "dropped",
                "code": "RESOURCE_EXHAUSTED",
                "message": "64 requests were in flight",
                "count": 3,
            },
        ],
        "groups": [
            {
                "model": "m",
                "tenant": None,
                "class": None,
                "host": "http://127.0.0.1:8000",
                "name": "chat",
                **common(500, http_error=7, dropped=3),
            }
        ],
        "steady": {"window": {"start_s": 4.0, "end_s": 36.0}, **common(390)},
        "steady_reason": None,
        "server_metrics": [],
        "notes": [],
        **changes,
    }
