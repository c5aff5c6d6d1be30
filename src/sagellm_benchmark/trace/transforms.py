"""What part of a trace is replayed, and at what pace.

In: rows in order of arrival. Out: the rows that were selected, in the same order; `start`, `end`
and `limit` apply in this order and before any change of pace. The pace is a factor on time. Both
are streams: nothing is held but the ids of sessions that a limit must not cut. Both are also
changes, which make another trace (`trace.changes`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from msgspec.structs import replace

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.instant import instant_ns, instant_text
from sagellm_benchmark.trace.row import Row
from sagellm_benchmark.trace.source import Trace
from sagellm_benchmark.trace.tally import Tally

_NS_PER_S = 1_000_000_000


@dataclass(frozen=True)
class Selection:
    """The part of a trace that counts.

    Attributes:
        start_s: Leave out rows that arrive before; this instant becomes 0.
        end_s: Leave out rows that arrive at this instant or later.
        limit: Take so many rows of the rest. Sessions begun by then are followed to their end
            (within `end_s`), so that there can be more.
        cut_sessions: Stop at the limit, in the middle of sessions too.
    """

    start_s: float | None = None
    end_s: float | None = None
    limit: int | None = None
    cut_sessions: bool = False

    def __post_init__(self) -> None:
        for option, value in (("--start", self.start_s), ("--end", self.end_s)):
            if value is not None and not 0 <= value < math.inf:
                raise UsageError(f"{option}: {value} is not a time of 0 s or more")
        if self.end_s is not None and self.end_s <= (self.start_s or 0):
            raise UsageError(f"--end: {self.end_s} is not after the start")
        if self.limit is not None and self.limit < 1:
            raise UsageError(f"--limit: {self.limit} is not 1 or more")

    def described(self) -> dict[str, Any] | None:
        """What a trace's header says of it; None if everything was taken."""
        said = {key: value for key, value in asdict(self).items() if value not in (None, False)}
        return {"op": "select", **said} if said.keys() - {"cut_sessions"} else None

    def applied(self, trace: Trace) -> Trace:
        """The part as a trace, which begins at the start."""
        said = self.described()
        if said is None:
            return trace
        start_s = self.start_s or 0.0
        header = replace(
            trace.header,
            time_origin=_shifted(trace.header.time_origin, start_s),
            transforms=[*trace.header.transforms, said],
        )

        def rows(tally: Tally) -> Iterator[Row]:
            for row in select(trace.counted(tally), self):
                if row.arrival_time_s is not None:
                    row.arrival_time_s -= start_s
                yield row

        return trace.changed(header, rows)


@dataclass(frozen=True)
class Pace:
    """How fast a trace is replayed.

    Attributes:
        speed: Time runs so many times as fast, think times too.
        rate: Retime to so many requests a second in the mean, shape kept; excludes a speed.
    """

    speed: float = 1.0
    rate: float | None = None

    def __post_init__(self) -> None:
        for option, value in (("--speed", self.speed), ("--rate", self.rate)):
            if value is not None and not 0 < value < math.inf:
                raise UsageError(f"{option}: {value} is not a number above 0")
        if self.rate is not None and self.speed != 1.0:
            raise UsageError("--rate: excludes --speed; give one of them")

    def factor(self, rows: int, span_s: float) -> float:
        """Find the factor that divides all times of `rows` rows over `span_s` seconds.

        Raises:
            UsageError: A rate is asked of rows that all arrive at one instant.
        """
        if self.rate is None:
            return self.speed
        if span_s <= 0:
            raise UsageError(
                "--rate: all rows arrive at one instant, so there is no pace to change"
            )
        return self.rate * span_s / (rows - 1)

    def described(self, factor: float) -> dict[str, Any] | None:
        """What a trace's header says of it; None if nothing was changed."""
        if self.rate is not None:
            return {"op": "rate", "rate_per_s": self.rate, "factor": factor}
        return {"op": "speed", "factor": factor} if factor != 1.0 else None

    def applied(self, trace: Trace) -> Trace:
        """The trace at this pace.

        Raises:
            UsageError: The trace is bad, or has no span to change the rate of.
        """
        factor = pace_factor(trace.counted(trace.tally()), self)
        said = self.described(factor)
        if said is None:
            return trace
        resolution_s = trace.header.time_resolution_s
        header = replace(
            trace.header,
            time_resolution_s=None if resolution_s is None else resolution_s / factor,
            transforms=[*trace.header.transforms, said],
        )

        def rows(tally: Tally) -> Iterator[Row]:
            for row in trace.counted(tally):
                if row.arrival_time_s is not None:
                    row.arrival_time_s /= factor
                if row.think_time_s is not None:
                    row.think_time_s /= factor
                yield row

        return trace.changed(header, rows)


def pace_factor(rows: Iterator[Row], pace: Pace) -> float:
    """Find the factor on time; only a rate reads the rows, to count them.

    Raises:
        UsageError: Rows are bad, or have no span to change the rate of.
    """
    if pace.rate is None:
        return pace.speed
    number, first_s, last_s = 0, 0.0, 0.0
    for row in rows:
        if row.arrival_time_s is not None:
            last_s = row.arrival_time_s
            first_s = first_s if number else last_s
            number += 1
    return pace.factor(number, last_s - first_s)


def select(rows: Iterator[Row], selection: Selection) -> Iterator[Row]:
    """The selected rows with their arrivals unchanged; reading stops as soon as possible.

    A row without an arrival time waits for others. It goes with its session: it is taken where a
    row of that was. Without a session it goes with the row before it.
    """
    return rows if selection.described() is None else _selected(rows, selection)


def _selected(rows: Iterator[Row], selection: Selection) -> Iterator[Row]:
    taken, inside = 0, False
    begun: set[str] = set()
    for row in rows:
        at_s = row.arrival_time_s
        if at_s is None:
            if not (inside if row.session_id is None else row.session_id in begun):
                continue
        elif selection.start_s is not None and at_s < selection.start_s:
            inside = False
            continue
        elif selection.end_s is not None and at_s >= selection.end_s:
            return
        inside = selection.limit is None or taken < selection.limit
        if inside:
            taken += 1
            if row.session_id is not None:
                begun.add(row.session_id)
        elif selection.cut_sessions or not begun:
            return
        elif row.session_id not in begun:
            continue
        yield row


def _shifted(time_origin: str | None, start_s: float) -> str | None:
    if time_origin is None or not start_s:
        return time_origin
    return instant_text(instant_ns(time_origin.encode()) + round(start_s * _NS_PER_S))
