"""Promises of gaps cut into slices of time."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from record.outcomes import outcome, record
from sagellm_benchmark.metrics.slices import SLICES, Gaps, SlicedGaps, pack

moments = st.lists(st.floats(0, 10_000, allow_nan=False), min_size=1, max_size=60)


def _sliced(sent: list[float]) -> SlicedGaps:
    sliced = SlicedGaps()
    for moment in sent:
        sliced.take(moment, pack(record(0, outcome())))
    return sliced


@settings(derandomize=True, deadline=None)
@given(moments, st.data())
def test_a_window_holds_what_was_sent_in_it(sent: list[float], data: st.DataObject) -> None:
    """Any window of whole slices counts exactly the requests sent in it, in any order."""
    sliced = _sliced(sent)
    assert _sliced(sorted(sent, reverse=True)).width_s == sliced.width_s
    low = data.draw(st.integers(0, SLICES)) * sliced.width_s
    high = data.draw(st.integers(0, SLICES)) * sliced.width_s
    inside = sum(low <= moment < high for moment in sent)
    assert sliced.between(low, high).chunk_gap.block()["count"] == 2 * inside
    assert sliced.total().itl.block()["count"] == 2 * len(sent)


def test_latencies_of_counted_tokens_are_counted_by_themselves() -> None:
    """One by one or in a histogram: as many latencies as tokens behind the first frame."""
    for itl in ("list", "hist"):
        gaps = Gaps()
        gaps.add(record(0, outcome(frame_tokens=[1, 2, 1]), itl=itl))
        gaps.add(record(1, outcome(), itl=itl))
        assert gaps.chunk_gap.block()["count"] == 4
        assert gaps.itl.block()["count"] == 5
        assert gaps.itl.block()["min"] == 10.0


def test_slices_stay_few() -> None:
    """The width doubles as the run grows: never more than 128 slices."""
    sliced = _sliced([0.0, 1.0, 86_400.0])
    assert sliced.width_s * SLICES > 86_400
    assert sliced.width_s * SLICES / 2 <= 86_400
