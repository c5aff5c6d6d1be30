"""What all forms of a comparison say alike: cells, headings, sentences.

A comparison comes in, plain text comes out. Nothing here is escaped: whoever writes for a terminal,
Markdown or HTML does that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sagellm_benchmark.report import figures
from sagellm_benchmark.report.comparison.differences import CONFIDENCE, Comparison, Row
from sagellm_benchmark.report.comparison.figures import Figure
from sagellm_benchmark.report.comparison.sides import Side

_RUNS_NAMED = 6


class Cells(NamedTuple):
    """One row of a table, or its headings.

    Attributes:
        name: The figure, with its unit.
        base: Its value on the base's side.
        side: On the other side.
        change: From one to the other.
        between: The interval of the change, or the spread inside a run.
        least: The smallest change that would be found.
        word: What the change is called.
    """

    name: str
    base: str
    side: str
    change: str
    between: str
    least: str
    word: str


def label(figure: Figure) -> str:
    """A figure's name with its unit, which percents carry themselves."""
    return f"{figure.label}, ms" if figure.unit == "ms" else figure.label


def headings(comparison: Comparison, place: int) -> Cells:
    """Of the table that `cells` fills."""
    base, other = comparison.sides[0], comparison.sides[place + 1]
    between = "95 % interval" if comparison.repeats(place) else "spread inside a run"
    return Cells("", base.letter, other.letter, "change", between, "detectable", "")


def cells(comparison: Comparison, row: Row, place: int) -> Cells:
    """What is told of one figure."""
    found, figure = row.differences[place], row.figure
    base, side = (figure.text(row.centres[number]) for number in (0, place + 1))
    if found is None:
        return Cells(label(figure), base, side, figures.UNKNOWN, "", "", row.word(place))
    change = figure.step(found.change, found.scale)
    between = least = ""
    if found.low is not None and found.high is not None:
        between = figure.span(found.low, found.high, found.scale)
    elif not comparison.repeats(place):
        inside = (row.spreads[0], row.spreads[place + 1])
        between = " and ".join(map(figures.measure, inside)) if any(inside) else ""
    if found.minimum_detectable is not None:
        least = figure.step(found.minimum_detectable, found.scale).lstrip("+")
    return Cells(label(figure), base, side, change, between, least, row.word(place))


def title(comparison: Comparison, place: int) -> str:
    """What a table is of, and what came of it."""
    base, other = comparison.sides[0], comparison.sides[place + 1]
    return f"{other.letter} against {base.letter}: {', '.join(comparison.tally(place))}"


def runs(side: Side) -> str:
    """Which runs a side is made of."""
    names = [archive.run_id for archive in side.archives]
    if len(names) == 1:
        return f"run {names[0]}"
    more = f" and {len(names) - _RUNS_NAMED} more" if len(names) > _RUNS_NAMED else ""
    return f"{figures.plural(len(names), 'run')}: {', '.join(names[:_RUNS_NAMED])}{more}"


def target(side: Side) -> str:
    """Where a side's requests went."""
    return ", ".join(dict.fromkeys(each.manifest["target"]["url"] for each in side.archives))


def remarks(comparison: Comparison) -> Iterator[str]:
    """How to read the tables, as far as they need it."""
    if comparison.repeated:
        yield (
            "The unit is the run. better, worse: the change is significant (Welch's t-test of the"
            f" runs, {CONFIDENCE:.0%}".replace("%", " %")
            + "). noise: none was found; one of the size in detectable would have been, four times"
            " in five. cannot tell: a side has one run, or none that measured it."
        )
        tested = sum(
            found is not None and found.p is not None
            for row in comparison.rows
            for found in row.differences
        )
        if tested >= 10:
            yield (
                f"{tested} figures were tested: by chance alone about {tested / 20:.0f} of them"
                " would be called a difference. Look at those that move together."
            )
    else:
        yield (
            "One run a side tells that the figures differ and not that they would again: repeat the"
            " runs (run --repeat), and name a side's runs with commas between. The spread inside a"
            " run is the standard deviation of its requests; they share a server and a minute, are"
            " not independent, and make no interval."
        )
    if len(comparison.sides) > 2 and comparison.repeated:
        yield (
            f"{len(comparison.sides) - 1} sides against one: what is called a difference is"
            " corrected for that after Holm; the intervals are not."
        )
    if comparison.absent:
        yield f"Not measured: {', '.join(comparison.absent)}."
