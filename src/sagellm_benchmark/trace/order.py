"""Rows in order of time, with bounded memory.

In: `(nanoseconds or None, row)` as a file has them. Out: the same pairs, stably sorted by time; a
row without a time (it waits for others) keeps its place behind the row before it. A row may be up
to `window` rows out of place; farther than that the file is refused rather than held in memory
whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, pairwise
from operator import gt, itemgetter
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
    times: list[int] = []
    held: list[Timed] = []
    read = emitted = -1
    while block := list(islice(timed, window)):
        fresh = _filled([time_ns for time_ns, _ in block], read)
        inversions = sum(map(gt, [read, *fresh], fresh))
        crooked = inversions or (times and times[-1] > fresh[0])  # what is held is in order
        tally.inversions += inversions
        read = fresh[-1]
        times += fresh
        held += block
        if crooked:
            # Stable: what a file has at one time stays in the file's order.
            pairs = sorted(zip(times, held, strict=True), key=itemgetter(0))
            times, held = [time for time, _ in pairs], [each for _, each in pairs]
        done = len(held) - window
        if done > 0:
            if times[0] < emitted:
                raise InputError(
                    f"row {held[0][1].source_row} is earlier than a row over {window} rows before "
                    "it; sort the file by time first",
                    path,
                )
            yield from held[:done]
            emitted = times[done - 1]
            del times[:done], held[:done]
    yield from held


def _filled(times: list[int | None], last: int) -> list[int]:
    """Give a row without a time the one of the row before it, so that it stays behind that row."""
    if None not in times:
        return times  # type: ignore[return-value]
    return [last := last if time is None else time for time in times]


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
