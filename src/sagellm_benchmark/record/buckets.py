"""The bucket rule of every histogram: whole microseconds in, a bucket's number out.

Values under 256 us have a bucket each; above, every octave is cut into 128 buckets of equal width,
so the middle of a bucket is never more than 1/256 (0.4 %) from a value in it. Only integers are
used: any machine puts a value into the same bucket, and counts add up whatever their order. The
range is 0 to 2**32 - 1 us (71 minutes), larger values are taken for its end.
"""

from __future__ import annotations

from collections import Counter
from operator import mul

import msgspec

LARGEST_US = 2**32 - 1
"""The end of the range; a larger value counts as this one."""

_EXACT = 256
_OCTAVE = 128
_SUB_BITS = 8


class BucketCounts(msgspec.Struct):
    """Values counted in buckets instead of kept one by one, such as the gaps of `--itl hist`.

    Attributes:
        sum_us: Sum of the values.
        squares_us2: Sum of their squares.
        min_us: The smallest.
        max_us: The largest.
        buckets: Bucket number, count, bucket number, count, … in ascending order.
    """

    sum_us: int
    squares_us2: int
    min_us: int
    max_us: int
    buckets: list[int]


def bucket_of(value_us: int) -> int:
    """The number of the bucket that holds a value of 0 to `LARGEST_US`."""
    if value_us < _EXACT:
        return value_us
    shift = value_us.bit_length() - _SUB_BITS
    return shift * _OCTAVE + (value_us >> shift)


def lower_us(bucket: int) -> int:
    """The smallest value of a bucket."""
    if bucket < _EXACT:
        return bucket
    shift = bucket // _OCTAVE - 1
    return (bucket - shift * _OCTAVE) << shift


def middle_us(bucket: int) -> float:
    """The value that stands for a bucket: halfway between its smallest and its largest."""
    return (lower_us(bucket) + lower_us(bucket + 1) - 1) / 2


def count_gaps(gaps_us: list[int]) -> BucketCounts | None:
    """Count the gaps of one request; None where there are none."""
    if not gaps_us:
        return None
    values = gaps_us
    if max(values) > LARGEST_US:
        values = [min(gap, LARGEST_US) for gap in gaps_us]
    counts = Counter(map(bucket_of, values))
    return BucketCounts(
        sum_us=sum(values),
        squares_us2=sum(map(mul, values, values)),
        min_us=min(values),
        max_us=max(values),
        buckets=[number for pair in sorted(counts.items()) for number in pair],
    )
