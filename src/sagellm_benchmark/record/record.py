"""One line of `records/*.jsonl`: everything that is known of one planned request, for ever.

Times are seconds from the run's start on the monotonic clock; unknown is null; readers ignore keys
they do not know. Adding a key keeps `sagellm.record/1`; changing the meaning of one makes `/2`.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from sagellm_benchmark.record.buckets import BucketCounts

SCHEMA = "sagellm.record/1"

TEXT_BYTES = 16 * 1024
"""Most bytes of a reply's text in its record, in UTF-8."""

StatusWord = Literal[
    "ok",
    "http_error",
    "stream_error",
    "incomplete",
    "malformed",
    "connect_error",
    "timeout",
    "cancelled",
    "dropped",
    "skipped",
    "lost",
]
"""The values of `wire.states.Status`, checked where a record is read."""


TokenSource = Literal["usage", "tokenizer", "chunks"]


class RecordError(msgspec.Struct):
    """The Protocol's Error, as a record carries it."""

    code: str
    message: str
    retryable: bool | None = None


class Asked(msgspec.Struct):
    """What the row asked of the model, in tokens; None where it asked for nothing in particular."""

    input_tokens: int | None = None
    output_tokens: int | None = None


class RequestRecord(msgspec.Struct, kw_only=True):
    """A planned request and what became of it. `docs/metrics.md` defines each field."""

    schema: str = SCHEMA
    seq: int
    row_id: str | None = None
    request_id: str
    trace_id: str
    worker: str
    host: str
    session_id: str | None = None
    turn_index: int | None = None
    depends_on: list[str] = msgspec.field(default_factory=list)
    model: str = ""
    tenant: str | None = None
    class_: str | None = msgspec.field(name="class", default=None)
    name: str = ""
    warmup: bool = False
    attempt: int = 1
    wasted_s: float = 0.0

    arrival_s: float | None = None
    due_s: float
    sent_s: float | None = None
    connected_s: float | None = None
    reused: bool = False
    written_s: float | None = None
    first_byte_s: float | None = None
    first_frame_s: float | None = None
    first_token_s: float | None = None
    first_answer_s: float | None = None
    last_token_s: float | None = None
    done_s: float | None = None
    ended_s: float

    status: StatusWord
    phase: str | None = None
    reason: str | None = None
    error: RecordError | None = None
    http_status: int | None = None
    finish_reason: str | None = None
    server_id: str | None = None

    input_tokens: int | None = None
    output_tokens: int | None = None
    asked: Asked
    token_source: TokenSource
    chunks: int = 0
    reads: int = 0
    bytes: int = 0
    chunk_gaps_ms: list[float] = msgspec.field(default_factory=list)
    gap_histogram: BucketCounts | None = None
    itl_histogram: BucketCounts | None = None
    flags: list[str] = msgspec.field(default_factory=list)
    metrics: dict[str, Any]
    unobserved: list[str] = msgspec.field(default_factory=list)
    text: str | None = None
