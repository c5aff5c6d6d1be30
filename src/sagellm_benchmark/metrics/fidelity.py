"""Was the traffic that was sent the traffic that was planned?

A table of records in, the `fidelity` block out: lag, rates, the shape of the arrivals, tokens asked
for and got. A closed loop has no schedule, so there everything that compares with one is null, and
so is what a run is too short for.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sagellm_benchmark.metrics.columns import UNKNOWN
from sagellm_benchmark.metrics.latency import Latencies
from sagellm_benchmark.metrics.quantiles import DECIMALS, block
from sagellm_benchmark.trace.comparison import SAME_GAP_S
from sagellm_benchmark.trace.samples import Sample, kolmogorov_smirnov

CLOCK_BOUND_MS = 5.0
"""Where clocks may be further apart, gaps between requests of several workers are not known."""

WINDOWS_S = (1, 10, 60)
"""Widths of the windows of `idc`."""


def fidelity(
    latencies: Latencies, *, closed: bool, clock_bound_ms: float | None = None
) -> dict[str, Any]:
    """The `fidelity` block of the measured requests.

    Args:
        latencies: Theirs.
        closed: There is no schedule.
        clock_bound_ms: How far the clocks of the workers may be apart. Gaps between requests of
            different workers are known no better, so beyond a limit they are null.
    """
    table = latencies.table
    sent = np.sort(table["sent"][~np.isnan(table["sent"])])
    due = np.sort(table["due"])
    planned_gaps, sent_gaps = np.diff(due), np.diff(sent)
    blurred = clock_bound_ms is not None and clock_bound_ms > CLOCK_BOUND_MS
    return {
        "dispatch_lag_ms": block(latencies.dispatch_lag_ms),
        "offered_rps": None if closed else rate(due),
        "achieved_rps": rate(sent),
        "clock_bound_ms": clock_bound_ms,
        "iat_ks": None if closed or blurred else distance(planned_gaps, sent_gaps),
        "iat_cv": {
            "planned": None if closed else spread(planned_gaps),
            "sent": None if blurred else spread(sent_gaps),
        },
        "idc": {
            str(width): {
                "planned": None if closed else dispersion(due, width),
                "sent": dispersion(sent, width),
            }
            for width in WINDOWS_S
        },
        "input_tokens": _tokens(latencies, "asked_input", "input_tokens"),
        "output_tokens": _tokens(latencies, "asked_output", "output_tokens"),
    }


def rate(times_s: np.ndarray) -> float | None:
    """How many a second: n/(last - first) of ascending times; None where that is no time at all."""
    if times_s.size < 2 or times_s[-1] <= times_s[0]:
        return None
    return round(float(times_s.size / (times_s[-1] - times_s[0])), DECIMALS)


def spread(gaps_s: np.ndarray) -> float | None:
    """Coefficient of variation of gaps: 1 for Poisson arrivals, 0 for constant ones."""
    if gaps_s.size == 0 or gaps_s.mean() <= 0:
        return None
    return round(float(gaps_s.std() / gaps_s.mean()), DECIMALS)


def dispersion(times_s: np.ndarray, width_s: float) -> float | None:
    """Index of dispersion of ascending times: variance over mean of their counts in windows.

    Windows follow each other from the first time on; the last one, which is not full, is left out.
    1 for Poisson arrivals at any width, 0 for a constant rate, more for bursts of that length.

    Returns:
        None where there are fewer than two whole windows.
    """
    if not times_s.size:
        return None
    windows = ((times_s - times_s[0]) // width_s).astype(np.int64)
    whole = int(windows[-1])
    if whole < 2:
        return None
    counts = np.bincount(windows)[:whole]
    return round(float(counts.var() / counts.mean()), DECIMALS)


def distance(planned_s: np.ndarray, sent_s: np.ndarray) -> float | None:
    """Kolmogorov-Smirnov distance of two sets of gaps, blind to shifts under `SAME_GAP_S`."""
    if planned_s.size == 0 or sent_s.size == 0:
        return None
    apart = kolmogorov_smirnov(Sample.of(planned_s), Sample.of(sent_s), within=SAME_GAP_S)
    return round(apart, DECIMALS)


def _tokens(latencies: Latencies, asked: str, got: str) -> dict[str, int | None]:
    """Asked for and got by the ok requests of which both are known; got is null if none is."""
    wanted, came = latencies.table[asked], latencies.table[got]
    asking = latencies.ok & (wanted != UNKNOWN)
    both = asking & (came != UNKNOWN)
    if both.any():
        return {"asked": _sum(wanted[both]), "got": _sum(came[both])}
    return {"asked": _sum(wanted[asking]) if asking.any() else None, "got": None}


def _sum(tokens: np.ndarray) -> int:
    return int(tokens.sum(dtype=np.int64))
