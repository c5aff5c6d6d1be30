"""Was one sageLLM gateway process the limit, rather than the engine behind it?

The gateway lets 100 requests through to its engines at once and spends milliseconds of its own CPU
on each stream and token. A table of records in, a sentence with its numbers out, or None where the
figures do not show it.
"""

from __future__ import annotations

import numpy as np

from sagellm_benchmark.metrics.capacity import REQUESTS_PER_S, STREAMS, TOKENS_PER_S
from sagellm_benchmark.metrics.columns import UNKNOWN
from sagellm_benchmark.metrics.fidelity import rate
from sagellm_benchmark.metrics.latency import Latencies

_WAITING_SHARE = 0.01
_GROWTH = 1.5
_LEAST_GROWTH_MS = 10.0


def gateway_limit(latencies: Latencies, dialect: str | None) -> str | None:
    """Say that the gateway was the limit, with the figures that show it.

    Args:
        latencies: Of requests that all went to one host.
        dialect: What the target speaks: "sagellm", "openai", or None if unknown.
    """
    if dialect != "sagellm":
        return None
    sent = latencies.where(~np.isnan(latencies.table["sent"]))
    if not sent.table.size:
        return None
    findings = _streams(sent.table) + _saturation(sent)
    return f"the gateway was the limit: {'; '.join(findings)}" if findings else None


def in_flight(table: np.ndarray) -> np.ndarray:
    """How many requests were open when each of the sent ones was sent, itself included."""
    sent = np.sort(table["sent"])
    ended = np.sort(table["ended"])
    return np.arange(1, sent.size + 1) - np.searchsorted(ended, sent, side="right")


def _streams(table: np.ndarray) -> list[str]:
    """More requests open than the gateway serves at once."""
    open_then = in_flight(table)
    waiting = float((open_then > STREAMS).mean())
    if waiting <= _WAITING_SHARE:
        return []
    return [
        f"up to {int(open_then.max())} requests were open and it serves {STREAMS} at once, "
        f"{waiting:.0%} of the requests were sent while those were taken"
    ]


def _saturation(latencies: Latencies) -> list[str]:
    """Its known pace was reached while the first token came later and later."""
    pace, growth = _pace(latencies), _growth(latencies)
    return [f"{' and '.join(pace)} while {growth}"] if pace and growth else []


def _pace(latencies: Latencies) -> list[str]:
    table = latencies.table
    found = []
    requests = rate(np.sort(table["sent"]))
    if requests is not None and requests >= REQUESTS_PER_S:
        found.append(f"{requests:.0f} requests/s were sent")
    counted = table["output_tokens"][latencies.ok & (table["output_tokens"] != UNKNOWN)]
    span_s = float(table["ended"].max() - table["sent"].min())
    if span_s > 0 and counted.sum() / span_s >= TOKENS_PER_S:
        found.append(f"{counted.sum() / span_s:.0f} tokens/s came")
    return found


def _growth(latencies: Latencies) -> str | None:
    """How the median TTFT rose from the first quarter of the requests sent to the last."""
    ttft_ms = latencies.ttft_ms[np.argsort(latencies.table["sent"], kind="stable")]
    quarter = ttft_ms.size // 4
    first, last = (_median(part) for part in (ttft_ms[:quarter], ttft_ms[ttft_ms.size - quarter :]))
    if first is None or last is None or last <= max(first * _GROWTH, first + _LEAST_GROWTH_MS):
        return None
    return f"TTFT p50 grew from {first:.0f} to {last:.0f} ms"


def _median(values: np.ndarray) -> float | None:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if known.size else None
