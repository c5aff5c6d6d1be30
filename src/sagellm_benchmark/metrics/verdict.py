"""Can the result be used? Evidence in; a state, every reason and the exit code out.

The state is `valid`, `warned` or `invalid`. The generator is judged, not the target: a run is
invalid where we were late, blind or lost something. A figure over half its limit warns. Each reason
carries its number and the limit that it broke.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sagellm_benchmark.metrics import scarcity
from sagellm_benchmark.metrics.ledger import Ledger
from sagellm_benchmark.metrics.thresholds import Thresholds

Block = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a verdict rests on.

    Attributes:
        ledger: The books.
        dispatch_lag: Its block; None in a closed loop, which has no schedule to be late for.
        ttft_p50_ms: Median TTFT.
        generator: The summary's block of that name; what it lacks was not measured.
        wants: Requests that we had no file or no port for, by the reason in their records.
        lost_workers: Names of workers that died.
        write_failure: Why a record could not be written.
        interrupted: The signal that ended the run, by name.
        aborted: Why the run ended itself.
        gates: Results of the SLOs.
    """

    ledger: Ledger
    dispatch_lag: Block | None = None
    ttft_p50_ms: float | None = None
    generator: Mapping[str, Any] = field(default_factory=dict)
    wants: Mapping[str, int] = field(default_factory=dict)
    lost_workers: Sequence[str] = ()
    write_failure: str | None = None
    interrupted: str | None = None
    aborted: str | None = None
    gates: Sequence[Mapping[str, Any]] = ()


def judge(evidence: Evidence, thresholds: Thresholds) -> dict[str, Any]:
    """Give the verdict: `{state, valid, exit_code, reasons}`, what makes it invalid first."""
    invalid = [*_losses(evidence)]
    warned: list[str] = []
    for what, value, limit, unit in _measures(evidence, thresholds):
        if value > limit:
            invalid.append(f"{what} {_amount(value, unit)} is over {_amount(limit, unit)}")
        elif value > limit * thresholds.warn_share:
            near = f"{_amount(limit * thresholds.warn_share, unit)}, the limit is"
            warned.append(f"{what} {_amount(value, unit)} is over {near} {_amount(limit, unit)}")
    warned += scarcity.warnings(evidence.generator, thresholds)
    state = "invalid" if invalid else "warned" if warned else "valid"
    passed = all(gate["passed"] for gate in evidence.gates)
    return {
        "state": state,
        "valid": not invalid,
        "exit_code": 3 if invalid else 0 if passed else 1,
        "reasons": invalid + warned,
    }


def _losses(evidence: Evidence) -> list[str]:
    """What went missing, or ended the run early."""
    reasons = []
    if evidence.aborted:
        reasons.append(f"aborted: {evidence.aborted}")
    if evidence.interrupted:
        reasons.append(f"interrupted by {evidence.interrupted}")
    if evidence.lost_workers:
        names = ", ".join(evidence.lost_workers)
        reasons.append(f"{len(evidence.lost_workers)} workers lost, 0 are allowed: {names}")
    if evidence.write_failure:
        reasons.append(evidence.write_failure)
    return [*reasons, *evidence.ledger.complaints(), *scarcity.failures(evidence.wants)]


def _measures(evidence: Evidence, limits: Thresholds) -> list[tuple[str, float, float, str]]:
    """What was measured of the generator: (what, value, limit, unit)."""
    generator = evidence.generator
    lag_ms = max(limits.dispatch_lag_ms, limits.dispatch_lag_ttft * (evidence.ttft_p50_ms or 0.0))
    measures = [
        *_tail("dispatch lag", evidence.dispatch_lag, lag_ms, limits),
        *_tail("read lag", generator.get("read_lag_ms"), limits.read_lag_ms, limits),
        *_tail("loop lag", generator.get("loop_lag_ms"), limits.loop_lag_ms, limits),
    ]
    stalled = (generator.get("stalled_requests") or {}).get("fraction")
    if stalled is not None:
        what = f"share of requests in flight during an event-loop stall over {limits.stall_ms:g} ms"
        measures.append((what, stalled * 100, limits.stalled_fraction * 100, "%"))
    return measures


def _tail(
    what: str, block: Block | None, limit_ms: float, limits: Thresholds
) -> list[tuple[str, float, float, str]]:
    if block is None or not block["count"]:
        return []
    stat = "p99" if block["count"] >= limits.tail_samples else "p95"
    return [(f"{what} {stat}", block[stat], limit_ms, "ms")]


def _amount(value: float, unit: str) -> str:
    return f"{value:.4g} {unit}"
