"""Sides in the terms of one tool: a table of figures, ready to be written in any form.

A tool's name and sides come in. Of a side with several runs each figure is the mean of what the
tool would have said of each run. Nothing is tested here: whether a difference is more than noise is
told by `compare` without `--definitions`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module

from sagellm_benchmark.report.comparison.sides import Side
from sagellm_benchmark.report.definitions.measured import Measured, measured
from sagellm_benchmark.report.definitions.term import Numbers, Term, Tool

TOOLS = ("vllm", "aiperf", "guidellm", "protocol")


@dataclass(frozen=True)
class Line:
    """One statistic of one figure.

    Attributes:
        term: The figure.
        stat: `Mean`, `p99`, … as the tool writes it; `value` of a single number.
        values: Of each side; None where it has none.
    """

    term: Term
    stat: str
    values: tuple[float | None, ...]


@dataclass(frozen=True)
class View:
    """Everything that is told.

    Attributes:
        tool: In whose terms.
        sides: Of whom.
        lines: Figures that at least one side has.
        absent: Figures without a value, and why.
        remarks: What makes the tool's own figures differ from these.
        invalid: Runs whose verdict does not.
    """

    tool: Tool
    sides: tuple[Side, ...]
    lines: tuple[Line, ...]
    absent: tuple[tuple[str, str], ...]
    remarks: tuple[str, ...]
    invalid: tuple[str, ...]

    @property
    def usable(self) -> bool:
        """Whether every run's own verdict allows to read its figures."""
        return not self.invalid


def view(name: str, sides: Sequence[Side]) -> View:
    """Tell sides in a tool's terms.

    Args:
        name: One of `TOOLS`.
        sides: One at least.

    Raises:
        InputError: A file of records cannot be read, or holds what is no record.
    """
    tool: Tool = import_module(f"sagellm_benchmark.report.definitions.{name}").TOOL
    found: list[list[list[Numbers | None]]] = []
    remarks: dict[str, None] = {}
    for side in sides:
        runs = []
        for archive in side.archives:
            run = measured(archive)
            runs.append([term.of(run) for term in tool.terms])
            remarks |= dict.fromkeys(_named(tool, run, sides, archive.run_id))
        found.append(runs)
    lines, absent = [], list(tool.absent)
    for place, term in enumerate(tool.terms):
        told = [[run[place] for run in runs] for runs in found]
        stats = _stats(told)
        lines += [Line(term, stat, tuple(_mean(side, stat) for side in told)) for stat in stats]
        if not stats:
            absent.append((term.name, "not known of these runs"))
    return View(
        tool=tool,
        sides=tuple(sides),
        lines=tuple(lines),
        absent=tuple(absent),
        remarks=tuple(remarks),
        invalid=tuple(
            archive.run_id
            for side in sides
            for archive in side.archives
            if archive.summary["verdict"]["state"] == "invalid"
        ),
    )


def _named(tool: Tool, run: Measured, sides: Sequence[Side], run_id: str) -> list[str]:
    """A run's remarks; whose they are is said where there are several runs and it has a number."""
    alone = len(sides) == 1 and len(sides[0].archives) == 1
    return [
        text if alone or not any(map(str.isdigit, text)) else f"{run_id}: {text}"
        for text in tool.remarks(run)
    ]


def _stats(told: Sequence[Sequence[Numbers | None]]) -> list[str]:
    """The statistics that any run has, in the tool's order."""
    found: dict[str, None] = {}
    for runs in told:
        for numbers in runs:
            found |= dict.fromkeys(numbers or ())
    return list(found)


def _mean(runs: Sequence[Numbers | None], stat: str) -> float | None:
    values = [numbers.get(stat) for numbers in runs if numbers is not None]
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None
