"""The Protocol's event stream as a sageLLM engine sends it: start, delta per token, end, `[DONE]`.

The end event carries the Protocol's Metrics as the engine measures them, from the stamps of what
was sent: `tpot_ms` is the whole time over the tokens, `tbt_ms` the mean gap after the first.
"""

from __future__ import annotations

import json
from typing import Any

from sagellm_benchmark.clock import NS_PER_MS
from sagellm_benchmark.protocol import (
    Metrics,
    Request,
    StreamEventDelta,
    StreamEventEnd,
    StreamEventStart,
)
from sagellm_benchmark.sim.engine import Job
from sagellm_benchmark.sim.exchange import Exchange, Frames
from sagellm_benchmark.sim.http import LAST_CHUNK, chunk
from sagellm_benchmark.sim.service import Service
from sagellm_benchmark.sim.words import WORDS, reply_text

_PIECES = tuple(b'%b", "content_tokens": [%d' % (word, k) for k, word in enumerate(WORDS))


def event_frames(asked: Request, service: Service, exchange: Exchange, job: Job) -> Frames:
    """Lay out the event stream of one request."""
    names: dict[str, Any] = {
        "request_id": asked.request_id,
        "trace_id": asked.trace_id,
        "engine_id": service.engine_id,
    }
    start = StreamEventStart(**names, prompt_tokens=job.prompt_tokens)
    delta = StreamEventDelta(**names, content="", content_tokens=[])
    empty = '", "content_tokens": []}'
    before = json.dumps(delta.model_dump(), ensure_ascii=False).removesuffix(empty)

    def closing() -> bytes:
        words = [(exchange.first_word + k) % len(WORDS) for k in range(job.output_tokens)]
        end = StreamEventEnd(
            **names,
            prompt_tokens=job.prompt_tokens,
            content=reply_text(exchange.first_word, job.output_tokens),
            output_tokens=words,
            finish_reason="length",
            metrics=measured(exchange, job),
        )
        return _event(end.model_dump()) + chunk(b"data: [DONE]\n\n") + LAST_CHUNK

    return Frames(
        opening=_event(start.model_dump()),
        before=f"data: {before}".encode(),
        after=b"]}\n\n",
        closing=closing,
        pieces=_PIECES,
    )


def measured(exchange: Exchange, job: Job) -> Metrics:
    """Compute the engine's own metrics of a stream whose tokens are all sent."""
    stamps, began = exchange.token_ns, exchange.request.body_ns
    count = len(stamps)
    ttft_ms, total_ms = (stamps[0] - began) / NS_PER_MS, (stamps[-1] - began) / NS_PER_MS
    return Metrics(
        ttft_ms=ttft_ms,
        tbt_ms=(total_ms - ttft_ms) / (count - 1) if count > 1 else 0.0,
        tpot_ms=total_ms / count,
        throughput_tps=count / total_ms * 1000 if total_ms else 0.0,
        peak_mem_mb=0,
        error_rate=0.0,
        kv_used_tokens=job.prompt_tokens + job.output_tokens,
        prefix_hit_rate=job.cached_tokens / job.prompt_tokens if job.prompt_tokens else 0.0,
        decode_ms=total_ms - ttft_ms,
    )


def _event(value: dict[str, object]) -> bytes:
    return chunk(b"data: %b\n\n" % json.dumps(value, ensure_ascii=False).encode())
