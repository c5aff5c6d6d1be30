"""The columns of a run in, `summary.json` (`sagellm.summary/1`) out.

The headline is the run without its warm-up; `counts` and `errors` are of every planned request. The
same records give the same dict, in whatever order they came and however they were split over
segments and workers. Every float is finite or null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sagellm_benchmark.clock import NS_PER_S
from sagellm_benchmark.metrics.blocks import Selection, blocks, counts, share
from sagellm_benchmark.metrics.columns import Columns, Group, Retries
from sagellm_benchmark.metrics.fidelity import fidelity
from sagellm_benchmark.metrics.latency import Latencies
from sagellm_benchmark.metrics.ledger import Ledger
from sagellm_benchmark.metrics.notes import notes, shared_stamp_fraction
from sagellm_benchmark.metrics.server import observed, remarks
from sagellm_benchmark.metrics.slices import SlicedGaps
from sagellm_benchmark.metrics.slo import Slo, evaluate
from sagellm_benchmark.metrics.stalls import stalls
from sagellm_benchmark.metrics.steady import METHOD, Unsteady, Window, find_window
from sagellm_benchmark.metrics.thresholds import Thresholds
from sagellm_benchmark.metrics.verdict import Evidence, judge

SCHEMA = "sagellm.summary/1"

ERROR_LINES = 50
"""Kinds of errors that are listed; the rest is one line."""


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """What the records do not say.

    Attributes:
        run_id: Name of the run.
        started_at: RFC 3339 instant of the run's second 0.
        rows: Rows of the plan.
        planned: Rows that fell due, or were settled without sending.
        closed: A closed loop: rows have no due time of their own.
        slos: All objectives.
        written: Records handed to the disk; None where that was not asked for, or it failed.
        generator: Keys of the summary's `generator`; here `stalls` are [start_s, end_s,
            worker] of event-loop stalls over `Thresholds.stall_ms`, in seconds of the run.
        dialect: What the target speaks: "sagellm", "openai", None if unknown.
        lost_workers: Workers that died.
        write_failure: `Recorder.failed`.
        interrupted: The signal that ended the run, by name.
        aborted: Why the run ended itself.
        servers: Blocks of `server_metrics`.
        thresholds: Of the verdict.
        clock_bound_ms: How far the clocks of several workers may be apart; None for one process.
    """

    run_id: str
    started_at: str
    rows: int
    planned: int
    written: int | None = None
    closed: bool = False
    slos: tuple[Slo, ...] = ()
    generator: Mapping[str, Any] = field(default_factory=dict)
    dialect: str | None = None
    lost_workers: Sequence[str] = ()
    write_failure: str | None = None
    interrupted: str | None = None
    aborted: str | None = None
    servers: Sequence[Mapping[str, Any]] = ()
    thresholds: Thresholds = field(default_factory=Thresholds)
    clock_bound_ms: float | None = None


def summarize(columns: Columns, facts: RunFacts) -> dict[str, Any]:
    """Make the summary of a run, from its records as they came or as they were read."""
    table = columns.table()
    whole = Latencies(table)
    measured = whole.where(~table["warmup"])
    run = Selection(measured, columns.gaps.total(), _duration(measured.table))
    common = blocks(run, facts.slos)
    common["protocol_metrics"] = observed(common["protocol_metrics"], facts.servers)
    all_counts = {**counts(table), "planned": facts.planned}
    lag = fidelity(measured, closed=facts.closed, clock_bound_ms=facts.clock_bound_ms)
    generator = _generator(facts.generator, columns.workers, whole, measured)
    gates = evaluate(facts.slos, common)
    evidence = Evidence(
        ledger=_ledger(table, facts),
        dispatch_lag=None if facts.closed else lag["dispatch_lag_ms"],
        ttft_p50_ms=common["latency"]["ttft_ms"]["p50"],
        generator=generator,
        wants=columns.wants,
        lost_workers=facts.lost_workers,
        write_failure=facts.write_failure,
        interrupted=facts.interrupted,
        aborted=facts.aborted,
        gates=gates,
    )
    unreached = max(0, facts.rows - facts.planned)
    window = find_window(table, columns.gaps.width_s)
    return {
        "schema": SCHEMA,
        "run_id": facts.run_id,
        "started_at": facts.started_at,
        "duration_s": run.duration_s,
        "verdict": judge(evidence, facts.thresholds),
        "counts": all_counts,
        "warmup": counts(table[table["warmup"]]),
        "trace": {"rows": facts.rows, "released": facts.planned, "unreached": unreached},
        "retries": _retries(columns.retries),
        "left": _left(whole),
        "short_output": common["short_output"],
        "exact": True,
        "latency": common["latency"],
        "throughput": common["throughput"],
        "goodput": common["goodput"],
        "slo": gates,
        "fidelity": lag,
        "generator": generator,
        "tokens": common["tokens"],
        "errors": _errors(columns),
        "groups": _groups(columns, measured, run.duration_s, facts.slos),
        "steady": _steady(window, measured, columns.gaps, facts.slos),
        "steady_reason": window.reason if isinstance(window, Unsteady) else None,
        "protocol_metrics": common["protocol_metrics"],
        "server_metrics": list(facts.servers),
        "notes": remarks(facts.servers)
        + notes(
            whole,
            measured,
            *_hosts(columns, table),
            facts.dialect,
            unreached,
            window,
            closed=facts.closed,
            retries=columns.retries,
        ),
    }


def _duration(table: np.ndarray) -> float | None:
    """From the first due to the last ended."""
    if not table.size:
        return None
    return round(float(table["ended"].max() - table["due"].min()), 9)


def _generator(
    given: Mapping[str, Any], workers: Mapping[str, int], whole: Latencies, measured: Latencies
) -> dict[str, Any]:
    unknown = ("cpu_percent", "loop_lag_ms", "read_lag_ms", "gc", "files", "ports", "recorder")
    return {
        **dict.fromkeys(unknown),
        "shared_stamp_fraction": shared_stamp_fraction(measured),
        "workers": [],
        **given,
        **stalls(whole.table, given.get("stalls", ()), workers),
    }


def _ledger(table: np.ndarray, facts: RunFacts) -> Ledger:
    states = counts(table)
    del states["planned"]
    return Ledger(
        planned=facts.planned,
        states=states,
        distinct=int(np.unique(table["seq"]).size),
        written=facts.written,
    )


def _errors(columns: Columns) -> list[dict[str, Any]]:
    """Failures by kind, most frequent first; numbers and ids in a message make no kind."""
    lines: list[dict[str, Any]] = [
        {"status": status, "code": code, "message": failure.message, "count": failure.count}
        for (status, code, _), failure in columns.failures.items()
    ]
    lines.sort(
        key=lambda line: (-line["count"], line["status"], line["code"] or "", line["message"])
    )
    rest = lines[ERROR_LINES:]
    if rest:
        count = sum(line["count"] for line in rest)
        message = f"{len(rest)} more kinds"
        lines[ERROR_LINES:] = [{"status": None, "code": None, "message": message, "count": count}]
    return lines


def _groups(
    columns: Columns, measured: Latencies, duration_s: float | None, slos: tuple[Slo, ...]
) -> list[dict[str, Any]]:
    """The common blocks of each group; rates are over the run's duration, so that groups add up."""
    table = measured.table
    by_group = np.argsort(table["group"], kind="stable")
    ends = np.cumsum(np.bincount(table["group"], minlength=len(columns.groups)))
    found = []
    for group, number in sorted(columns.groups.items(), key=_group_order):
        rows = by_group[ends[number - 1] if number else 0 : ends[number]]
        if not rows.size:
            continue
        own = measured if rows.size == table.size else Latencies(table[rows])
        selection = Selection(own, columns.group_gaps[number], duration_s)
        found.append({**_group_names(group), **blocks(selection, slos)})
    return found


