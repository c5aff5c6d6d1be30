"""The blocks that the run, each group and the steady window have in common.

A selection of rows in, `counts, short_output, latency, throughput, goodput, tokens,
protocol_metrics` out. Latencies are of ok requests; what failed counts against goodput and into the
error rate, what the run asked its users to abort does neither. No number is ever NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sagellm_benchmark.metrics.columns import SOURCES, STATUSES, UNKNOWN
from sagellm_benchmark.metrics.latency import Latencies
from sagellm_benchmark.metrics.names import LATENCIES
from sagellm_benchmark.metrics.quantiles import DECIMALS, block
from sagellm_benchmark.metrics.slices import Gaps
from sagellm_benchmark.metrics.slo import Slo
from sagellm_benchmark.record.protocol_metrics import protocol_metrics


@dataclass(frozen=True)
class Selection:
    """Some requests of a run.

    Attributes:
        latencies: Of their rows, in the order of `seq`.
        gaps: Of the ok ones.
        duration_s: What rates are over; None where there is no time.
    """

    latencies: Latencies
    gaps: Gaps
    duration_s: float | None


def blocks(selection: Selection, slos: tuple[Slo, ...]) -> dict[str, Any]:
    """All common blocks of a selection."""
    latencies = selection.latencies
    return {
        "counts": counts(latencies.table),
        "short_output": short_output(latencies),
        "latency": latency(selection),
        "throughput": _throughput(selection),
        "goodput": goodput(selection, slos),
        "tokens": tokens(latencies),
        "protocol_metrics": run_metrics(latencies),
    }


def counts(table: np.ndarray) -> dict[str, int]:
    """Rows by status, every status named, and their number as `planned`."""
    found = np.bincount(table["status"], minlength=len(STATUSES)).tolist()
    return {"planned": int(table.size), **dict(zip(STATUSES, found, strict=True))}


def short_output(latencies: Latencies) -> dict[str, Any]:
    """Ok replies shorter than asked; `estimate` where some were not counted by the server."""
    short = latencies.table["short"]
    by_us = latencies.table["source"] != SOURCES.index("usage")
    return {
        "count": int(short.sum()),
        "fraction": share(int(short.sum()), int(latencies.ok.sum())),
        "estimate": bool((short & by_us).any()),
    }


def latency(selection: Selection) -> dict[str, Any]:
    """One block of statistics a latency, of the ok requests."""
    latencies, ok = selection.latencies, selection.latencies.ok
    histograms = {"chunk_gap_ms": selection.gaps.chunk_gap, "itl_ms": selection.gaps.itl}
    return {
        name: histograms[name].block() if name in histograms else block(latencies[name][ok])
        for name in LATENCIES
    }


def tokens(latencies: Latencies) -> dict[str, Any]:
    """Tokens of the ok requests by what is known, and where the output count comes from."""
    table, ok = latencies.table, latencies.ok
    counted = ok & (table["output_tokens"] != UNKNOWN)
    sources = [SOURCES[number] for number in np.unique(table["source"][counted]).tolist()]
    return {
        "input": _total(table["input_tokens"][ok]),
        "output": _total(table["output_tokens"][ok]),
        "source": "mixed" if len(sources) > 1 else (sources[0] if sources else None),
    }


def run_metrics(latencies: Latencies) -> dict[str, Any]:
    """The Protocol's Metrics of a selection: means over the ok requests that have a value."""
    ok = latencies.ok
    failed = share(int(latencies.failed.sum()), int(ok.size))
    fields, unobserved = protocol_metrics(
        ttft_ms=_mean(latencies.ttft_ms[ok]),
        tbt_ms=_mean(latencies.tpot_ms[ok]),
        tpot_ms=_mean(latencies.protocol_tpot_ms[ok]),
        throughput_tps=_mean(latencies.throughput_tps[ok]),
        error_rate=failed or 0.0,
        itl_list=None,
        timestamps=None,
    )
    if failed is None:
        unobserved.append("error_rate")
    return {**fields, "unobserved": unobserved}


def share(part: int, whole: int) -> float | None:
    """A fraction, None of nothing."""
    return part / whole if whole else None


def _throughput(selection: Selection) -> dict[str, float | None]:
    latencies = selection.latencies
    found = tokens(latencies)
    return {
        "requests_per_s": _rate(int(latencies.ok.sum()), selection.duration_s),
        "output_tokens_per_s": _rate(found["output"], selection.duration_s),
        "input_tokens_per_s": _rate(found["input"], selection.duration_s),
    }


def goodput(selection: Selection, slos: tuple[Slo, ...]) -> dict[str, Any]:
    """Requests that are ok within every objective per request, of all that were planned."""
    latencies = selection.latencies
    good = int(latencies.good(slos).sum())
    return {
        "slo": [slo.expr for slo in slos if slo.per_request],
        "requests_per_s": _rate(good, selection.duration_s),
        "fraction": share(good, int(latencies.table.size)),
    }


def _rate(amount: int | None, duration_s: float | None) -> float | None:
    if amount is None or not duration_s:
        return None
    return round(amount / duration_s, DECIMALS)


def _total(numbers: np.ndarray) -> int | None:
    known = numbers[numbers != UNKNOWN]
    return int(known.sum(dtype=np.int64)) if known.size else None


def _mean(values: np.ndarray) -> float | None:
    known = values[~np.isnan(values)]
    return round(float(known.mean()), DECIMALS) if known.size else None
