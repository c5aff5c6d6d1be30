"""What every reader of a run relies on in `summary.json`, as `manifest_shape` has it of `run.json`.

A figure that may be unknown may be null; all else is there, and of its own form.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Number = float | None


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

    def __post_init__(self) -> None:
        """Only of no values there is nothing to say."""
        told = (self.mean, self.min, self.p50, self.p90, self.p95, self.p99, self.p999, self.max)
        if self.count and None in told:
            raise ValueError(f"there are {self.count} values, and one of their statistics is null")


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


class Counts(msgspec.Struct, forbid_unknown_fields=True):
    """Requests by their state; one that is not known would be in no sum."""

    planned: int
    ok: int
    http_error: int
    stream_error: int
    incomplete: int
    malformed: int
    connect_error: int
    timeout: int
    cancelled: int
    dropped: int
    skipped: int
    lost: int


class Share(msgspec.Struct):
    """Some requests, and their share of all."""

    count: int
    fraction: Number


class Tokens(msgspec.Struct):
    """Tokens, and who counted them."""

    input: int | None
    output: int | None
    source: str | None


class Metrics(msgspec.Struct):
    """The Protocol's Metrics, as far as a run, a group or a contract is told by them."""

    ttft_ms: Number
    tbt_ms: Number
    tpot_ms: Number
    throughput_tps: Number
    peak_mem_mb: Number
    error_rate: Number
    kv_used_tokens: Number
    kv_used_bytes: Number
    prefix_hit_rate: Number
    evict_count: Number
    evict_ms: Number
    spec_accept_rate: Number
    unobserved: list[str]


class Common(msgspec.Struct, kw_only=True):
    """What the run, each group and the steady window have alike."""

    counts: Counts
    short_output: Share
    latency: Latency
    throughput: Throughput
    goodput: Goodput
    tokens: Tokens
    protocol_metrics: Metrics


class Group(Common, kw_only=True):
    """Requests of one kind."""

    model: str | None
    tenant: str | None
    class_: str | None = msgspec.field(name="class")
    host: str | None
    name: str | None


class Window(msgspec.Struct):
    """When the run was steady."""

    start_s: float
    end_s: float


class Steady(Common, kw_only=True):
    """The steady part."""

    window: Window


class Verdict(msgspec.Struct):
    """Whether the figures may be used."""

    state: Literal["valid", "warned", "invalid"]
    valid: bool
    exit_code: int
    reasons: list[str]


class Reached(msgspec.Struct):
    """How far into its trace the run got."""

    rows: int
    released: int
    unreached: int


class Gate(msgspec.Struct):
    """One objective of the run."""

    expr: str
    value: Number
    passed: bool


class Drift(msgspec.Struct):
    """A figure of the plan beside what was sent."""

    planned: Number
    sent: Number


class Lengths(msgspec.Struct):
    """Tokens asked for beside those that came."""

    asked: int | None
    got: int | None


class Fidelity(msgspec.Struct):
    """What was sent beside what was planned."""

    dispatch_lag_ms: Block
    offered_rps: Number
    achieved_rps: Number
    iat_ks: Number
    iat_cv: Drift
    idc: dict[str, Drift]
    input_tokens: Lengths
    output_tokens: Lengths
    clock_bound_ms: Number = None


class Stall(msgspec.Struct):
    """The generator stood still."""

    start_s: float
    end_s: float
    requests: int


class Pauses(msgspec.Struct):
    """Garbage collections."""

    max_ms: float


class Files(msgspec.Struct):
    """Open files."""

    open_peak: int
    limit: int


class Ports(msgspec.Struct):
    """Local ports."""

    used_peak: int
    range: tuple[int, int]


class Disk(msgspec.Struct):
    """What the records cost."""

    write_max_ms: float


class Generator(msgspec.Struct):
    """What the load cost this side; null is what was not measured."""

    cpu_percent: Number
    loop_lag_ms: Block | None
    read_lag_ms: Block | None
    gc: Pauses | None
    files: Files | None
    ports: Ports | None
    recorder: Disk | None
    shared_stamp_fraction: Number
    workers: list[dict[str, Any]]
    stalls: list[Stall]
    stalled_requests: Share
    peak_in_flight: Number = None
    peak_memory_mb: Number = None


class Error(msgspec.Struct):
    """Failures of one kind."""

    status: str | None
    code: str | None
    message: str
    count: int


class Figure(msgspec.Struct):
    """A figure that a server told."""

    value: float
    unit: str | None


class Page(msgspec.Struct):
    """A server's page of metrics."""

    name: str
    kind: str
    figures: dict[str, Figure]
    untold: list[str]
    notes: list[str]


class Summary(Common, kw_only=True):
    """`summary.json`."""

    run_id: str
    started_at: str
    duration_s: Number
    verdict: Verdict
    warmup: Counts
    trace: Reached
    slo: list[Gate]
    fidelity: Fidelity
    generator: Generator
    errors: list[Error]
    groups: list[Group]
    steady: Steady | None
    steady_reason: str | None
    server_metrics: list[Page]
    notes: list[str]
