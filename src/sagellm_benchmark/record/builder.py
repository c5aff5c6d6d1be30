"""Outcome in, RequestRecord out: stamps become seconds, token stamps gaps, and all is worked out.

A record is complete in itself: any summary can be made from records alone. A value that was never
observed is null. This runs once a request on the event loop, so it is plain lists and integers:
under 30 us for 100 tokens, encoding included.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import sub
from typing import Any, Literal

from sagellm_benchmark.clock import NS_PER_S, Anchor
from sagellm_benchmark.record.buckets import BucketCounts, count_gaps
from sagellm_benchmark.record.protocol_metrics import protocol_metrics
from sagellm_benchmark.record.record import (
    TEXT_BYTES,
    Asked,
    RecordError,
    RequestRecord,
    TokenSource,
)
from sagellm_benchmark.record.recount import latencies_us
from sagellm_benchmark.redact import mask
from sagellm_benchmark.trace.row import Row
from sagellm_benchmark.wire.outcome import Outcome
from sagellm_benchmark.wire.states import Status, is_short

_NO_ROW = Row(request_id="")


@dataclass(frozen=True, slots=True)
class Warmup:
    """Which requests are warm-up.

    Attributes:
        unit: "s" for seconds of due time, "req" for requests in plan order.
        amount: How many; 0 for none.
    """

    unit: Literal["s", "req"] = "s"
    amount: float = 0.0

    def covers(self, seq: int, due_s: float) -> bool:
        """Whether a request belongs to the warm-up."""
        return (due_s if self.unit == "s" else seq) < self.amount


@dataclass(frozen=True, slots=True)
class RecordContext:
    """What all records of a run share.

    Attributes:
        anchor: Ties the monotonic clock to the wall, for the Protocol's timestamps.
        origin_ns: The run's start by `clock.now()`: second 0 of every record.
        worker: Name of this worker.
        warmup: Which requests are warm-up.
        token_source: Where output tokens come from: "usage" (the server's count or unknown),
            "tokenizer" (ours or unknown), "chunks" (one a token frame, a lower bound), "auto" (the
            first of these that there is).
        itl: "list" keeps every gap; "hist" keeps counts of them instead.
        keep_content: Whose text is kept.
        secrets: What no text may hold.
    """

    anchor: Anchor
    origin_ns: int
    worker: str = "local"
    warmup: Warmup = Warmup()
    token_source: Literal["auto", "usage", "tokenizer", "chunks"] = "auto"
    itl: Literal["list", "hist"] = "list"
    keep_content: Literal["none", "errors", "all"] = "none"
    secrets: tuple[str, ...] = ()

    def record(
        self,
        planned_seq: int,
        row: Row | None,
        outcome: Outcome,
        *,
        name: str,
        model: str,
        request_id: str,
        trace_id: str,
        asked: Asked,
        host: str,
    ) -> RequestRecord:
        """Make the record of one planned request.

        Args:
            planned_seq: Its number in the plan.
            row: The row of the trace, None for a request of somebody's own task.
            outcome: What became of it.
            name: Endpoint, or the task's name for it.
            model: The model that was asked for.
            request_id: As sent.
            trace_id: As sent.
            asked: What was asked of the model.
            host: Where it went.
        """
        seconds = self._seconds
        source, tokens = self._tokens(outcome)
        gaps_ms, gap_histogram, itl_ms, itl_histogram = self._gaps(outcome, source)
        metrics, unobserved = _metrics(outcome, tokens, itl_ms, self.anchor)
        due_s = (outcome.due_ns - self.origin_ns) / NS_PER_S
        text, cut = self._text(outcome)
        known = row or _NO_ROW
        return RequestRecord(
            seq=planned_seq,
            row_id=known.request_id or None,
            request_id=request_id,
            trace_id=trace_id,
            worker=self.worker,
            host=host,
            session_id=known.session_id,
            turn_index=known.turn_index,
            depends_on=known.depends_on,
            model=model,
            tenant=known.tenant_id,
            class_=known.request_class,
            name=name,
            warmup=known.phase == "warmup" or self.warmup.covers(planned_seq, due_s),
            attempt=outcome.attempt,
            wasted_s=outcome.wasted_ns / NS_PER_S,
            arrival_s=known.arrival_time_s,
            due_s=due_s,
            sent_s=seconds(outcome.sent_ns),
            connected_s=None if outcome.reused else seconds(outcome.connected_ns),
            reused=outcome.reused,
            written_s=seconds(outcome.written_ns),
            first_byte_s=seconds(outcome.first_byte_ns),
            first_frame_s=seconds(outcome.first_frame_ns),
            first_token_s=seconds(outcome.first_token_ns),
            first_answer_s=seconds(outcome.first_answer_ns),
            last_token_s=seconds(outcome.last_token_ns),
            done_s=seconds(outcome.done_ns),
            ended_s=(outcome.ended_ns - self.origin_ns) / NS_PER_S,
            status=outcome.status.value,
            phase=outcome.phase.value if outcome.phase else None,
            reason=outcome.reason,
            error=_error(outcome),
            http_status=outcome.http_status,
            finish_reason=outcome.finish_reason,
            server_id=outcome.server_id,
            input_tokens=outcome.input_tokens,
            output_tokens=tokens,
            asked=asked,
            token_source=source,
            chunks=outcome.chunks,
            reads=outcome.reads,
            bytes=outcome.bytes,
            chunk_gaps_ms=gaps_ms,
            gap_histogram=gap_histogram,
            itl_histogram=itl_histogram,
            flags=_flags(outcome, tokens, source, asked) + cut,
            metrics=metrics,
            unobserved=unobserved,
            text=text,
        )

    def _seconds(self, stamp_ns: int | None) -> float | None:
        return None if stamp_ns is None else (stamp_ns - self.origin_ns) / NS_PER_S

    def _gaps(
        self, outcome: Outcome, source: str
    ) -> tuple[list[float], BucketCounts | None, list[float] | None, BucketCounts | None]:
        """Gaps between token frames, and latencies of tokens: one by one, or counted.

        They are the same list where frames are tokens, and the same counts if the second are None.
        """
        gaps_us = [(gap + 500) // 1000 for gap in map(sub, outcome.token_ns[1:], outcome.token_ns)]
        itl_us = gaps_us
        if source == "tokenizer" and outcome.frame_tokens is not None:
            itl_us = latencies_us(gaps_us, outcome.frame_tokens)
        if self.itl == "list":
            gaps_ms = [gap / 1000 for gap in gaps_us]
            itl_ms = gaps_ms if itl_us is gaps_us else [latency / 1000 for latency in itl_us]
            return gaps_ms, None, itl_ms, None
        counted = None if itl_us is gaps_us else count_gaps(itl_us)
        return [], count_gaps(gaps_us), None, counted

    def _tokens(self, outcome: Outcome) -> tuple[TokenSource, int | None]:
        """Where the number of output tokens comes from, and the number; unknown is None."""
        rule, by_usage, by_frame = self.token_source, outcome.output_tokens, outcome.frame_tokens
        if rule == "usage" or (rule == "auto" and by_usage is not None):
            return "usage", by_usage
        if rule == "tokenizer" or (rule == "auto" and by_frame is not None):
            return "tokenizer", sum(by_frame or ()) or None
        return "chunks", outcome.chunks or None

    def _text(self, outcome: Outcome) -> tuple[str | None, list[str]]:
        """What is kept of the reply's text, and a flag where that is not all of it."""
        failed = outcome.status is not Status.OK and not outcome.left
        if not outcome.text or not (
            self.keep_content == "all" or (self.keep_content == "errors" and failed)
        ):
            return None, []
        data = mask(outcome.text, self.secrets).encode("utf-8", "replace")
        # What is left of a character that the cut goes through is no character.
        text = data[:TEXT_BYTES].decode("utf-8", "ignore")
        return text, ["text_cut"] if len(data) > TEXT_BYTES else []


def _metrics(
    outcome: Outcome, tokens: int | None, itl_ms: list[float] | None, anchor: Anchor
) -> tuple[dict[str, Any], list[str]]:
    """The Protocol's Metrics of one request; what a failed reply did not finish is not observed."""
    ok = outcome.status is Status.OK
    sent, first, last = outcome.sent_ns, outcome.first_token_ns, outcome.last_token_ns
    tbt_ms = tpot_ms = throughput_tps = None
    if ok and tokens and sent is not None and last is not None and last > sent:
        tpot_ms = round((last - sent) / tokens / 1e6, 6)
        throughput_tps = round(tokens * NS_PER_S / (last - sent), 6)
        if first is not None and tokens > 1 and outcome.chunks > 1:
            tbt_ms = round((last - first) / (tokens - 1) / 1e6, 6)
    timestamps = None
    if sent is not None and first is not None and last is not None:
        unix = anchor.unix
        timestamps = {
            "queued_at": round(unix(outcome.due_ns), 6),
            "scheduled_at": round(unix(sent), 6),
            "executed_at": round(unix(first), 6),
            "completed_at": round(unix(last), 6),
        }
    return protocol_metrics(
        ttft_ms=None if sent is None or first is None else (first - sent) / 1e6,
        tbt_ms=tbt_ms,
        tpot_ms=tpot_ms,
        throughput_tps=throughput_tps,
        error_rate=0.0 if ok or outcome.left else 1.0,
        itl_list=itl_ms if outcome.token_ns else None,
        timestamps=timestamps,
    )


def _error(outcome: Outcome) -> RecordError | None:
    if outcome.code is None:
        return None
    message = outcome.message or outcome.reason or outcome.status.value
    return RecordError(outcome.code.value, message, outcome.retryable)


def _flags(outcome: Outcome, tokens: int | None, source: str, asked: Asked) -> list[str]:
    flags = list(outcome.flags)
    if tokens is None or asked.output_tokens is None or outcome.status is not Status.OK:
        return flags
    usage, chunks = (tokens, None) if source == "usage" else (None, tokens)
    if is_short(asked.output_tokens, usage, chunks):
        flags.append("short_output")
    return flags
