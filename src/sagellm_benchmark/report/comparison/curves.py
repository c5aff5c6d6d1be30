"""The curves of a comparison: distributions over each other, and percentiles over time.

The samples of each side come in; charts go out as SVG, each with the same numbers as a table, for
those who cannot see them or want to copy them. A distribution is the share at or below a value: no
bin hides anything. What no side measured has no chart.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sagellm_benchmark.report import axis, figures
from sagellm_benchmark.report.chart import Frame, Line, Points, chart
from sagellm_benchmark.report.comparison.figures import LABELS
from sagellm_benchmark.report.comparison.samples import Distribution, Samples

COLOURS = 8
"""Styles of lines; further sides begin again."""

_FRAME = Frame(560, 300)
_STEPS = 360
_SPANS_DECADES = 30
_FAR = 0.4  # a curve that begins beyond this share of the axis gets an axis that does too
_WINDOWS = 30
_LEAST_REQUESTS = 10
_SHARES = {"p5": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p90": 0.9, "p95": 0.95, "p99": 0.99}
_READINGS = {
    "ttft_ms": "sent to first token",
    "itl_ms": "between tokens",
    "tpot_ms": "a token, after the first; one value a request",
    "e2e_ms": "sent to last token",
}
_OVER_TIME = (("ttft_ms", 50), ("ttft_ms", 95), ("e2e_ms", 50), ("e2e_ms", 95))


@dataclass(frozen=True)
class Curve:
    """One chart with its table.

    Attributes:
        title: What it shows.
        reading: How to read it.
        drawing: SVG.
        headings: Of the table.
        rows: Of the table, a heading of its own in front.
    """

    title: str
    reading: str
    drawing: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def style(place: int) -> str:
    """The class of a side's line."""
    return f"s{place % COLOURS + 1}"


def curves(letters: Sequence[str], samples: Sequence[Samples]) -> list[Curve]:
    """Draw what there is to draw.

    Args:
        letters: Of the sides.
        samples: Of the sides, as many.
    """
    return [*_distributions(letters, samples), *_over_time(letters, samples)]


def _distributions(letters: Sequence[str], samples: Sequence[Samples]) -> Iterator[Curve]:
    for name, meaning in _READINGS.items():
        known = {
            place: each.distributions[name]
            for place, each in enumerate(samples)
            if name in each.distributions
        }
        if known:
            yield _distribution(name, meaning, letters, known)


def _distribution(
    name: str, meaning: str, letters: Sequence[str], known: dict[int, Distribution]
) -> Curve:
    title = f"{LABELS[name]}: {meaning}"
    low = min(float(one.values[0]) for one in known.values())
    high = max(float(one.values[-1]) for one in known.values())
    x = _values_axis(low, high)
    y = axis.percent_axis("share at or below")
    bounds = np.array([x.value(step / _STEPS) for step in range(_STEPS + 1)])
    lines = [
        Line(style(place), _corners(bounds, one.share(bounds)), steps=True)
        for place, one in known.items()
    ]
    told = [
        (letters[place], *(figures.measure(one.quantile(s)) for s in _SHARES.values()))
        for place, one in known.items()
    ]
    summary = "; ".join(f"{row[0]}: p50 {row[3]} ms, p99 {row[7]} ms" for row in told)
    counts = ", ".join(f"{letters[place]} {one.count:,}" for place, one in known.items())
    return Curve(
        title=title,
        reading=f"Share of values at or below; further left is faster. n: {counts}",
        drawing=chart(title, summary, (x, y), lines, _FRAME),
        headings=("ms", *_SHARES),
        rows=tuple(told),
    )


def _values_axis(low: float, high: float) -> axis.Axis:
    if low > 0 and high > low * _SPANS_DECADES:
        return axis.log_axis("ms", low, high, axis.number)
    if low < _FAR * high or low == high:
        return axis.linear_axis("ms", high or 1.0, axis.number)
    step = axis.round_step((high - low) / 5)
    first, last = math.floor(low / step), math.ceil(high / step)
    ticks = tuple((at * step, axis.number(at * step)) for at in range(first, last + 1))
    return axis.Axis("ms", first * step, last * step, ticks)


def _corners(bounds: np.ndarray, shares: np.ndarray) -> list[tuple[float, float]]:
    """Only where the share changes, and the end: a flat stretch is one line."""
    changes = np.flatnonzero(np.diff(shares, prepend=-1.0))
    kept = np.unique([*changes.tolist(), len(bounds) - 1])
    return [(float(bounds[at]), float(shares[at])) for at in kept]


def _over_time(letters: Sequence[str], samples: Sequence[Samples]) -> Iterator[Curve]:
    width_s = _window(samples)
    if width_s is None:
        return
    for name, percent in _OVER_TIME:
        lines = [_percentiles(each, name, percent, width_s) for each in samples]
        if any(len(points) > 1 for points in lines):
            yield _timeline(name, percent, width_s, letters, lines)


def _window(samples: Sequence[Samples]) -> float | None:
    """Seconds of a window: some dozens of them, each with requests enough."""
    known = [each.sent_s for each in samples if each.sent_s.size]
    spans = [float(sent_s.max()) for sent_s in known]
    if not spans or min(spans) <= 0:
        return None
    slowest = max(span / sent_s.size for span, sent_s in zip(spans, known, strict=True))
    return axis.round_seconds(max(max(spans) / _WINDOWS, _LEAST_REQUESTS * slowest))


def _percentiles(samples: Samples, name: str, percent: int, width_s: float) -> Points:
    """The percentile of the requests sent in each window that has some, at its middle."""
    values, sent_s = samples.latencies[name], samples.sent_s
    known = ~np.isnan(values)
    windows = (sent_s[known] / width_s).astype(np.int64)
    order = np.argsort(windows, kind="stable")
    ordered, cut = values[known][order], np.flatnonzero(np.diff(windows[order])) + 1
    found = []
    for part, window in zip(
        np.split(ordered, cut), windows[order][[0, *cut]] if ordered.size else (), strict=False
    ):
        found.append(((float(window) + 0.5) * width_s, float(np.percentile(part, percent))))
    return found


def _timeline(
    name: str, percent: int, width_s: float, letters: Sequence[str], lines: Sequence[Points]
) -> Curve:
    title = f"{LABELS[name]} p{percent} over time"
    last_s = max(points[-1][0] for points in lines if points) + width_s / 2
    x = axis.time_axis("since the run's start", last_s)
    y = axis.linear_axis("ms", max(value for points in lines for _, value in points), axis.number)
    drawn = [Line(style(place), points, dots=_few(points)) for place, points in enumerate(lines)]
    tables = [dict(points) for points in lines]
    times = sorted({at for points in lines for at, _ in points})
    span = figures.duration(width_s)
    summary = "; ".join(
        f"{letter}: {' to '.join(figures.measure(of(told.values())) for of in (min, max))} ms"
        for letter, told in zip(letters, tables, strict=True)
        if told
    )
    return Curve(
        title=title,
        reading=f"Of the requests sent in each {span} of the runs",
        drawing=chart(title, summary, (x, y), drawn, _FRAME),
        headings=("from", *letters),
        rows=tuple(
            (
                figures.duration(max(0.0, at - width_s / 2)),
                *(figures.measure(told.get(at)) for told in tables),
            )
            for at in times
        ),
    )


def _few(points: Points) -> Points:
    """Dots where the line alone would hide how few values stand behind it."""
    return points if len(points) <= 12 else ()
