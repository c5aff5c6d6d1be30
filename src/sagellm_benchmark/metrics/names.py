"""The names of the figures, in the order of the tables. Plain text: nothing is computed here.

`PER_REQUEST` are the latencies that one request has one value of; a gap between chunks is not one
of them.
"""

from __future__ import annotations

PER_REQUEST = (
    "ttft_ms",
    "ttfa_ms",
    "ttft_from_due_ms",
    "tpot_ms",
    "e2e_ms",
    "e2e_from_due_ms",
    "connect_ms",
)
"""Latencies of a request as a whole."""

LATENCIES = (
    "ttft_ms",
    "ttfa_ms",
    "ttft_from_due_ms",
    "chunk_gap_ms",
    "itl_ms",
    "tpot_ms",
    "e2e_ms",
    "e2e_from_due_ms",
    "connect_ms",
)
"""Keys of a summary's `latency`."""

QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999}
"""Quantiles of a block, by name."""

STATS = ("mean", "std", "min", *QUANTILES, "max")
"""Keys of a block beside `count`."""
