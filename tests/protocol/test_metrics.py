"""The metric block: what must be there, what is 0 by default, what is out of range."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sagellm_benchmark.protocol import Metrics, Timestamps

LEAST = {"ttft_ms": 12.5, "throughput_tps": 80.0, "peak_mem_mb": 0, "error_rate": 0.0}
RATIOS = ("error_rate", "prefix_hit_rate", "spec_accept_rate")
NUMBERS = [
    name
    for name in Metrics.model_fields
    if name not in ("itl_list", "timestamps", "component_trace")
]
INTEGERS = [name for name in NUMBERS if Metrics.model_fields[name].annotation is int]


def test_there_are_23_fields() -> None:
    """A metric block always writes its 23 fields, given or not."""
    assert len(Metrics(**LEAST).model_dump()) == 23


def test_what_is_not_given_is_zero() -> None:
    """Only four fields must be given; a number that is not given is 0, the rest empty."""
    written = Metrics(**LEAST).model_dump()
    rest = {name: value for name, value in written.items() if name not in LEAST}
    assert rest.pop("itl_list") == []
    assert rest.pop("timestamps") is None
    assert rest.pop("component_trace") is None
    assert set(rest.values()) == {0}


@pytest.mark.parametrize("name", LEAST)
def test_four_fields_must_be_given(name: str) -> None:
    """Without any one of them there is no metric block."""
    given_fields = {key: value for key, value in LEAST.items() if key != name}
    with pytest.raises(ValidationError, match="Field required"):
        Metrics(**given_fields)


@pytest.mark.parametrize("name", NUMBERS)
def test_no_number_is_negative(name: str) -> None:
    """Every number may be 0 and none may be less."""
    assert getattr(Metrics(**{**LEAST, name: 0}), name) == 0
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        Metrics(**{**LEAST, name: -1})


@pytest.mark.parametrize("name", RATIOS)
def test_a_ratio_ends_at_one(name: str) -> None:
    """A ratio may be 1 and not more."""
    assert getattr(Metrics(**{**LEAST, name: 1.0}), name) == 1.0
    with pytest.raises(ValidationError, match="less than or equal to 1"):
        Metrics(**{**LEAST, name: 1.0001})


@pytest.mark.parametrize("name", INTEGERS)
def test_a_count_is_whole(name: str) -> None:
    """Counts, bytes and MB take no fractions."""
    with pytest.raises(ValidationError, match="valid integer"):
        Metrics(**{**LEAST, name: 0.5})


def test_blocks_share_no_list() -> None:
    """Each block has latencies of its own."""
    Metrics(**LEAST).itl_list.append(1.0)
    assert Metrics(**LEAST).itl_list == []


def test_timestamps_may_be_out_of_order() -> None:
    """The Protocol checks no order of the four instants, but wants all four."""
    stamps = Timestamps(queued_at=4, scheduled_at=3, executed_at=2, completed_at=1)
    assert list(stamps.model_dump().values()) == [4.0, 3.0, 2.0, 1.0]
    with pytest.raises(ValidationError, match="Field required"):
        Timestamps(queued_at=4, scheduled_at=3, executed_at=2)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(
    st.floats(0, 1e12),
    st.floats(0, 1),
    st.integers(0, 2**63),
    st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=5),
    st.floats(0, 4e9),
)
def test_json_keeps_every_figure(
    number: float, ratio: float, count: int, gaps: list[float], instant: float
) -> None:
    """A block that goes through JSON comes back equal, to the last bit."""
    stamps = dict.fromkeys(Timestamps.model_fields, instant)
    values = dict.fromkeys(NUMBERS, number)
    values |= dict.fromkeys(RATIOS, ratio) | dict.fromkeys(INTEGERS, count)
    metrics = Metrics(**values, itl_list=gaps, timestamps=stamps, component_trace=["gateway"])
    assert Metrics.model_validate_json(metrics.model_dump_json()) == metrics
