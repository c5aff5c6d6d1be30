"""The Protocol's request: what is asked of an engine, and where in a distributed run it belongs.

Neither a prompt nor messages is checked for: the Protocol accepts a request without either, and
where both are given the prompt wins.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from sagellm_benchmark.protocol.openai_chat import ChatMessage
from sagellm_benchmark.protocol.sampling import SamplingParams


class Request(BaseModel):
    """A request to an engine.

    Attributes:
        request_id: Unique to the request.
        trace_id: Shared by what belongs together.
        model: Its name; empty lets the engine choose.
        prompt: The text, templates applied.
        messages: The conversation, for the engine to apply its template to.
        max_tokens: Most tokens to generate.
        stream: Send tokens as they come.
        sampling_params: All of the decoder's parameters; they win over the two below.
        temperature: 0 to 2.
        top_p: Over 0 to 1.
        kv_budget_tokens: Most tokens of KV cache.
        metadata: Handed through to the engine.
        phase: Which half of a disaggregated run this is.
        rank: This node among `world_size`.
        world_size: Nodes in all.
        group_id: The communication group.
        tp_rank: Rank in tensor parallelism.
        pp_rank: Rank in pipeline parallelism.
        tp_size: Size of the tensor-parallel group.
        pp_size: Size of the pipeline-parallel group.
    """

    request_id: str
    trace_id: str
    model: str = ""
    prompt: str = ""
    messages: list[ChatMessage] | None = None
    max_tokens: int = Field(gt=0)
    stream: bool = False
    sampling_params: SamplingParams | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    kv_budget_tokens: int | None = Field(None, gt=0)
    metadata: dict[str, Any] | None = None
    phase: Literal["prefill", "decode"] | None = None
    rank: int | None = Field(None, ge=0)
    world_size: int | None = Field(None, gt=0)
    group_id: str | None = None
    tp_rank: int | None = Field(None, ge=0)
    pp_rank: int | None = Field(None, ge=0)
    tp_size: int | None = Field(None, gt=0)
    pp_size: int | None = Field(None, gt=0)
