"""What was measured of a request, a group or a run, in the Protocol's words.

Every field is always written; what was not observed is 0, as the Protocol asks, and a record says
beside its metrics which zeros those are. Units are in the names: ms, tokens/s, MB, bytes.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

Milliseconds = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
Ratio = Annotated[float, Field(ge=0, le=1)]


class Timestamps(BaseModel):
    """Four instants of a request, in Unix seconds. Their order is not checked.

    The Protocol's own TTFT is `(executed_at - scheduled_at) * 1000`: it leaves queueing out.

    Attributes:
        queued_at: It entered the queue.
        scheduled_at: It was given resources.
        executed_at: Its first token began.
        completed_at: Its generation ended.
    """

    queued_at: float
    scheduled_at: float
    executed_at: float
    completed_at: float


class Metrics(BaseModel):
    """The Protocol's metric block.

    Attributes:
        ttft_ms: Time to first token.
        tbt_ms: Time between tokens.
        tpot_ms: Time per output token.
        throughput_tps: Output tokens per second.
        peak_mem_mb: Peak memory, MB.
        error_rate: Share of failed requests, 0 to 1.
        kv_used_tokens: Tokens in the KV cache.
        kv_used_bytes: Bytes in the KV cache.
        prefix_hit_rate: Share of prefix cache hits, 0 to 1.
        evict_count: Evictions from the KV cache.
        evict_ms: Time spent on them.
        spec_accept_rate: Share of speculated tokens that were accepted, 0 to 1.
        prefill_ms: Time in prefill.
        decode_ms: Time in decode.
        kv_transfer_count: KV migrations.
        kv_transfer_bytes: Bytes they moved.
        kv_transfer_ms: Time they took in all.
        comm_overhead_ms: Time lost to communication.
        allreduce_count: AllReduce calls.
        allgather_count: AllGather calls.
        itl_list: Inter-token latencies in order, ms each; no range is checked.
        timestamps: The instants behind the figures, where there is one request to speak of.
        component_trace: The components that the request went through, in order.
    """

    ttft_ms: Milliseconds
    tbt_ms: Milliseconds = 0.0
    tpot_ms: Milliseconds = 0.0
    throughput_tps: float = Field(ge=0)
    peak_mem_mb: int = Field(ge=0)
    error_rate: Ratio
    kv_used_tokens: Count = 0
    kv_used_bytes: Count = 0
    prefix_hit_rate: Ratio = 0.0
    evict_count: Count = 0
    evict_ms: Milliseconds = 0.0
    spec_accept_rate: Ratio = 0.0
    prefill_ms: Milliseconds = 0.0
    decode_ms: Milliseconds = 0.0
    kv_transfer_count: Count = 0
    kv_transfer_bytes: Count = 0
    kv_transfer_ms: Milliseconds = 0.0
    comm_overhead_ms: Milliseconds = 0.0
    allreduce_count: Count = 0
    allgather_count: Count = 0
    itl_list: list[float] = Field(default_factory=list)
    timestamps: Timestamps | None = None
    component_trace: list[str] | None = None
