"""Rates that change over time, and the times that they turn counts into.

In: a rate as a specification writes it: a number, points joined by straight lines, steps, or a
daily wave. Out: a Curve. Its cumulative rate maps a time to the number of requests expected by
then; its inverse maps the n-th arrival of a process of rate 1 to its time (Çinlar's inversion), so
that whatever is bursty or regular at rate 1 stays so at every rate.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from math import inf, sqrt
from typing import Annotated

import msgspec
import numpy as np

from sagellm_benchmark.trace.workload.arithmetic import sine
from sagellm_benchmark.trace.workload.laws import NotNegative, Positive, Strict

Points = Sequence[tuple[float, float]]
"""Seconds and requests per second, in order of time; a second that comes twice is a step."""

_Given = Annotated[list[tuple[NotNegative, NotNegative]], msgspec.Meta(min_length=1)]
_WAVE_POINTS = 288


class Diurnal(Strict):
    """`diurnal`: a sine wave.

    Attributes:
        mean: Requests per second.
        peak_to_trough: The highest rate over the lowest.
        peak_at_s: When the highest comes.
        period_s: From peak to peak.
    """

    mean: Positive
    peak_to_trough: Annotated[float, msgspec.Meta(ge=1)]
    peak_at_s: NotNegative = 50400.0
    period_s: Positive = 86400.0

    def points(self) -> Points:
        """One period; between points, 5 minutes of a day apart, the wave is taken as straight."""
        swing = (self.peak_to_trough - 1.0) / (self.peak_to_trough + 1.0)
        places = np.arange(_WAVE_POINTS + 1) / _WAVE_POINTS
        wave = sine(places - self.peak_at_s / self.period_s + 0.25)
        rates = self.mean * (1.0 + swing * wave)
        return list(zip((places * self.period_s).tolist(), rates.tolist(), strict=True))


class Rate(Strict):
    """A rate that changes.

    Attributes:
        points: `[second, requests/s]`, straight lines between; the last rate stays.
        steps: `[second, requests/s]`; each rate stays until the next.
        diurnal: A daily wave.
        repeat: Begin again behind the last point.
    """

    points: _Given | None = None
    steps: _Given | None = None
    diurnal: Diurnal | None = None
    repeat: bool = False

    def __post_init__(self) -> None:
        if sum(each is not None for each in (self.points, self.steps, self.diurnal)) != 1:
            raise ValueError("needs exactly one of points, steps, diurnal")
        given = self.points or self.steps or []
        times = [second for second, _ in given]
        if times != sorted(times):
            raise ValueError("the seconds are not in order")
        if given and times[0] != 0:
            raise ValueError("the first second must be 0")
        if given and not any(rate for _, rate in given):
            raise ValueError("no rate is above 0")
        if self.repeat and (times[-1:] == [0] or self.diurnal is not None):
            raise ValueError("repeat needs points or steps with a last second above 0")

    def curve(self) -> Curve:
        """The rate as a function of time."""
        if self.diurnal is not None:
            return Curve(self.diurnal.points(), after="repeat")
        points = self.points if self.steps is None else _stairs(self.steps)
        return Curve(points, after="repeat" if self.repeat else "stay")


def _stairs(steps: Points) -> Points:
    rates = [rate for _, rate in steps]
    ends = zip(steps[1:], rates, strict=False)
    corners = [(second, before) for (second, _), before in ends]
    return [steps[0], *(pair for step in zip(corners, steps[1:], strict=True) for pair in step)]


def as_curve(rate: float | Rate) -> Curve:
    """A bare number is a rate that never changes."""
    return rate.curve() if isinstance(rate, Rate) else Curve([(0.0, float(rate))], after="stay")


class Curve:
    """A piecewise linear rate.

    Args:
        points: Its corners; the first is at second 0.
        after: What holds behind the last: its rate stays, all begins again, or nothing arrives.

    Attributes:
        total: Requests expected by the last point.
        end_s: The last point's second.
    """

    def __init__(self, points: Points, *, after: str) -> None:
        self._times = [second for second, _ in points]
        self._rates = [rate for _, rate in points]
        self._sums = [0.0]
        for (start, low), (end, high) in pairwise(points):
            self._sums.append(self._sums[-1] + (low + high) / 2 * (end - start))
        self._after = after
        self.end_s, self.total = self._times[-1], self._sums[-1]

    def scaled(self, factor: float) -> Curve:
        """The same with all rates times a factor."""
        points = [(t, r * factor) for t, r in zip(self._times, self._rates, strict=True)]
        return Curve(points, after=self._after)

    def count(self, second: float) -> float:
        """Requests expected from second 0 up to this one."""
        rounds = 0.0
        if second > self.end_s and self._after == "repeat":
            rounds, second = divmod(second, self.end_s)
        place = bisect_right(self._times, second) - 1
        since, rate = second - self._times[place], self._rates[place]
        if place == len(self._times) - 1:
            more = rate * since if self._after == "stay" else 0.0
            return rounds * self.total + self._sums[place] + more
        slope = self._slope(place)
        return rounds * self.total + self._sums[place] + since * (rate + slope * since / 2)

    def second(self, count: float) -> float:
        """When so many requests are expected to have arrived; infinity for never."""
        base = 0.0
        if count >= self.total:
            if self._after == "end":
                return inf
            if self._after == "stay":
                rate = self._rates[-1]
                return self.end_s + (count - self.total) / rate if rate else inf
            rounds, count = divmod(count, self.total)
            base = rounds * self.end_s
        place = bisect_right(self._sums, count) - 1
        rest, rate = count - self._sums[place], self._rates[place]
        if rest <= 0.0:
            return base + self._times[place]
        # The root of rate * t + slope * t**2 / 2 = rest, in the form that cancels no digits.
        root = sqrt(max(0.0, rate * rate + 2 * self._slope(place) * rest))
        return base + self._times[place] + 2 * rest / (rate + root)

    def _slope(self, place: int) -> float:
        width = self._times[place + 1] - self._times[place]
        return (self._rates[place + 1] - self._rates[place]) / width
