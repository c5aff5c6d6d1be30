"""What differs between sides: a row a figure, with what the statistics of runs say of it.

Sides come in, rows come out: each run's value, and for each side but the base the change with its
interval and a verdict. The unit is the run. With one run a side the change is shown and called what
it is; the spread of requests inside a run stands beside it and proves nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sagellm_benchmark.metrics.paired import Difference, Scale, compare_groups, holm
from sagellm_benchmark.report.comparison.comparability import Finding, findings
from sagellm_benchmark.report.comparison.figures import Figure, default_figures
from sagellm_benchmark.report.comparison.sides import Side

WORDS = ("worse", "better", "noise", "equal", "cannot tell")
"""What a change may be called, the most urgent first."""

CONFIDENCE = 0.95

SMALL = 0.01
"""A relative change below may be sure and still not matter."""


@dataclass(frozen=True)
class Row:
    """One figure of all sides.

    Attributes:
        figure: Which.
        values: Of each side its runs' values, those that are known.
        centres: Of each side their mean (geometric, where changes are ratios); None of none.
        spreads: Of each side the mean standard deviation inside its runs, None where there is none.
        differences: Of each side but the base; None where one of the two is not known.
    """

    figure: Figure
    values: tuple[tuple[float, ...], ...]
    centres: tuple[float | None, ...]
    spreads: tuple[float | None, ...]
    differences: tuple[Difference | None, ...]

    def word(self, place: int) -> str:
        """What the change of the side at a place behind the base is called, one of `WORDS`."""
        difference = self.differences[place]
        if difference is None or difference.verdict == "cannot tell":
            return "cannot tell"
        if difference.verdict == "same":
            return "noise" if difference.change else "equal"
        rises = difference.change > 0
        return "better" if rises == (self.figure.better == "higher") else "worse"

    def small(self, place: int) -> bool:
        """Whether that change is sure and below `SMALL` all the same."""
        found = self.differences[place]
        if found is None or found.scale != "ratio" or found.verdict != "different":
            return False
        return abs(found.change) < SMALL


@dataclass(frozen=True)
class Comparison:
    """All that is told of some sides.

    Attributes:
        sides: The base first.
        findings: What a reader must know first: whether the runs may be compared.
        rows: The figures, those that at least one side has.
        absent: Labels of figures that no run has.
    """

    sides: tuple[Side, ...]
    findings: tuple[Finding, ...]
    rows: tuple[Row, ...]
    absent: tuple[str, ...]

    def tally(self, place: int) -> list[str]:
        """How many figures of the side at a place behind the base are called what."""
        rows = self.rows_of(place)
        counts = Counter(row.word(place) for row in rows)
        small = Counter(row.word(place) for row in rows if row.small(place))
        parts = [f"{counts[word]} {word}{_of_them(small[word])}" for word in WORDS if counts[word]]
        return parts or ["nothing to compare"]

    def rows_of(self, place: int) -> list[Row]:
        """The figures that the base or the side at a place behind it has."""
        return [row for row in self.rows if row.values[0] or row.values[place + 1]]

    @property
    def usable(self) -> bool:
        """Whether every run's own verdict allows to read its figures."""
        return not any(finding.level == "invalid" for finding in self.findings)

    @property
    def repeated(self) -> bool:
        """Whether anything can be told of any side."""
        return any(map(self.repeats, range(len(self.sides) - 1)))

    def repeats(self, place: int) -> bool:
        """Whether the base and the side at a place behind it both have several runs."""
        return min(len(side.archives) for side in (self.sides[0], self.sides[place + 1])) > 1


def compare_sides(sides: Sequence[Side], figures: Sequence[Figure] = ()) -> Comparison:
    """Hold sides against the first of them.

    Args:
        sides: Two at least.
        figures: By what; the usual ones where there are none.
    """
    asked = list(figures) or [one for one in default_figures() if _applies(one, sides)]
    rows = [_row(figure, sides) for figure in asked]
    return Comparison(
        sides=tuple(sides),
        findings=tuple(findings(sides)),
        rows=tuple(row for row in rows if any(row.values)),
        absent=tuple(row.figure.label for row in rows if not any(row.values)),
    )


def _of_them(small: int) -> str:
    return f" ({small} of them by less than {SMALL:.0%})".replace("%", " %") if small else ""


def _applies(figure: Figure, sides: Sequence[Side]) -> bool:
    """Goodput without an objective only counts failures, and the error rate does that."""
    if figure.name != "goodput.fraction":
        return True
    return any(each.summary["goodput"]["slo"] for side in sides for each in side.archives)


def _row(figure: Figure, sides: Sequence[Side]) -> Row:
    values = tuple(tuple(_known(figure, side)) for side in sides)
    positive = all(value > 0 for each in values for value in each)
    # 50 % more of an error rate is easily misread: shares differ in points.
    scale: Scale = "ratio" if positive and figure.unit != "share" else "difference"
    base, *others = values
    found = [
        compare_groups(base, other, scale=scale, confidence=CONFIDENCE) if base and other else None
        for other in others
    ]
    return Row(
        figure=figure,
        values=values,
        centres=tuple(_centre(each, scale) for each in values),
        spreads=tuple(_inside(figure, side) for side in sides),
        differences=tuple(_corrected(found)),
    )


def _corrected(found: Sequence[Difference | None]) -> list[Difference | None]:
    """Several sides against one base: p and verdict after Holm."""
    judged = iter(holm([one for one in found if one is not None], confidence=CONFIDENCE))
    return [None if one is None else next(judged) for one in found]


def _known(figure: Figure, side: Side) -> list[float]:
    found = (figure.of(archive.summary) for archive in side.archives)
    return [value for value in found if value is not None]


def _inside(figure: Figure, side: Side) -> float | None:
    found = [figure.spread(archive.summary) for archive in side.archives]
    known = [value for value in found if value is not None]
    return math.fsum(known) / len(known) if known else None


def _centre(values: Sequence[float], scale: Scale) -> float | None:
    if not values:
        return None
    if scale == "ratio":
        return math.exp(math.fsum(map(math.log, values)) / len(values))
    return math.fsum(values) / len(values)
