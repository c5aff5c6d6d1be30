"""Outlines with one kind of gaps: those between chunks, or the latencies between tokens.

A run comes in, outlines come out, one after the other. They take half of the time that whole
records take to read; who adds them to a table counts the gaps apart.
"""

from __future__ import annotations

import msgspec

from sagellm_benchmark.record.buckets import BucketCounts
from sagellm_benchmark.record.outline import Outline


class Glance(Outline, kw_only=True, gc=False):
    """An outline with gaps."""

    @property
    def measured(self) -> bool:
        """Whether its gaps count: it was ok, and no warm-up."""
        return self.status == "ok" and not self.warmup and self.sent_s is not None


class Latencies(msgspec.Struct, gc=False):
    """Of a record's metrics the latencies between tokens, in milliseconds."""

    itl_list: list[float]


class GlanceAtItl(Glance, kw_only=True, gc=False):
    """With the latencies between tokens.

    Attributes:
        latencies: One by one; empty where they were counted.
        counted_gaps: Gaps between chunks that were counted instead.
        counted: Latencies between tokens that were; None where they are the gaps.
    """

    latencies: Latencies = msgspec.field(name="metrics")
    counted_gaps: BucketCounts | None = msgspec.field(name="gap_histogram", default=None)
    counted: BucketCounts | None = msgspec.field(name="itl_histogram", default=None)


class GlanceAtGaps(Glance, kw_only=True, gc=False):
    """With the gaps between chunks.

    Attributes:
        gaps_ms: One by one; empty where they were counted.
        counted: Counted instead.
    """

    gaps_ms: list[float] = msgspec.field(name="chunk_gaps_ms", default_factory=list)
    counted: BucketCounts | None = msgspec.field(name="gap_histogram", default=None)
