"""The sampling parameters and the strategy that follows from them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from sagellm_benchmark.protocol import DecodingStrategy, SamplingParams


@pytest.mark.parametrize(
    ("temperature", "strategy"),
    [(0, "greedy"), (9.999e-6, "greedy"), (1e-5, "sampling"), (0.7, "sampling"), (2, "sampling")],
)
def test_the_temperature_decides(temperature: float, strategy: str) -> None:
    """Without a strategy a temperature under 1e-5 is greedy and any other samples."""
    assert SamplingParams(temperature=temperature).strategy == strategy


def test_nothing_given_samples() -> None:
    """The default temperature is 1, so that the default strategy is sampling."""
    assert SamplingParams().strategy is DecodingStrategy.SAMPLING
    assert SamplingParams().temperature == 1.0


@pytest.mark.parametrize("strategy", DecodingStrategy)
@pytest.mark.parametrize("temperature", [0.0, 0.7])
def test_a_named_strategy_stays(strategy: DecodingStrategy, temperature: float) -> None:
    """A strategy that the client names is never replaced, and survives JSON."""
    params = SamplingParams(strategy=strategy, temperature=temperature)
    assert params.strategy is strategy
    assert SamplingParams.model_validate_json(params.model_dump_json()) == params


@pytest.mark.parametrize(
    ("field", "at", "beyond"),
    [
        ("temperature", 2, 2.1),
        ("temperature", 0, -0.1),
        ("top_p", 1, 1.1),
        ("top_p", 1e-9, 0),
        ("top_k", -1, -2),
        ("beam_size", 1, 0),
        ("alpha", 1, 1.1),
        ("penalty_alpha", 0, -0.1),
        ("repetition_penalty", 1, 0.9),
        ("presence_penalty", -2, -2.1),
        ("frequency_penalty", 2, 2.1),
        ("max_tokens", 1, 0),
        ("n_speculative_tokens", 1, 0),
    ],
)
def test_ranges(field: str, at: float, beyond: float) -> None:
    """A parameter may be as far as its range goes, and no further."""
    assert getattr(SamplingParams(**{field: at}), field) == at
    with pytest.raises(ValidationError):
        SamplingParams(**{field: beyond})
