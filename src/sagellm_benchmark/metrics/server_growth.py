"""How counters grew between the reading before a load and the one after it.

In: one page's families of samples, in the order of the readings. Out: the growth of each series of
a counter. A counter that was lower once than before, or a series that went away, belongs to a
server that began anew: nobody knows what it counted, and `Untold` says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from sagellm_benchmark.record.scrapes import AFTER, BEFORE, DURING

Labels = frozenset[tuple[str, str]]
Families = dict[str, dict[Labels, float]]
"""Samples by name, and by the labels that tell them apart."""


class Untold(Exception):
    """A figure that the readings do not give: why, or nothing where nobody would expect it."""


class Growth:
    """The counters of one page.

    Args:
        counters: Their names.
    """

    def __init__(self, counters: Iterable[str]) -> None:
        self._counters = frozenset(counters)
        self._before: Families | None = None
        self._after: Families | None = None
        self._last: Families = {}
        self._fell: set[str] = set()

    def add(self, families: Families, phase: str) -> None:
        """Take one reading; those during the load come without buckets."""
        for name in self._counters & self._last.keys():
            if phase == DURING and name.endswith("_bucket"):
                continue
            series = families.get(name, {})
            if any(series.get(labels, -1) < value for labels, value in self._last[name].items()):
                self._fell.add(name)
        self._last = {**self._last, **families}
        if phase == BEFORE:
            self._before = families
        elif phase == AFTER:
            self._after = families

    def of(self, names: Iterable[str]) -> tuple[str, dict[Labels, float]]:
        """The growth of a counter's series, with the name that the server has for it.

        Raises:
            Untold: There is no such counter, or its growth is not known.
        """
        known = [name for name in names if name in self._last]
        if not known:
            raise Untold
        if self._before is None or self._after is None:
            missing = "before" if self._before is None else "after"
            raise Untold(f"no reading {missing} the load, so nothing is known of counters")
        name = known[0]
        if name in self._fell:
            raise Untold(f"{name} went backwards or away: the server began anew during the run")
        # A series that came during the run began at 0.
        before = self._before.get(name, {})
        return name, {
            labels: value - before.get(labels, 0.0) for labels, value in self._after[name].items()
        }


def quantile(grown: dict[Labels, float], fraction: float) -> float | None:
    """A quantile of what was added to a histogram, as its buckets place it.

    Args:
        grown: Growth of its cumulative buckets, each with its label `le`.
        fraction: 0.5 for the median.

    Returns:
        A value between the bounds of the bucket where it lies; None where nothing was added, or it
        lies beyond the last bound.
    """
    buckets: dict[float, float] = {}
    for labels, value in grown.items():
        bound = _bound(dict(labels).get("le", ""))
        if bound is not None:
            buckets[bound] = buckets.get(bound, 0.0) + value
    total = buckets.get(math.inf, 0.0)
    low, below = 0.0, 0.0
    for bound, upto in sorted(buckets.items()):
        if total > 0 and upto >= fraction * total:
            inside = (fraction * total - below) / (upto - below) if upto > below else 1.0
            return None if bound == math.inf else low + (bound - low) * inside
        low, below = bound, upto
    return None


def _bound(text: str) -> float | None:
    try:
        bound = float(text)
    except ValueError:
        return None
    return None if math.isnan(bound) else bound
