"""Promises of the bucket rule."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.record.buckets import (
    LARGEST_US,
    bucket_of,
    count_gaps,
    lower_us,
    middle_us,
)

exact = settings(derandomize=True, deadline=None)


@exact
@given(st.integers(0, LARGEST_US))
def test_the_middle_is_near(value: int) -> None:
    """A bucket's middle is within 0.4 % of any value in it, and the value is in its bucket."""
    bucket = bucket_of(value)
    assert lower_us(bucket) <= value < lower_us(bucket + 1)
    assert abs(middle_us(bucket) - value) <= value * 0.004


def test_buckets_leave_no_hole() -> None:
    """Buckets follow each other without a gap over the whole range."""
    last = bucket_of(LARGEST_US)
    assert lower_us(last + 1) == LARGEST_US + 1
    assert [bucket_of(lower_us(number)) for number in range(last + 1)] == list(range(last + 1))


@exact
@given(st.lists(st.integers(0, 2**40), min_size=1))
def test_counts_of_one_request(gaps: list[int]) -> None:
    """Count, sum, squares and ends are exact, in any order of the gaps."""
    counted = count_gaps(gaps)
    kept = [min(gap, LARGEST_US) for gap in gaps]
    assert counted is not None
    assert sum(counted.buckets[1::2]) == len(gaps)
    assert counted.sum_us == sum(kept)
    assert counted.squares_us2 == sum(gap * gap for gap in kept)
    assert (counted.min_us, counted.max_us) == (min(kept), max(kept))
    assert counted == count_gaps(sorted(gaps))


def test_no_gaps_no_counts() -> None:
    """A reply of one chunk has no gap to count."""
    assert count_gaps([]) is None
