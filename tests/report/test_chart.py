"""What a chart draws: where values lie, nothing where there are none, any text as text."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

from sagellm_benchmark.report import axis
from sagellm_benchmark.report.chart import Band, Frame, Line, Span, chart

FRAME = Frame(120, 116, left=50)  # a plot of 50 by 50, from (50, 74) upwards
AXES = (
    axis.Axis("x", 0.0, 10.0, ()),
    axis.Axis("y", 0.0, 5.0, ()),
)


def drawn(*lines, **more):
    """A chart's elements."""
    svg = chart("Title", "in words", AXES, lines, FRAME, **more)
    return [*ElementTree.fromstring(svg).iter()]


def paths(elements, style):
    """The paths of a class."""
    return [each.get("d") for each in elements if style in (each.get("class") or "").split()]


def test_a_line_is_broken_where_nothing_is_known():
    """Nobody sees a line through a time in which nothing was measured; one point is a dot."""
    points = [(0, 0), (2, 5), (4, math.nan), (6, 5), (8, math.nan)]
    (path,) = paths(drawn(Line("s1", points)), "line")
    assert path == "M50.0 74.0L60.0 24.0M80.0 24.0h.1"


def test_a_band_of_steps_goes_out_and_back():
    """Each height holds from its x to the next one's, above and below."""
    points = [(0, 0, 5), (5, 2.5, 5), (10, 2.5, 5)]
    (path,) = paths(drawn(bands=[Band("s1", points, steps=True, style="stack")]), "stack")
    assert path == "M50.0 24.0H75.0V24.0H100.0V24.0V49.0H75.0V74.0H50.0Z"


def test_a_band_of_lines_is_closed():
    """Out along the upper values, back along the lower ones."""
    (path,) = paths(drawn(bands=[Band("s1", [(0, 0, 5), (10, 0, 5)])]), "band")
    assert path == "M50.0 24.0L100.0 24.0L100.0 74.0L50.0 74.0Z"


def test_spans_lie_below_and_hovers_above():
    """What is shaded hides no line, and what tells a title is reached by a pointer."""
    spans = [Span("hover", 0, 5, "second 0"), Span("shade", 5, 10, "warm-up", "warm-up")]
    styles = [each.get("class") for each in drawn(Line("s1", [(0, 0), (1, 1)]), spans=spans)]
    found = [style for style in styles if style in ("shade", "s1 line", "hover")]
    assert found == ["shade", "s1 line", "hover"]


def test_marks_take_turns_in_height():
    """The texts of neighbours do not lie over each other."""
    texts = [
        each.get("y")
        for each in drawn(marks=[(1, "p50"), (1.1, "p90"), (1.2, "p99")])
        if each.tag == "text" and each.text in ("p50", "p90", "p99")
    ]
    assert len(set(texts)) == 3


def test_any_text_is_text():
    """Titles, labels and marks are escaped."""
    bad = '"><script>&'
    svg = chart(bad, bad, AXES, [], FRAME, (1.0, bad), spans=[Span("shade", 0, 9, bad, bad)],
                marks=[(1.0, bad)])  # fmt: skip
    assert "<script" not in svg
    assert len(re.findall("&lt;script&gt;&amp;", svg)) == 6
