"""Ties spread: arrivals that a coarse clock put on one instant, spread over its tick.

In: rows that arrive on a grid, such as Mooncake's 3 s. Out: the same rows in the same order, those
of one tick at independent uniform instants of it, in microseconds. The draws depend on the seed and
the tick's time alone, so that a part of a trace is spread as the whole is. Held: the rows of one
tick.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.changes.change import noted
from sagellm_benchmark.trace.changes.words import fractions, word
from sagellm_benchmark.trace.row import Header, Row
from sagellm_benchmark.trace.source import Trace
from sagellm_benchmark.trace.tally import Tally

COARSE_S = 0.1
"""A clock with this step or a wider one makes bursts of its own."""

_MICROSECOND = 1e-6


def is_coarse(header: Header) -> bool:
    """Whether a trace is known to have been recorded with a coarse clock."""
    return (header.time_resolution_s or 0.0) >= COARSE_S


def spread_tick_s(header: Header) -> float | None:
    """The ticks over which a trace's rows were spread; None where they were not."""
    ticks = (each["tick_s"] for each in header.transforms if each["op"] == "spread_ties")
    return next(ticks, None)


@dataclass(frozen=True)
class SpreadTies:
    """Spread arrivals over the ticks of the clock that recorded them.

    Attributes:
        seed: Of the instants.
    """

    seed: int = 0

    def applied(self, trace: Trace) -> Trace:
        """The trace with finer times; itself where its clock is as fine already.

        Raises:
            UsageError: The trace does not say how wide its clock's ticks are.
        """
        tick_s = trace.header.time_resolution_s
        if tick_s is None:
            raise UsageError(
                f"--spread-ties: {trace.path or 'the trace'} does not say how coarse its clock is "
                "(time_resolution_s in a native trace's header)"
            )
        if tick_s <= _MICROSECOND:
            return trace
        header = noted(trace.header, "spread_ties", tick_s=tick_s, seed=self.seed)
        header = msgspec.structs.replace(header, time_resolution_s=_MICROSECOND)

        def rows(tally: Tally) -> Iterator[Row]:
            held: list[Row] = []
            at = 0.0
            for row in trace.counted(tally):
                now = row.arrival_time_s
                if now is not None and (now != at or not held):
                    yield from self._spread(held, at, min(tick_s, now - at))
                    held, at = [], now
                held.append(row)
            yield from self._spread(held, at, tick_s)

        return trace.changed(header, rows)

    def _spread(self, held: list[Row], at: float, width: float) -> list[Row]:
        timed = [row for row in held if row.arrival_time_s is not None]
        # A row that waits is placed by what it waits for; its order among the others stays.
        start = word("spread", self.seed, round(at * 1e6))
        parts = sorted(fractions(start, len(timed)))
        for row, part in zip(timed, parts, strict=True):
            row.arrival_time_s = round(at + width * part, 6)
        return held
