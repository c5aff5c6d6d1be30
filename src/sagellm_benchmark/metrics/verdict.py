"""Can the result be used? Evidence in; a state, every reason and the exit code out.

The state is `valid`, `warned` or `invalid`. The generator is judged, not the target: a run is
invalid where we were late, blind or lost something. A figure over half its limit warns. Each reason
carries its number and the limit that it broke.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Block = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a run is no measurement any more; they stand in `run.json`.

    Attributes:
        dispatch_lag_ms: Least limit of the dispatch lag's tail.
        dispatch_lag_ttft: That limit as a share of the median TTFT, where this is larger.
        read_lag_ms: Limit of the read lag's tail.
        stall_ms: An event loop that stands still for longer has stalled.
        stalled_fraction: Limit of the share of sent requests in flight during a stall.
        tail_samples: From here on the tail is p99, under it p95.
        warn_share: Over this share of a limit the run is warned.
        cpu_percent: A generator over this is warned.
    """

    dispatch_lag_ms: float = 10.0
    dispatch_lag_ttft: float = 0.05
    read_lag_ms: float = 5.0
    stall_ms: float = 100.0
    stalled_fraction: float = 0.01
    tail_samples: int = 1000
    warn_share: float = 0.5
    cpu_percent: float = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a verdict rests on.

    Attributes:
        counts: Records by status, with `planned`.
        duplicates: Records whose `seq` came before.
        dispatch_lag: Its block; None in a closed loop, which has no schedule to be late for.
        ttft_p50_ms: Median TTFT.
        read_lag: Its block; None where it was not measured.
        stalled_fraction: Share of sent requests that were in flight during a stall.
        cpu_percent: Of the busiest generator process.
        lost_workers: Names of workers that died.
        write_failure: Why a record could not be written.
        interrupted: The signal that ended the run, by name.
        gates: Results of the SLOs.
    """

    counts: Mapping[str, int]
    duplicates: int = 0
    dispatch_lag: Block | None = None
    ttft_p50_ms: float | None = None
    read_lag: Block | None = None
    stalled_fraction: float | None = None
    cpu_percent: float | None = None
    lost_workers: Sequence[str] = ()
    write_failure: str | None = None
    interrupted: str | None = None
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
    cpu = evidence.cpu_percent
    if cpu is not None and cpu > thresholds.cpu_percent:
        warned.append(f"generator CPU {cpu:.0f} % is over {thresholds.cpu_percent:.0f} %")
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
    counts = evidence.counts
    recorded = sum(count for status, count in counts.items() if status != "planned")
    reasons = []
    if evidence.interrupted:
        reasons.append(f"interrupted by {evidence.interrupted}")
    if evidence.lost_workers:
        names = ", ".join(evidence.lost_workers)
        reasons.append(f"{len(evidence.lost_workers)} workers lost, 0 are allowed: {names}")
    if counts["lost"]:
        reasons.append(f"{counts['lost']} requests lost, 0 are allowed")
    if evidence.write_failure:
        reasons.append(evidence.write_failure)
    if recorded != counts["planned"]:
        reasons.append(f"counts do not add up: {counts['planned']} planned, {recorded} recorded")
    if evidence.duplicates:
        reasons.append(f"{evidence.duplicates} requests recorded twice, 0 are allowed")
    return reasons


def _measures(evidence: Evidence, limits: Thresholds) -> list[tuple[str, float, float, str]]:
    """What was measured of the generator: (what, value, limit, unit)."""
    lag_ms = max(limits.dispatch_lag_ms, limits.dispatch_lag_ttft * (evidence.ttft_p50_ms or 0.0))
    measures = [
        *_tail("dispatch lag", evidence.dispatch_lag, lag_ms, limits),
        *_tail("read lag", evidence.read_lag, limits.read_lag_ms, limits),
    ]
    if evidence.stalled_fraction is not None:
        what = f"share of requests in flight during an event-loop stall over {limits.stall_ms:g} ms"
        measures.append((what, evidence.stalled_fraction * 100, limits.stalled_fraction * 100, "%"))
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
