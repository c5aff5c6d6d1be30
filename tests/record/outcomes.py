"""Outcomes and records for the tests of records and metrics, made from milliseconds."""

from __future__ import annotations

from typing import Any

from sagellm_benchmark.clock import NS_PER_MS, Anchor
from sagellm_benchmark.record.builder import RecordContext
from sagellm_benchmark.record.record import Asked, RequestRecord
from sagellm_benchmark.trace.row import Row
from sagellm_benchmark.wire.outcome import Outcome
from sagellm_benchmark.wire.states import Status

ORIGIN_NS = 5_000_000_000_000
UNIX_S = 1_800_000_000.0


def context(**options: Any) -> RecordContext:
    """A context whose second 0 is a known instant on both clocks."""
    return RecordContext(anchor=Anchor(ORIGIN_NS, UNIX_S), origin_ns=ORIGIN_NS, **options)


def at(ms: float | None) -> int | None:
    """A stamp, from milliseconds after the run's start."""
    return None if ms is None else ORIGIN_NS + round(ms * NS_PER_MS)


def outcome(
    due: float = 1000.0,
    sent: float | None = 1000.5,
    tokens: list[float] | None = None,
    ended: float | None = None,
    **more: Any,
) -> Outcome:
    """A streamed reply; all times in milliseconds after the run's start."""
    stamps = [1100.5, 1120.5, 1140.5] if tokens is None else tokens
    token_ns = [at(stamp) for stamp in stamps]
    fields: dict[str, Any] = {
        "status": Status.OK,
        "due_ns": at(due),
        "sent_ns": at(sent),
        "connected_ns": at(sent + 0.25) if sent is not None else None,
        "first_token_ns": token_ns[0] if token_ns else None,
        "first_answer_ns": token_ns[0] if token_ns else None,
        "last_token_ns": token_ns[-1] if token_ns else None,
        "ended_ns": at(ended if ended is not None else (stamps[-1] + 1 if stamps else due + 1)),
        "http_status": 200,
        "chunks": len(stamps),
        "reads": len(stamps),
        "token_ns": token_ns,
    }
    return Outcome(**(fields | more))


def record(
    seq: int = 0,
    result: Outcome | None = None,
    row: Row | None = None,
    *,
    asked: Asked | None = None,
    name: str = "chat",
    model: str = "m",
    host: str = "http://one",
    **options: Any,
) -> RequestRecord:
    """A record of an outcome."""
    return context(**options).record(
        seq,
        row,
        result or outcome(),
        name=name,
        model=model,
        request_id=f"r{seq}",
        trace_id="t",
        asked=asked or Asked(),
        host=host,
    )
