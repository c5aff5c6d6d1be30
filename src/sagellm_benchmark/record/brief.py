"""A record as a coordinator follows it while the load is on: its outline, its gaps, how it began.

The same lines as `record.RequestRecord`, in half the time that reading all of one takes. For runs
whose chunks are tokens: latencies of tokens are then the gaps, and the Protocol's list of them is
left unread.
"""

from __future__ import annotations

import msgspec

from sagellm_benchmark.record.buckets import BucketCounts
from sagellm_benchmark.record.outline import Outline


class Brief(Outline, kw_only=True, gc=False):
    """A request in brief; each field as in `RequestRecord`."""

    phase: str | None = None
    first_byte_s: float | None = None
    chunk_gaps_ms: list[float] = msgspec.field(default_factory=list)
    gap_histogram: BucketCounts | None = None
    itl_histogram: BucketCounts | None = None
