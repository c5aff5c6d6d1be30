"""How an engine picks tokens: the Protocol's sampling parameters.

In: what a client asks of the decoder. Out: a checked set in which the strategy always agrees with
the temperature, unless the client named a strategy itself.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated

from pydantic import BaseModel, Field, model_validator

GREEDY_BELOW = 1e-5
"""The temperature under which a request without a strategy is decoded greedily."""


class DecodingStrategy(str, Enum):
    """How tokens are chosen."""

    GREEDY = "greedy"
    SAMPLING = "sampling"
    BEAM_SEARCH = "beam_search"
    CONTRASTIVE = "contrastive"
    SPECULATIVE = "speculative"


class SamplingParams(BaseModel):
    """Parameters of the decoder; which of them count depends on the strategy.

    Attributes:
        strategy: Derived from the temperature where it is not given.
        temperature: 0 to 2.
        top_p: Nucleus threshold, over 0 to 1 (1: no limit).
        top_k: The k likeliest tokens; 0 and -1: no limit.
        beam_size: Beams of beam search.
        length_penalty: Over 1 favours long sequences, under 1 short ones.
        early_stopping: Beam search ends when `beam_size` sequences are complete.
        alpha: Contrastive search: weight of coherence, 0 to 1.
        penalty_alpha: Contrastive search: strength of the repetition penalty.
        repetition_penalty: 1 or more; more represses repetition.
        presence_penalty: -2 to 2, on tokens that occurred.
        frequency_penalty: -2 to 2, by how often they occurred.
        max_tokens: Most tokens to generate; `Request.max_tokens` overrides it.
        stop_sequences: Texts that end the generation.
        n_speculative_tokens: Tokens that the draft model proposes a step.
        seed: Makes sampling repeatable.
        skip_special_tokens: Leaves special tokens out of the text.
    """

    strategy: DecodingStrategy = DecodingStrategy.GREEDY
    temperature: float = Field(1.0, ge=0, le=2)
    top_p: float = Field(1.0, gt=0, le=1)
    top_k: int = Field(0, ge=-1)
    beam_size: int = Field(4, gt=0)
    length_penalty: float = 1.0
    early_stopping: bool = True
    alpha: float = Field(0.6, ge=0, le=1)
    penalty_alpha: float = Field(0.6, ge=0)
    repetition_penalty: float = Field(1.0, ge=1)
    presence_penalty: float = Field(0.0, ge=-2, le=2)
    frequency_penalty: float = Field(0.0, ge=-2, le=2)
    max_tokens: Annotated[int, Field(gt=0)] | None = None
    stop_sequences: list[str] | None = None
    n_speculative_tokens: int = Field(5, ge=1)
    seed: int | None = None
    skip_special_tokens: bool = True

    @model_validator(mode="after")
    def _derive_strategy(self) -> SamplingParams:
        if "strategy" not in self.model_fields_set:
            greedy = self.temperature < GREEDY_BELOW
            self.strategy = DecodingStrategy.GREEDY if greedy else DecodingStrategy.SAMPLING
        return self
