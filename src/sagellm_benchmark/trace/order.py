"""Rows in order of time, with bounded memory.

In: `(nanoseconds or None, row)` as a file has them. Out: the same pairs, stably sorted by time; a
row without a time (it waits for others) keeps its place behind the row before it. A row may be up
to `window` rows out of place; farther than that the file is refused rather than held in memory
whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path
from statistics import median

from sagellm_benchmark.errors import InputError
from sagellm_benchmark.trace.row import Row
from sagellm_benchmark.trace.tally import Tally

Timed = tuple[int | None, Row]
"""A row and its time on the source's clock, in nanoseconds."""

_MIN_STEPS = 3
_COARSE_NS = 100_000_000


def in_order(timed: Iterator[Timed], window: int, tally: Tally, path: Path) -> Iterator[Timed]:
    """Sort by time within a window of rows, and count the inversions.

    Raises:
        InputError: A row is earlier than one that came more than `window` rows before it.
    """
    numbered = _numbered(timed, tally)
    pending: list[tuple[int, int, int | None, Row]] = []
    emitted = -1
    while block := list(islice(numbered, window)):
        pending += block
        pending.sort()
        ready, pending = pending[:-window], pending[-window:]
        if ready and ready[0][0] < emitted:
            raise InputError(
                f"row {ready[0][3].source_row} is earlier than a row over {window} rows before it; "
                "sort the file by time first",
                path,
            )
        for key, _, time_ns, row in ready:
            emitted = key
            yield time_ns, row
    yield from ((time_ns, row) for _, _, time_ns, row in pending)


def _numbered(timed: Iterator[Timed], tally: Tally) -> Iterator[tuple[int, int, int | None, Row]]:
    key = -1
    for number, (time_ns, row) in enumerate(timed, 1):
        if time_ns is not None:
            if time_ns < key:
                tally.inversions += 1
            key = time_ns
        yield key, number, time_ns, row


def grid_s(times_ns: list[int]) -> float | None:
    """Find the coarse grid that sorted times lie on, in seconds; None if there is none.

    A recorder that flushes every few seconds leaves most rows tied and the gaps between the rest
    near multiples of one step (Mooncake: 2,999 to 3,001 ms).
    """
    gaps = [late - early for early, late in pairwise(times_ns)]
    steps = [gap for gap in gaps if gap]
    if len(steps) < _MIN_STEPS or len(steps) > len(gaps) / 2:
        return None
    step = median(steps)
    if step < _COARSE_NS or any(_off(gap / step) > 0.02 for gap in steps):
        return None
    slots = sum(max(1, round(gap / step)) for gap in steps)
    return round(sum(steps) / slots / 1e9, 3)


def _off(multiple: float) -> float:
    """How far from a whole number of steps, as a share of it."""
    whole = max(1, round(multiple))
    return abs(multiple - whole) / whole
