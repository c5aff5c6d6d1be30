"""What a trace is like: the figures of `trace inspect`, from one pass.

In: a Trace. Out: what was observed of its rows, and one dict of plain numbers. Everything is exact.
Kept are 8 bytes a row for its arrival, and what `sessions` and `reuse` say of sessions and blocks;
token counts are kept once a value, and rows never. A figure that the rows do not yield is None.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from sagellm_benchmark.trace.arrivals import Arrivals
from sagellm_benchmark.trace.garbage import collected_seldom
from sagellm_benchmark.trace.reuse import Reuse
from sagellm_benchmark.trace.row import Row
from sagellm_benchmark.trace.samples import Sample
from sagellm_benchmark.trace.sessions import Sessions
from sagellm_benchmark.trace.source import Trace

CACHE_TOKENS = (100_000, 1_000_000, 10_000_000)
"""Sizes of the prefix caches that are looked at if none is asked for."""

_BLOCK = 64  # rows looked at together: a call a row costs more than what it does


class Tokens:
    """Token counts of rows, as how often each occurs."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def add(self, tokens: Iterable[int | None]) -> None:
        """Count rows; those that do not say how many are left out."""
        self._counts.update(each for each in tokens if each is not None)

    def sample(self) -> Sample:
        """Their distribution; empty if no row said."""
        return Sample.counted(self._counts)

    def described(self) -> dict[str, float] | None:
        """p50, p90, p99 and the largest; None if no row said."""
        return {**self.sample().described(), "max": max(self._counts)} if self._counts else None


@dataclass
class Traffic:
    """What was observed of a trace, or of a run."""

    trace: Trace
    reuse: Reuse
    rows: int = 0
    arrivals: Arrivals = field(default_factory=Arrivals)
    inputs: Tokens = field(default_factory=Tokens)
    outputs: Tokens = field(default_factory=Tokens)
    sessions: Sessions = field(default_factory=Sessions)

    def add(self, rows: Sequence[Row]) -> None:
        """Take the next rows."""
        self.rows += len(rows)
        self.inputs.add([row.input_tokens for row in rows])
        self.outputs.add([row.output_tokens for row in rows])
        self.arrivals.add([row.arrival_time_s for row in rows])
        self.sessions.add(rows)
        for row in rows:
            self.reuse.add(row)

    def figures(self, cache_tokens: Sequence[int] = CACHE_TOKENS) -> dict[str, Any]:
        """Describe it.

        Args:
            cache_tokens: Sizes of prefix caches that forget the longest unused.
        """
        trace, turns, think = self.trace, self.sessions.turns(), self.sessions.think_times()
        hits = self.reuse.hits()
        return {
            "format": trace.format,
            "rows_read": trace.rows_read,
            "rows": self.rows,
            "drops": trace.drops,
            "inversions": trace.inversions,
            "dependents": self.rows - len(self.arrivals),
            **self.arrivals.described(),
            "time_resolution_s": trace.header.time_resolution_s,
            "input_tokens": self.inputs.described(),
            "output_tokens": self.outputs.described(),
            "sessions": turns.size,
            "turns": {"mean": turns.mean, **turns.described()} if turns.size else None,
            "think_time_s": {"rows": think.size, **think.described()} if think.size else None,
            "prefix_hit": hits._asdict() if hits else None,
            "prefix_cache": self._caches(cache_tokens) if hits else None,
        }

    def _caches(self, cache_tokens: Sequence[int]) -> dict[str, Any]:
        size = self.reuse.block_size
        sizes = [tokens // size for tokens in cache_tokens]
        return {
            "block_size": size,
            "blocks": self.reuse.blocks,
            "distinct_blocks": self.reuse.distinct,
            "lru": [
                {"tokens": tokens, "blocks": held, **hits._asdict()}
                for tokens, held, hits in zip(
                    cache_tokens, sizes, self.reuse.curve(sizes), strict=True
                )
            ],
        }


def observe(trace: Trace) -> Traffic:
    """Read a trace once.

    Raises:
        UsageError: The trace cannot be read, or has bad rows.
    """
    traffic = Traffic(trace, Reuse(trace.header))
    with collected_seldom():
        rows = trace.rows()
        while block := list(islice(rows, _BLOCK)):
            traffic.add(block)
    return traffic


def inspect(trace: Trace, cache_tokens: Sequence[int] = CACHE_TOKENS) -> dict[str, Any]:
    """Read a trace once and describe it.

    Raises:
        UsageError: The trace cannot be read, or has bad rows.
    """
    return observe(trace).figures(cache_tokens)
