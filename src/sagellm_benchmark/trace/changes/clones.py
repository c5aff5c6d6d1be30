"""More load of the same kind: copies of a trace laid over it, each shifted in time.

In: a Trace. Out: its rows and those of its copies, in order of time. A copy is turned in a circle:
what is shifted beyond the end comes at the start, a family of sessions whole. That keeps the bursts
and lulls of each copy, and so the index of dispersion, which a shift of each session for itself
would wash out; of a few random shifts the one counts that keeps it best. Copies have ids and
private block ids of their own, and share the system prefixes with the rest.

Memory: one count a second of the trace, the block ids, the ids of sessions. The file is read once
to know it, and then 2K - 1 times side by side.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.changes.change import in_time, noted
from sagellm_benchmark.trace.changes.families import Families
from sagellm_benchmark.trace.changes.profile import Profile
from sagellm_benchmark.trace.changes.shared import SharedBlocks
from sagellm_benchmark.trace.changes.words import fraction, word
from sagellm_benchmark.trace.row import Row
from sagellm_benchmark.trace.source import Trace
from sagellm_benchmark.trace.tally import Tally

_CANDIDATES = 24
_MOST = 1000


@dataclass(frozen=True)
class Clone:
    """Lay copies over a trace.

    Attributes:
        times: How many times the load is to be there, the trace itself counted.
        seed: Of the shifts.
    """

    times: int
    seed: int = 0

    def __post_init__(self) -> None:
        if not 2 <= self.times <= _MOST:
            raise UsageError(f"--clone: {self.times} is not 2 to {_MOST}")

    def applied(self, trace: Trace) -> Trace:
        """The trace with its copies.

        Raises:
            UsageError: All rows arrive at one instant, so that there is nothing to shift.
        """
        waits = trace.waits
        profile, blocks = Profile(), SharedBlocks(trace.header)
        families = Families(waits=waits)
        for row in trace.counted(trace.tally()):
            profile.add(row)
            blocks.add(row, families.of(row))
        if profile.span_s <= 0:
            raise UsageError("--clone: all rows arrive at one instant: nothing to shift")
        shared = blocks.found()
        shifts = self._shifts(profile)
        header = noted(
            trace.header, "clone", times=self.times, seed=self.seed, shifts_s=shifts,
            shared_blocks=len(shared) if trace.header.block_size is not None else None,
        )  # fmt: skip

        def rows(tally: Tally) -> Iterator[Row]:
            passes = [_private(trace.counted(tally), 0, self.times, shared)]
            for number, shift_s in enumerate(shifts, 1):
                turn = _Turn(profile.first_s, profile.period_s, shift_s)
                for wrapped in (True, False):
                    source = turn.part(
                        trace.counted(trace.tally()), Families(waits=waits), wrapped=wrapped
                    )
                    copies = _copied(source, number)
                    passes.append(_private(copies, number, self.times, shared))
            for row in in_time(passes):
                if row.clone_index is not None:
                    tally.add("clone")
                yield row

        return trace.changed(header, rows)

    def _shifts(self, profile: Profile) -> list[float]:
        """A shift for each copy, drawn to keep the dispersion of all copies so far."""
        start, overlay = word("clone", self.seed), profile.counts()
        shifts = []
        for copy in range(self.times - 1):
            numbers = range(copy * _CANDIDATES, (copy + 1) * _CANDIDATES)
            drawn = [round(fraction(start, n) * profile.period_s, 6) for n in numbers]
            best = min(drawn, key=overlay.distortion)
            overlay.add(best)
            shifts.append(best)
        return shifts


@dataclass(frozen=True)
class _Turn:
    """A shift on the circle from the first arrival through one period."""

    first_s: float
    period_s: float
    shift_s: float

    def part(self, rows: Iterator[Row], families: Families, *, wrapped: bool) -> Iterator[Row]:
        """The rows of the families that begin within the last `shift_s`, or those of the others."""
        moved_s = self.shift_s - self.period_s if wrapped else self.shift_s
        edge_s = self.first_s + self.period_s - self.shift_s
        early: set[str] = set()
        for row in rows:
            family = families.of(row)
            begins_early = family in early or (
                row.arrival_time_s is not None and row.arrival_time_s < edge_s
            )
            if begins_early and (row.session_id is not None or row.depends_on):
                early.add(family)
            if begins_early != wrapped:
                if row.arrival_time_s is not None:
                    row.arrival_time_s = max(0.0, round(row.arrival_time_s + moved_s, 6))
                yield row


def _copied(rows: Iterator[Row], number: int) -> Iterator[Row]:
    """Give a copy's rows ids of their own."""
    for row in rows:
        row.clone_of, row.clone_index = row.request_id, number
        row.request_id = f"{row.request_id}~{number}"
        row.depends_on = [f"{name}~{number}" for name in row.depends_on]
        for name in ("session_id", "user_id"):
            if (value := getattr(row, name)) is not None:
                setattr(row, name, f"{value}~{number}")
        yield row


def _private(rows: Iterator[Row], number: int, times: int, shared: set[int]) -> Iterator[Row]:
    """Give a copy block ids of its own: `id * times + copy`, the shared ones `id * times`."""
    for row in rows:
        if row.prefix_block_ids is not None:
            row.prefix_block_ids = [
                each * times + (0 if each in shared else number) for each in row.prefix_block_ids
            ]
        yield row
