"""The Protocol's Metrics as a plain dict with every field, and the list of what was not observed.

A client sees times and tokens, nothing of the server's memory or caches. The Protocol wants a
number in every field, so an unknown one is 0 and is named in the list: no zero pretends to be a
measurement.
"""

from __future__ import annotations

from typing import Any

SERVER_ONLY = (
    "peak_mem_mb",
    "kv_used_tokens",
    "kv_used_bytes",
    "prefix_hit_rate",
    "evict_count",
    "evict_ms",
    "spec_accept_rate",
    "prefill_ms",
    "decode_ms",
    "kv_transfer_count",
    "kv_transfer_bytes",
    "kv_transfer_ms",
    "comm_overhead_ms",
    "allreduce_count",
    "allgather_count",
    "component_trace",
)
"""Fields that only the server knows."""


def protocol_metrics(
    *,
    ttft_ms: float | None,
    tbt_ms: float | None,
    tpot_ms: float | None,
    throughput_tps: float | None,
    error_rate: float,
    itl_list: list[float] | None,
    timestamps: dict[str, float] | None,
) -> tuple[dict[str, Any], list[str]]:
    """Fill the Protocol's Metrics; None means not observed.

    Args:
        ttft_ms: First token after sent.
        tbt_ms: Time between tokens, what everybody else calls TPOT: (last - first)/(n - 1).
        tpot_ms: The Protocol's: e2e/n.
        throughput_tps: Tokens a second: n/e2e.
        error_rate: Share of requests that are not ok, 0 to 1.
        itl_list: Inter-token latencies in ms.
        timestamps: The Protocol's Timestamps in Unix seconds.

    Returns:
        The fields of the Metrics model, and the names of those that were not observed.
    """
    unobserved = list(SERVER_ONLY)
    if ttft_ms is None:
        unobserved.append("ttft_ms")
    if tbt_ms is None:
        unobserved.append("tbt_ms")
    if tpot_ms is None:
        unobserved.append("tpot_ms")
    if throughput_tps is None:
        unobserved.append("throughput_tps")
    if itl_list is None:
        unobserved.append("itl_list")
    if timestamps is None:
        unobserved.append("timestamps")
    fields = {
        "ttft_ms": ttft_ms or 0.0,
        "tbt_ms": tbt_ms or 0.0,
        "tpot_ms": tpot_ms or 0.0,
        "throughput_tps": throughput_tps or 0.0,
        "peak_mem_mb": 0,
        "error_rate": error_rate,
        "kv_used_tokens": 0,
        "kv_used_bytes": 0,
        "prefix_hit_rate": 0.0,
        "evict_count": 0,
        "evict_ms": 0.0,
        "spec_accept_rate": 0.0,
        "prefill_ms": 0.0,
        "decode_ms": 0.0,
        "kv_transfer_count": 0,
        "kv_transfer_bytes": 0,
        "kv_transfer_ms": 0.0,
        "comm_overhead_ms": 0.0,
        "allreduce_count": 0,
        "allgather_count": 0,
        "itl_list": itl_list or [],
        "timestamps": timestamps,
        "component_trace": None,
    }
    return fields, unobserved
