"""A chart of the report: the drawing, its legend, how to read it, and the same as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sagellm_benchmark.report.chart import Frame

FRAME = Frame(560, 260, left=70)


@dataclass(frozen=True)
class Key:
    """A line of a legend.

    Attributes:
        name: The class of what is drawn, such as `s1`.
        style: `line`, `band`, `far`, `stack`, `shade`, `steady` or `stall`.
        text: What it is.
    """

    name: str
    style: str
    text: str


@dataclass(frozen=True)
class Chart:
    """One chart.

    Attributes:
        title: What it shows.
        reading: How to read it.
        svg: The drawing.
        legend: What is what in it.
        head: The heads of the columns of its table.
        rows: The table: what was drawn, in numbers.
        term: The figure that it is of, by its name in the glossary.
        whole: It takes the whole width of a page.
    """

    title: str
    reading: str
    svg: str
    legend: Sequence[Key]
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    term: str | None = None
    whole: bool = False
