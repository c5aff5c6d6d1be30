"""What `run --repeat` prints at its end: all runs, and two targets held against each other.

Sides of runs that took turns come in, text comes out, `width` columns wide. The comparison is one
of pairs, so that what drifted meanwhile is left out of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sagellm_benchmark.redact import snippet
from sagellm_benchmark.report.comparison.sides import Side
from sagellm_benchmark.report.gate_text import (
    method_lines,
    plain,
    printed,
    regression_table,
    run_table,
)
from sagellm_benchmark.report.regressions import Method, Regression, regressions

if TYPE_CHECKING:
    from rich.console import RenderableType


def series_text(sides: Sequence[Side], parent: Path, *, width: int, color: bool) -> str:
    """The whole text, ending in a line break.

    Args:
        sides: One or two, each with its ended runs in the order in which they were made.
        parent: The directory that holds them.
        width: Columns.
        color: Use a terminal's colours.
    """
    return printed(list(_parts(sides, parent)), width, color=color)


def _parts(sides: Sequence[Side], parent: Path) -> Iterator[RenderableType]:
    yield run_table(sides, [side.letter for side in sides])
    if len(sides) > 1:
        yield from _compared(*sides)
    yield plain(f"files  {snippet(str(parent))}/: a directory a run")


def _compared(a: Side, b: Side) -> Iterator[RenderableType]:
    pairs = min(len(a.archives), len(b.archives))
    method = Method(paired=True)
    one, other = (Side(side.letter, side.name, side.archives[:pairs]) for side in (a, b))
    found = regressions(one, other, method)
    yield regression_table(found, ("A", "B"), f"B {snippet(b.name)} against A {snippet(a.name)}")
    yield plain("\n".join(method_lines(found, method)))
    yield plain(_verdict(found), "bold")


def _verdict(found: Sequence[Regression]) -> str:
    """What is different, in one line."""
    words = {word: [one.figure.label for one in found if one.word == word] for word in _ORDER}
    told = [f"{word} in B: {', '.join(names)}" for word, names in words.items() if names]
    return "; ".join(told) or "nothing was measured on both sides"


_ORDER = ("worse", "better", "no difference", "cannot tell")
