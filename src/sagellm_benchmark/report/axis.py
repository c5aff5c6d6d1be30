"""Axes: from values to pixels, with ticks at round numbers and their units in words.

In: the least and the greatest value, and what they are. Out: an axis that places values between 0
and 1 and knows its ticks. Few ticks with short labels, so that a chart of 400 pixels holds them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Show = Callable[[float], str]

_ROUND_S = (
    *(step * 10.0**power for power in range(-6, 1) for step in (1, 2, 5)),
    *(10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 14400.0),
    *(21600.0, 43200.0, 86400.0, 172800.0, 604800.0),
)
_UNITS = ((86400.0, "days", 5), (3600.0, "hours", 4), (60.0, "minutes", 4))
_MOST_TICKS = 6


@dataclass(frozen=True)
class Axis:
    """One axis of a chart.

    Attributes:
        label: What it shows, and its unit.
        low: The value at 0.
        high: The value at 1.
        ticks: Values and their texts.
        log: Equal steps are equal factors.
    """

    label: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    log: bool = False

    def place(self, value: float) -> float:
        """Where a value lies, held between 0 and 1; NaN lies nowhere, and stays NaN."""
        if math.isnan(value):
            return value
        if self.log:
            share = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return min(1.0, max(0.0, share))

    def value(self, place: float) -> float:
        """What lies at a place."""
        if self.log:
            return self.low * (self.high / self.low) ** place
        return self.low + (self.high - self.low) * place


def percent_axis(label: str, high: float = 1.0) -> Axis:
    """Shares of 1, in percent, up to 25, 50, 75 or 100 of them."""
    quarters = max(1, math.ceil(high * 4 - 1e-9))
    step = quarters / 4 / (5 if quarters == 1 else quarters if quarters > 2 else 2)
    many = round(quarters / 4 / step)
    ticks = tuple((at * step, f"{100 * at * step:g} %") for at in range(many + 1))
    return Axis(label, 0.0, quarters / 4, ticks)


def linear_axis(label: str, high: float, show: Show) -> Axis:
    """From 0 to a round number."""
    step = round_step(high / 4)
    steps = max(1, math.ceil(high / step - 1e-9))
    ticks = tuple((at * step, show(at * step)) for at in range(steps + 1))
    return Axis(label, 0.0, steps * step, ticks)


def time_axis(label: str, span_s: float) -> Axis:
    """From 0 to a span, in the largest unit of which it has a few."""
    unit, word = next(
        ((unit, word) for unit, word, least in _UNITS if span_s >= least * unit), (1.0, "seconds")
    )
    step = round_step(span_s / unit / 6) * unit
    if unit != 1.0 and word != "days":
        step = round_seconds(span_s / 6)
    many = int(span_s / step + 1e-9)
    ticks = tuple((at * step, number(at * step / unit)) for at in range(many + 1))
    return Axis(f"{word} {label}", 0.0, span_s, ticks)


def log_axis(label: str, low: float, high: float, show: Show) -> Axis:
    """Factors, a decade at least, with ticks at powers of ten and between where those are few."""
    if high < 10 * low:
        middle = math.sqrt(low * high)
        low, high = middle / math.sqrt(10), middle * math.sqrt(10)
    first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    for steps in ((1, 2, 5), (1, 3), (1,)):
        ticks = _log_ticks(low, high, [(step, power) for power in range(first, last + 1)
                                       for step in steps])  # fmt: skip
        if len(ticks) <= _MOST_TICKS:
            break
    every = math.ceil(len(ticks) / _MOST_TICKS)
    return Axis(label, low, high, tuple((at, show(at)) for at in ticks[::every]), log=True)


def marked_axis(label: str, low: float, high: float, marks: Sequence[tuple[float, str]]) -> Axis:
    """Factors, with ticks at these values."""
    if high <= low:
        low, high = low / 2, high * 2
    ticks = tuple((value, text) for value, text in marks if low <= value <= high)
    return Axis(label, low, high, ticks, log=True)


def _log_ticks(low: float, high: float, steps: list[tuple[int, int]]) -> list[float]:
    values = (step * 10.0**power for step, power in steps)
    return [value for value in values if low * 0.999 <= value <= high * 1.001]


def round_step(least: float) -> float:
    """The next of 1, 2, 5, 10, … (and parts of 1) that is not smaller."""
    if least <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least * (1 - 1e-9))


def round_seconds(least: float) -> float:
    """The next round number of seconds, minutes, hours or days that is not smaller."""
    return next((step for step in _ROUND_S if step >= least * (1 - 1e-9)), round_step(least))


def number(value: float) -> str:
    """A tick's number: 0.5, 20, 1k, 250k, 3M."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{unit}"
    return f"{value:.4g}"


def seconds(value: float) -> str:
    """A tick's time: 10 µs, 500 ms, 30 s, 1,000 s."""
    for size, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")):
        if value >= size * 0.9999:
            return f"{value / size:,.4g} {unit}"
    return "0"
