"""A chart as SVG text: axes, and one line for each trace.

In: axes and the points of lines. Out: one `<svg>` whose colours and fonts come from the page's
style, so that it is right in light and in dark. Every text is escaped; a reader that cannot see it
gets the title and a summary in words.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from sagellm_benchmark.report.axis import Axis

Points = Sequence[tuple[float, float]]

_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 20.0, 24.0, 42.0


@dataclass(frozen=True)
class Line:
    """What is drawn of one trace.

    Attributes:
        name: `a` or `b`: its class in the style.
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
class Frame:
    """Size of a chart, in the pixels of its own drawing."""

    width: float
    height: float

    def x(self, place: float) -> float:
        """Where a place between 0 and 1 lies."""
        return _LEFT + place * (self.width - _LEFT - _RIGHT)

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
) -> str:
    """Draw a chart.

    Args:
        title: What it shows.
        summary: The same in words and numbers, for those who cannot see it.
        axes: x and y.
        lines: Drawn one over the other.
        frame: How large.
        level: A value of y to mark, and what it is.
    """
    x, y = axes
    parts = [*_grid(x, y, frame)]
    if level is not None:
        parts += _level(level, y, frame)
    for line in lines:
        placed = [(frame.x(x.place(one)), frame.y(y.place(other))) for one, other in line.points]
        parts += _drawn(line, placed, frame)
        for one, other in line.dots:
            at = f'cx="{frame.x(x.place(one)):.1f}" cy="{frame.y(y.place(other)):.1f}"'
            parts.append(f'<circle class="{line.name}" {at} r="3"/>')
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


def _drawn(line: Line, placed: Points, frame: Frame) -> Iterable[str]:
    if not placed:
        return
    path = f"M{placed[0][0]:.1f} {placed[0][1]:.1f}"
    for x, y in placed[1:]:
        path += f"H{x:.1f}V{y:.1f}" if line.steps else f"L{x:.1f} {y:.1f}"
    if line.area:
        bottom = frame.y(0)
        yield (f'<path class="{line.name} area" d="{path}V{bottom:.1f}H{placed[0][0]:.1f}Z"/>')
    yield f'<path class="{line.name} line" d="{path}"/>'


def _text(x: float, y: float, text: str, anchor: str, style: str = "tick") -> str:
    place = f'text-anchor="{anchor}" x="{x:.1f}" y="{y:.1f}"'
    return f'<text class="{style}" {place}>{escape(text)}</text>'
