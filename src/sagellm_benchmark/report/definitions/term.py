"""What a figure of another tool is: a name, a unit, statistics, and how it differs from ours.

Plain data and the arithmetic that the tools share. Values come in as arrays with NaN where a
request has none; numbers go out, None where there is nothing to count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sagellm_benchmark.report.definitions.measured import Measured

Numbers = Mapping[str, float | None]
"""Of each statistic its value; the only one of a single figure is called `value`."""

VALUE = "value"


@dataclass(frozen=True)
class Term:
    """One figure of a tool.

    Attributes:
        name: As the tool prints it.
        unit: As the tool has it.
        differs: Against what this project reports, in one line.
        of: Finds it in a run; None where this run does not have it.
    """

    name: str
    unit: str
    differs: str
    of: Callable[[Measured], Numbers | None]


@dataclass(frozen=True)
class Tool:
    """A tool and its figures.

    Attributes:
        name: Of the tool.
        terms: In the order in which it prints them.
        absent: What it prints and records cannot tell: the name and why.
        remarks: On a run, what makes its figures differ from those that the tool would have got.
    """

    name: str
    terms: tuple[Term, ...]
    absent: tuple[tuple[str, str], ...]
    remarks: Callable[[Measured], Sequence[str]]


def single(value: float | None) -> Numbers | None:
    """A figure that is one number."""
    return None if value is None else {VALUE: value}


def spread(values: np.ndarray, stats: Mapping[str, float | str]) -> Numbers | None:
    """Statistics of one value a request.

    Args:
        values: Shape (requests,), NaN is left out.
        stats: Names and what they are: a quantile, or `mean`, `std`, `min`, `max`.
    """
    known = values[~np.isnan(values)]
    if not known.size:
        return None
    return {
        name: float(np.quantile(known, what) if isinstance(what, float) else getattr(known, what)())
        for name, what in stats.items()
    }


def counted(block: Mapping[str, float | None], stats: Mapping[str, float | str]) -> Numbers | None:
    """The same of a histogram's block: quantiles by their names there."""
    if not block["count"]:
        return None
    names = {0.5: "p50", 0.9: "p90", 0.95: "p95", 0.99: "p99"}
    return {
        name: block[names[what] if isinstance(what, float) else what]
        for name, what in stats.items()
        if not isinstance(what, float) or what in names
    }


def ratio(amount: float | None, over: float | None) -> float | None:
    """A rate; None where there is nothing, or no time."""
    return None if amount is None or not over else amount / over
