"""The event stream's union."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from sagellm_benchmark import protocol

IDS = {"request_id": "r", "trace_id": "t", "engine_id": "e"}
METRICS = {"ttft_ms": 1, "throughput_tps": 1, "peak_mem_mb": 0, "error_rate": 0}
EVENTS = {
    "start": IDS,
    "delta": {**IDS, "content": "a", "content_tokens": [1]},
    "end": {
        **IDS,
        "content": "a",
        "output_tokens": [1],
        "finish_reason": "stop",
        "metrics": METRICS,
    },
}
READER = TypeAdapter(protocol.StreamEvent)


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        ("start", protocol.StreamEventStart),
        ("delta", protocol.StreamEventDelta),
        ("end", protocol.StreamEventEnd),
    ],
)
def test_the_event_names_its_model(kind: str, model: type) -> None:
    """An event is read as what its `event` says, and comes back equal through JSON."""
    event = READER.validate_python({**EVENTS[kind], "event": kind})
    assert type(event) is model
    assert READER.validate_json(READER.dump_json(event)) == event
    assert model(**EVENTS[kind]) == event


@pytest.mark.parametrize("kind", EVENTS)
def test_an_event_without_a_name_is_refused(kind: str) -> None:
    """The content alone does not tell what an event is, nor does a name that is none."""
    with pytest.raises(ValidationError, match="discriminator"):
        READER.validate_python(EVENTS[kind])
    with pytest.raises(ValidationError, match="does not match any"):
        READER.validate_python({**EVENTS[kind], "event": "stop"})


def test_a_name_does_not_lend_content() -> None:
    """What lacks an end's content is no end: the union does not fall back to another event."""
    with pytest.raises(ValidationError, match=r"end\.metrics"):
        READER.validate_python({**EVENTS["delta"], "event": "end"})


def test_the_short_names_are_the_same_models() -> None:
    """The aliases are no models of their own."""
    assert protocol.StartEvent is protocol.StreamEventStart
    assert protocol.DeltaEvent is protocol.StreamEventDelta
    assert protocol.EndEvent is protocol.StreamEventEnd
