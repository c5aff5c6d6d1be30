"""The Protocol's request."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from sagellm_benchmark.protocol import Request

LEAST = {"request_id": "r", "trace_id": "t", "max_tokens": 1}


def test_three_fields_suffice() -> None:
    """Ids and a token limit make a request: the Protocol wants neither prompt nor messages."""
    request = Request(**LEAST)
    assert (request.prompt, request.messages, request.stream) == ("", None, False)


@pytest.mark.parametrize("name", LEAST)
def test_three_fields_are_needed(name: str) -> None:
    """Without any one of them there is no request."""
    with pytest.raises(ValidationError, match="Field required"):
        Request(**{key: value for key, value in LEAST.items() if key != name})


@pytest.mark.parametrize(
    ("field", "at", "beyond"),
    [
        ("max_tokens", 1, 0),
        ("temperature", 2, 2.1),
        ("top_p", 1, 0),
        ("kv_budget_tokens", 1, 0),
        ("rank", 0, -1),
        ("world_size", 1, 0),
        ("tp_rank", 0, -1),
        ("pp_rank", 0, -1),
        ("tp_size", 1, 0),
        ("pp_size", 1, 0),
        ("phase", "prefill", "both"),
    ],
)
def test_ranges(field: str, at: object, beyond: object) -> None:
    """A field may be as far as its range goes, and no further."""
    assert getattr(Request(**{**LEAST, field: at}), field) == at
    with pytest.raises(ValidationError):
        Request(**{**LEAST, field: beyond})


def test_unknown_fields_are_ignored() -> None:
    """A newer peer's field is no error and is not handed on."""
    assert "shiny" not in Request(**LEAST, shiny=1).model_dump()


def test_the_strategy_follows_inside_a_request() -> None:
    """Sampling parameters in a request's JSON get their strategy like any others."""
    text = '{"request_id":"r","trace_id":"t","max_tokens":1,"sampling_params":{"temperature":0}}'
    assert Request.model_validate_json(text).sampling_params.strategy == "greedy"
