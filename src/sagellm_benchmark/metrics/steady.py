"""The steady part of a run: ramp and drain found and left out, or the reason why there is none.

A table of all requests in, a window of whole slices of time out. What is looked at is how many
requests were in flight: the window lies between the first and the last slice in which that reached
its typical number, and it counts only if that number did not move inside it. The same records give
the same window, in whatever order they came; ten million take seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

METHOD = "in-flight plateau"

LEAST_SENT = 50
"""Under this many requests sent there is no telling a plateau from chance."""

LEAST_SLICES = 16
"""Nor in fewer slices of time than this."""

REACHED = 0.9
"""From this share of its median on, a number in flight is the typical one."""

MOVED = 0.25
"""A mean in flight of the last third that differs from the first third's by more than this share of
the window's mean has moved, if ..."""

STRAIGHT = 0.7
"""... the means of nine equal parts also lie on a line that well (correlation with time): bursts
come and go, a queue that grows only grows."""

BEHIND = 2.0
"""Requests that stay on the wire so many times as long in the last third of the sending as in the
first: the target fell behind. By Little's law the time is the number in flight over the rate."""

_PARTS = 9


@dataclass(frozen=True, slots=True)
class Window:
    """Where a run was steady: [start_s, end_s) in seconds of the run."""

    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Unsteady:
    """Why there is no such window.

    Attributes:
        reason: In words.
        fell_behind: The target took longer and longer at an even rate of requests.
    """

    reason: str
    fell_behind: bool = False


def find_window(table: np.ndarray, width_s: float) -> Window | Unsteady:
    """Find the steady window of a run.

    Args:
        table: All rows of the run. Warm-up is in flight like any other request, but the window lies
            where the others were sent.
        width_s: Width of a slice; window edges are multiples of it.
    """
    flown = ~np.isnan(table["sent"])
    all_sent, all_ended = np.maximum(table["sent"][flown], 0.0), table["ended"][flown]
    sent = all_sent[~table["warmup"][flown]]
    if sent.size < LEAST_SENT:
        return Unsteady(f"{sent.size} requests were sent, {LEAST_SENT} are needed")
    low, high = int(np.ceil(sent.min() / width_s)), int(sent.max() // width_s)
    if high - low < LEAST_SLICES:
        span_s = float(sent.max() - sent.min())
        return Unsteady(f"all were sent within {span_s:.3g} s, too short a time to tell")
    level = in_flight(all_sent, all_ended, width_s, high)[low:]
    typical = np.flatnonzero(level >= REACHED * np.median(level))
    start, end = int(typical[0]), int(typical[-1]) + 1
    if not _moved(level[start:end]):
        return Window((low + start) * width_s, (low + end) * width_s)
    begun = np.bincount((all_sent / width_s).astype(np.int64))[low:high]
    if _fell_behind(level, begun):
        return Unsteady(f"the target fell behind: requests in flight grew {_ends(level)}", True)
    return Unsteady(f"the number of requests in flight went {_ends(level[start:end])}")


def in_flight(sent: np.ndarray, ended: np.ndarray, width_s: float, slices: int) -> np.ndarray:
    """The mean number of requests in flight in each slice [k, k+1) x `width_s` of the run.

    Args:
        sent: When each was sent, seconds.
        ended: When each ended, seconds.
        width_s: Width of a slice.
        slices: How many.

    Returns:
        Shape (slices,).
    """
    return _passed(sent, width_s, slices) - _passed(ended, width_s, slices)


def _passed(times_s: np.ndarray, width_s: float, slices: int) -> np.ndarray:
    """Of each slice, how many of the times lay before an instant in it, on average."""
    position = np.clip(times_s / width_s, 0, slices)
    number = position.astype(np.int64)
    inside = np.bincount(number, weights=number + 1 - position, minlength=slices + 1)
    passed = np.bincount(number, minlength=slices + 1)
    return (np.cumsum(passed) - passed + inside)[:slices]


def _moved(level: np.ndarray) -> bool:
    """Whether the level grew or fell for good."""
    third = level.size // 3
    change = float(level[-third:].mean() - level[:third].mean())
    if abs(change) <= MOVED * float(level.mean()):
        return False
    parts = [float(part.mean()) for part in np.array_split(level, _PARTS)]
    return abs(float(np.corrcoef(parts, np.arange(_PARTS))[0, 1])) > STRAIGHT


def _fell_behind(level: np.ndarray, begun: np.ndarray) -> bool:
    third = level.size // 3
    first = level[:third].sum() / max(begun[:third].sum(), 1)
    last = level[-third:].sum() / max(begun[-third:].sum(), 1)
    return bool(last > BEHIND * first)


def _ends(level: np.ndarray) -> str:
    parts = np.array_split(level, _PARTS)
    means = (float(part.mean()) for part in (parts[0], parts[-1]))
    return "from {} to {}".format(*(f"{n:,.0f}" if n >= 10 else f"{n:.1f}" for n in means))
