"""The charts of a trace's page: arrivals over time, lengths, gaps, bursts, reuse, sessions.

In: what was observed of one trace or two. Out: each chart as SVG text, with its title and a line on
how to read it. Distributions are drawn as the share at or below a value: no bin hides anything, and
two of them lie over each other. Lengths and times have a logarithmic axis where they span decades.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sagellm_benchmark.report import axis
from sagellm_benchmark.report.axis import Axis
from sagellm_benchmark.report.chart import Frame, Line, chart
from sagellm_benchmark.report.differences import moment
from sagellm_benchmark.report.figures import count, measure, percent
from sagellm_benchmark.trace.samples import Sample
from sagellm_benchmark.trace.statistics import Traffic

_WIDE = Frame(1220, 260)
_SMALL = Frame(400, 270)
_COLUMNS = 340
_BINS = 150
_GRID_BINS = 10
_LEAST_BINS = 20
_WIDTHS_S = (1, 2, 5, 10, 20, 60, 120, 300, 600, 1800, 3600)
_NAMED_S = ((1, "1 s"), (10, "10 s"), (60, "1 min"), (600, "10 min"), (3600, "1 h"))
_NAMED_SHORT_S = ((1, "1 s"), (2, "2 s"), (5, "5 s"))  # of a trace too short for 10 s
_LEAST_WINDOWS = 10
_SPANS_DECADES = 30
_BEYOND = 1.1  # so that a curve is seen to reach 100 %


@dataclass(frozen=True)
class Shown:
    """A trace to draw.

    Attributes:
        name: `a` or `b`.
        traffic: What was observed.
        figures: The same as numbers.
    """

    name: str
    traffic: Traffic
    figures: dict[str, Any]


@dataclass(frozen=True)
class Chart:
    """One chart of the page.

    Attributes:
        title: What it shows.
        reading: How to read it.
        drawings: Its SVG: one, or one for wide screens and one for narrow ones.
    """

    title: str
    reading: str
    drawings: tuple[str, ...]


def charts(shown: Sequence[Shown]) -> tuple[list[Chart], list[str]]:
    """Draw what there is to draw.

    Returns:
        The charts, and what there is nothing to draw of.
    """
    tried = [
        ("arrivals over time", _arrivals(shown)),
        *((part.words, _distribution(part, shown)) for part in _PARTS),
        ("bursts", _bursts(shown)),
        ("prefix blocks", _reuse(shown)),
    ]
    drawn = [drawing for _, drawing in tried if drawing is not None]
    return drawn, [words for words, drawing in tried if drawing is None]


def _arrivals(shown: Sequence[Shown]) -> Chart | None:
    """Requests a second, in windows that are no finer than the trace's own clock."""
    told = [each for each in shown if each.traffic.arrivals.span_s > 0]
    if not told:
        return None
    span_s = max(each.traffic.arrivals.span_s for each in told)
    coarsest_s = max(each.figures["time_resolution_s"] or 0.0 for each in told)
    # Windows of few ticks of a coarse clock hold now one more of them, now one less.
    steady_s = min(_GRID_BINS * coarsest_s, span_s / _LEAST_BINS)
    width_s = axis.round_seconds(max(span_s / _BINS, steady_s, 2 * coarsest_s))
    rates = {each.name: _rates(each.traffic, width_s) for each in told}
    highest = max(rate for points in rates.values() for _, rate in points)
    x = axis.time_axis("since the first arrival", span_s)
    y = axis.linear_axis("requests/s", highest, axis.number)
    lines = [Line(name, points, steps=True, area=True) for name, points in rates.items()]
    summary = "; ".join(
        f"{each.name.upper()}: {measure(each.figures['rate_per_s'])} requests/s in the mean, "
        f"{measure(max(rate for _, rate in rates[each.name]))} at most"
        for each in told
    )
    title, reading = "Arrivals over time", f"Requests a second, in windows of {moment(width_s)}"
    drawings = (chart(title, summary, (x, y), lines, frame) for frame in (_WIDE, _SMALL))
    return Chart(title, reading, tuple(drawings))


def _rates(traffic: Traffic, width_s: float) -> list[tuple[float, float]]:
    """Where the rate changes; the last window is as long as the trace goes on."""
    times, span_s = traffic.arrivals.times_s, traffic.arrivals.span_s
    whole = max(1, round(span_s / width_s))
    edges = np.arange(whole + 1) * width_s
    edges[-1] = span_s
    # Rounding up moves what lies on an edge, give or take a clock's error, into one window.
    counts, _ = np.histogram(times, np.append(edges[:-1], np.inf))
    rates = counts / np.diff(edges)
    return [*zip(edges.tolist(), rates.tolist(), strict=False), (span_s, float(rates[-1]))]


@dataclass(frozen=True)
class _Part:
    """A distribution that a trace may have.

    Attributes:
        words: What it is called where there is none.
        title: The chart's.
        reading: How to read it.
        label: Of the axis of values.
        sample: Takes it of what was observed.
        show: A value on the axis.
        tell: A value in words.
    """

    words: str
    title: str
    reading: str
    label: str
    sample: Callable[[Traffic], Sample]
    show: axis.Show
    tell: axis.Show


