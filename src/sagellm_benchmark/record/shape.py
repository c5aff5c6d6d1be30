"""What every reader of a run relies on: what `run.json` and `summary.json` must have.

Both files are read as plain mappings, and keys that are not named here are free to come and go. A
file that was cut, edited or written by something else is told here, by the place that is wrong, and
not by whichever reader trips over it first.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Number = float | None


class Manifest(msgspec.Struct):
    """`run.json`."""

    run_id: str
    settings: dict[str, dict[str, Any]]


class Block(msgspec.Struct):
    """The statistics of one latency."""

    count: int
    mean: Number
    std: Number
    min: Number
    p50: Number
    p90: Number
    p95: Number
    p99: Number
    p999: Number
    max: Number


class Latency(msgspec.Struct):
    """Every latency."""

    ttft_ms: Block
    ttfa_ms: Block
    ttft_from_due_ms: Block
    chunk_gap_ms: Block
    itl_ms: Block
    tpot_ms: Block
    e2e_ms: Block
    e2e_from_due_ms: Block
    connect_ms: Block


class Throughput(msgspec.Struct):
    """Rates."""

    requests_per_s: Number
    output_tokens_per_s: Number
    input_tokens_per_s: Number


class Goodput(msgspec.Struct):
    """Requests that met their objectives."""

    slo: list[str]
    requests_per_s: Number
    fraction: Number


class Verdict(msgspec.Struct):
    """Whether the figures may be used."""

    state: Literal["valid", "warned", "invalid"]
    reasons: list[str]


class Gate(msgspec.Struct):
    """One objective of the run."""

    expr: str
    value: Number
    passed: bool


class Fidelity(msgspec.Struct):
    """What was sent beside what was planned."""

    dispatch_lag_ms: Block
    offered_rps: Number
    achieved_rps: Number


class Summary(msgspec.Struct):
    """`summary.json`."""

    run_id: str
    duration_s: Number
    verdict: Verdict
    counts: dict[str, int]
    warmup: dict[str, int]
    latency: Latency
    throughput: Throughput
    goodput: Goodput
    slo: list[Gate]
    fidelity: Fidelity
    generator: dict[str, Any] | None
    tokens: dict[str, Any]
    errors: list[dict[str, Any]]
    groups: list[dict[str, Any]]
    steady: dict[str, Any] | None
    protocol_metrics: dict[str, Any]
    notes: list[str]
