"""A chart as SVG text: axes, lines, bands, and spans of x that are shaded or tell what is there.

In: axes and points. Out: one `<svg>` whose colours and fonts come from the page's style, so that it
is right in light and in dark. Every text is escaped; a reader that cannot see it gets the title and
a summary in words. Where a value is NaN a line is broken: nothing is drawn of what nobody measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from sagellm_benchmark.report.axis import Axis

Points = Sequence[tuple[float, float]]

_RIGHT, _TOP, _BOTTOM = 20.0, 24.0, 42.0
_MARK_ROWS = 3
_MARK_HEIGHT = 14.0


@dataclass(frozen=True)
class Line:
    """A line over x.

    Attributes:
        name: Its class in the style, such as `a` or `s1`.
        points: Values along x, ascending, with their values along y.
        steps: From one point to the next it stays as it is; else it goes straight there.
        area: What is below is shaded.
        dots: Points that are marked.
    """

    name: str
    points: Points
    steps: bool = False
    area: bool = False
    dots: Points = ()


@dataclass(frozen=True)
class Band:
    """What lies between two values along x.

    Attributes:
        name: Its class in the style.
        points: x, and the lower and the upper value there; x ascends.
        steps: From one x to the next both stay as they are.
        style: Its other class: `band`, `far` for what is rarer, `stack` for one on the other.
    """

    name: str
    points: Sequence[tuple[float, float, float]]
    steps: bool = False
    style: str = "band"


@dataclass(frozen=True)
class Span:
    """A part of x, from top to bottom.

    Attributes:
        style: Its class: `shade`, `steady`, `stall`, or `hover`, which only tells its title.
        start: Where it begins.
        end: Where it ends.
        title: What a pointer over it reads.
        label: What stands in it, if anything.
    """

    style: str
    start: float
    end: float
    title: str
    label: str = ""


@dataclass(frozen=True)
class Frame:
    """Size of a chart, in the pixels of its own drawing, and the room for the texts of y."""

    width: float
    height: float
    left: float = 46.0

    def x(self, place: float) -> float:
        """Where a place between 0 and 1 lies."""
        return self.left + place * (self.width - self.left - _RIGHT)

    def y(self, place: float) -> float:
        """The same upwards."""
        return self.height - _BOTTOM - place * (self.height - _TOP - _BOTTOM)


def chart(
    title: str,
    summary: str,
    axes: tuple[Axis, Axis],
    lines: Sequence[Line],
    frame: Frame,
    level: tuple[float, str] | None = None,
    *,
    bands: Sequence[Band] = (),
    spans: Sequence[Span] = (),
    marks: Sequence[tuple[float, str]] = (),
) -> str:
    """Draw a chart.

    Args:
        title: What it shows.
        summary: The same in words and numbers, for those who cannot see it.
        axes: x and y.
        lines: Drawn one over the other.
        frame: How large.
        level: A value of y to mark, and what it is.
        bands: Drawn below the lines, one over the other.
        spans: Parts of x; those to hover over lie on top, the others below all else.
        marks: Values of x to mark, and what each is.
    """
    x, y = axes
    parts = [part for span in spans if span.style != "hover" for part in _span(span, x, frame)]
    parts += _grid(x, y, frame)
    parts += [part for band in bands for part in _band(band, axes, frame)]
    if level is not None:
        parts += _level(level, y, frame)
    parts += _marks(marks, x, frame)
    for line in lines:
        placed = [(frame.x(x.place(one)), frame.y(y.place(other))) for one, other in line.points]
        parts += _drawn(line, placed, frame)
        for one, other in line.dots:
            at = f'cx="{frame.x(x.place(one)):.1f}" cy="{frame.y(y.place(other)):.1f}"'
            parts.append(f'<circle class="{line.name}" {at} r="3"/>')
    parts += [part for span in spans if span.style == "hover" for part in _span(span, x, frame)]
    name = escape(f"{title}. {summary}")
    size = f"{frame.width:g} {frame.height:g}"
    return f'<svg viewBox="0 0 {size}" role="img" aria-label="{name}">{"".join(parts)}</svg>'


def _grid(x: Axis, y: Axis, frame: Frame) -> Iterable[str]:
    left, right, bottom = frame.x(0), frame.x(1), frame.y(0)
    for value, text in y.ticks:
        at = frame.y(y.place(value))
        style = "axis" if value == y.low else "grid"
        yield f'<path class="{style}" d="M{left:.1f} {at:.1f}H{right:.1f}"/>'
        yield _text(left - 7, at + 4, text, "end")
    for value, text in x.ticks:
        at = frame.x(x.place(value))
        yield f'<path class="axis" d="M{at:.1f} {bottom:.1f}v4"/>'
        yield _text(at, bottom + 17, text, "middle")
    yield _text(0, 13, y.label, "start", "label")
    yield _text(right, bottom + 35, x.label, "end", "label")


def _level(level: tuple[float, str], y: Axis, frame: Frame) -> Iterable[str]:
    at = frame.y(y.place(level[0]))
    yield f'<path class="level" d="M{frame.x(0):.1f} {at:.1f}H{frame.x(1):.1f}"/>'
    yield _text(frame.x(1), at - 5, level[1], "end")


def _marks(marks: Sequence[tuple[float, str]], x: Axis, frame: Frame) -> Iterable[str]:
    """Upright lines; their texts take turns in height, so that neighbours can be read."""
    for number, (value, text) in enumerate(sorted(marks)):
        place = x.place(value)
        at, top = frame.x(place), frame.y(1) + _MARK_HEIGHT * (number % _MARK_ROWS)
        yield f'<path class="level" d="M{at:.1f} {top:.1f}V{frame.y(0):.1f}"/>'
        aside, anchor = (-4, "end") if place > 0.6 else (4, "start")
        yield _text(at + aside, top + 9, text, anchor)


def _span(span: Span, x: Axis, frame: Frame) -> Iterable[str]:
    left, right, top = frame.x(x.place(span.start)), frame.x(x.place(span.end)), frame.y(1)
    size = f'width="{max(right - left, 1.0):.1f}" height="{frame.y(0) - top:.1f}"'
    title = f"<title>{escape(span.title)}</title>"
    yield f'<rect class="{span.style}" x="{left:.1f}" y="{top:.1f}" {size}>{title}</rect>'
    if span.label:
        yield _text((left + right) / 2, top + 12, span.label, "middle")


def _drawn(line: Line, placed: Points, frame: Frame) -> Iterable[str]:
    paths = [_path(run, steps=line.steps) for run in _runs(placed)]
    if line.area:
        bottom = frame.y(0)
        for run, path in zip(_runs(placed), paths, strict=True):
            yield f'<path class="{line.name} area" d="M{path}V{bottom:.1f}H{run[0][0]:.1f}Z"/>'
    if paths:
        yield f'<path class="{line.name} line" d="M{"M".join(paths)}"/>'


def _band(band: Band, axes: tuple[Axis, Axis], frame: Frame) -> Iterable[str]:
    """Out along the upper values and back along the lower ones."""
    x, y = axes
    places = [frame.x(x.place(at)) for at, _, _ in band.points]
    low = [(at, frame.y(y.place(one))) for at, (_, one, _) in zip(places, band.points, strict=True)]
    high = [(at, frame.y(y.place(two))) for at, (*_, two) in zip(places, band.points, strict=True)]
    shapes = []
    for upper, lower in zip(_runs(high), _runs(low), strict=True):
        back = [*reversed(lower)]
        if band.steps:  # a step's height holds from its x to the next one's
            home = "".join(f"V{at_y:.1f}H{at_x:.1f}" for at_x, at_y in back[1:])
        else:
            home = "".join(f"L{at_x:.1f} {at_y:.1f}" for at_x, at_y in back)
        shapes.append(f"M{_path(upper, steps=band.steps)}{home}Z")
    if shapes:
        yield f'<path class="{band.name} {band.style}" d="{"".join(shapes)}"/>'


def _path(run: Points, *, steps: bool) -> str:
    """Without its first letter; a point that stands alone is a dot."""
    path = f"{run[0][0]:.1f} {run[0][1]:.1f}"
    for x, y in run[1:]:
        path += f"H{x:.1f}V{y:.1f}" if steps else f"L{x:.1f} {y:.1f}"
    return path if len(run) > 1 else f"{path}h.1"


def _runs(placed: Points) -> Iterator[Points]:
    """The stretches in which every value is known."""
    run: list[tuple[float, float]] = []
    for point in placed:
        if not math.isnan(point[1]):
            run.append(point)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _text(x: float, y: float, text: str, anchor: str, style: str = "tick") -> str:
    place = f'text-anchor="{anchor}" x="{x:.1f}" y="{y:.1f}"'
    return f'<text class="{style}" {place}>{escape(text)}</text>'