_SHARE = "share of {} at or below a value"
_PARTS = (
    _Part(
        *("gaps", "Gaps between arrivals", _SHARE.format("gaps"), "gap"),
        *(lambda traffic: traffic.arrivals.gaps(), axis.seconds, moment),
    ),
    _Part(
        *("input lengths", "Input lengths", _SHARE.format("requests"), "input tokens"),
        *(lambda traffic: traffic.inputs.sample(), axis.number, count),
    ),
    _Part(
        *("output lengths", "Output lengths", _SHARE.format("requests"), "output tokens"),
        *(lambda traffic: traffic.outputs.sample(), axis.number, count),
    ),
    _Part(
        *("sessions", "Turns of a session", _SHARE.format("sessions"), "turns"),
        *(lambda traffic: traffic.sessions.turns(), axis.number, count),
    ),
    _Part(
        *("think times", "Think times", _SHARE.format("think times"), "think time"),
        *(lambda traffic: traffic.sessions.think_times(), axis.seconds, moment),
    ),
)


def _distribution(part: _Part, shown: Sequence[Shown]) -> Chart | None:
    samples = {each.name: part.sample(each.traffic) for each in shown}
    known = {name: sample for name, sample in samples.items() if sample.size}
    positive = [sample.values[sample.values > 0] for sample in known.values()]
    above = np.concatenate([*positive, []])
    if not above.size:
        return None
    x = _values_axis(part, float(above.min()), float(above.max()))
    y = axis.percent_axis("share")
    bounds = np.array([x.value(place / _COLUMNS) for place in range(_COLUMNS + 1)])
    lines = [
        Line(name, _corners(bounds, sample.upto(bounds)), steps=True)
        for name, sample in known.items()
    ]
    zeros = {name: sample.share_upto(0.0) for name, sample in known.items()}
    summary = "; ".join(
        f"{name.upper()}: p50 {part.tell(sample.quantile(0.5))}, "
        f"p99 {part.tell(sample.quantile(0.99))}"
        for name, sample in known.items()
    )
    reading = part.reading[0].upper() + part.reading[1:]
    if any(zeros.values()):
        whose = {name: f" of {name.upper()}" if len(shown) > 1 else "" for name in zeros}
        at_zero = (f"{percent(share)}{whose[name]}" for name, share in zeros.items() if share)
        reading += f"; {' and '.join(at_zero)} are 0"
    return Chart(part.title, reading, (chart(part.title, summary, (x, y), lines, _SMALL),))


def _values_axis(part: _Part, low: float, high: float) -> Axis:
    if high > low * _SPANS_DECADES:
        return axis.log_axis(part.label, low, high * _BEYOND, part.show)
    return axis.linear_axis(part.label, high * _BEYOND, part.show)


def _corners(bounds: Any, shares: Any) -> list[tuple[float, float]]:
    """Only where the share changes, and the ends: a flat stretch is one line."""
    changes = np.flatnonzero(np.diff(shares, prepend=-1.0))
    kept = np.unique([*changes, len(bounds) - 1])
    return [(float(bounds[at]), float(shares[at])) for at in kept]


def _bursts(shown: Sequence[Shown]) -> Chart | None:
    points = {each.name: _dispersions(each.traffic) for each in shown}
    known = {name: line for name, line in points.items() if line}
    if not known:
        return None
    values = [value for line in known.values() for _, value in line] + [1.0]
    widths = [width for line in known.values() for width, _ in line]
    low, high = max(min(values), 0.01), max(values)
    named = _NAMED_S if max(widths) >= 10 else _NAMED_SHORT_S
    x = axis.marked_axis("window", min(widths), max(widths), named)
    y = axis.log_axis("variance/mean", *_decades(low, high), axis.number)
    lines = [Line(name, line, dots=line) for name, line in known.items()]
    summary = "; ".join(
        f"{name.upper()}: {', '.join(f'{measure(value)} in {moment(w)}' for w, value in line)}"
        for name, line in known.items()
    )
    title = "Bursts"
    reading = "Dispersion: variance over mean of counts in windows"
    drawing = chart(title, summary, (x, y), lines, _SMALL, level=(1.0, "Poisson"))
    return Chart(title, reading, (drawing,))


def _dispersions(traffic: Traffic) -> list[tuple[float, float]]:
    arrivals = traffic.arrivals
    widths = [w for w in _WIDTHS_S if arrivals.whole_windows(w) >= _LEAST_WINDOWS]
    told = [(float(width), arrivals.dispersion(width)) for width in widths]
    return [(width, value) for width, value in told if value is not None]


def _decades(low: float, high: float) -> tuple[float, float]:
    """Whole decades around two values."""
    return 10.0 ** math.floor(math.log10(low)), 10.0 ** math.ceil(math.log10(high * 1.001))


def _reuse(shown: Sequence[Shown]) -> Chart | None:
    known = [each for each in shown if each.figures["prefix_hit"] is not None]
    if not known:
        return None
    blocks = {each.name: each.traffic.reuse for each in known}
    least = min(reuse.block_size for reuse in blocks.values())
    most = max(reuse.block_size * reuse.distinct for reuse in blocks.values())
    x = axis.log_axis("tokens held by the cache", least, most, axis.number)
    places = [x.value(place / _COLUMNS) for place in range(_COLUMNS + 1)]
    lines, told = [], []
    for each in known:
        reuse, cache = each.traffic.reuse, each.figures["prefix_cache"]
        sizes = [round(tokens / reuse.block_size) for tokens in places]
        hits = [hits.token for hits in reuse.curve(sizes)]
        marked = [(float(one["tokens"]), one["token"]) for one in cache["lru"]]
        inside = [dot for dot in marked if least <= dot[0] <= most]
        lines.append(Line(each.name, list(zip(places, hits, strict=True)), dots=inside))
        told.append(f"{each.name.upper()}: {percent(hits[-1])} without a bound")
    title = "Prefix reuse"
    reading = "Share of input tokens that a cache of so many tokens would hold (LRU)"
    y = axis.percent_axis("of input tokens", max(y for line in lines for _, y in line.points))
    return Chart(title, reading, (chart(title, "; ".join(told), (x, y), lines, _SMALL),))