def _group_order(item: tuple[Group, int]) -> tuple[str, ...]:
    return tuple(name or "" for name in item[0])


def _group_names(group: Group) -> dict[str, str | None]:
    model, tenant, class_, host, name = group
    return {"model": model, "tenant": tenant, "class": class_, "host": host, "name": name}


def _retries(retries: Retries) -> dict[str, Any]:
    """Of every planned request, warm-up included."""
    return {
        "requests": retries.requests,
        "attempts": retries.attempts,
        "wasted_s": retries.wasted_ns / NS_PER_S,
    }


def _left(whole: Latencies) -> dict[str, Any]:
    """Of every planned request, warm-up included."""
    left = int(whole.aborted.sum())
    return {"requests": left, "fraction": share(left, int(whole.table.size))}


def _steady(
    window: Window | Unsteady, measured: Latencies, gaps: SlicedGaps, slos: tuple[Slo, ...]
) -> dict[str, Any] | None:
    """The common blocks of the requests sent in the steady window."""
    if isinstance(window, Unsteady):
        return None
    table, start_s, end_s = measured.table, window.start_s, window.end_s
    when = np.where(np.isnan(table["sent"]), table["due"], table["sent"])
    inside = measured.where((when >= start_s) & (when < end_s))
    named = {
        "start_s": start_s,
        "end_s": end_s,
        "method": METHOD,
        "share": share(int(inside.table.size), int(table.size)),
    }
    selection = Selection(inside, gaps.between(start_s, end_s), end_s - start_s)
    return {"window": named, **blocks(selection, slos)}


def _hosts(columns: Columns, table: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Of each row the number of its host, and the hosts by their numbers."""
    numbers: dict[str, int] = {}
    of_group = np.zeros(max(1, len(columns.groups)), dtype=np.int64)
    for group, number in columns.groups.items():
        of_group[number] = numbers.setdefault(group.host, len(numbers))
    return of_group[table["group"]], list(numbers)
