"""Groups of a run side by side: by each name that tells requests apart, and by all of these.

In: the table of requests with the names of its groups. Out: one table for every name (model,
tenant, class, host, name) that has more than one value, largest first, of the measured requests.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sagellm_benchmark.metrics.columns import UNKNOWN, Group
from sagellm_benchmark.metrics.latency import Latencies
from sagellm_benchmark.metrics.quantiles import block
from sagellm_benchmark.report import figures
from sagellm_benchmark.report.html.reading import Requests

SHOWN = 30
"""Rows of a table; what is smaller is counted."""

HEAD = ("requests", "ok", "failed", "TTFT p50", "TTFT p99", "TPOT p50", "e2e p50", "e2e p99",
        "output tokens")  # fmt: skip
"""Heads of the columns behind the names."""

_NAMES = {"model": "model", "tenant": "tenant", "class_": "class", "host": "host", "name": "name"}


@dataclass(frozen=True)
class Grouping:
    """A table of groups.

    Attributes:
        names: What its first columns are.
        rows: Values of the names, and the figures.
        many: How many groups there are; the smallest may not be shown.
    """

    names: tuple[str, ...]
    rows: list[tuple[tuple[str, ...], tuple[str, ...]]]
    many: int

    @property
    def more(self) -> int:
        """Groups that are not shown."""
        return self.many - len(self.rows)


def groupings(requests: Requests) -> Iterator[Grouping]:
    """A table by each name that varies, and where several do, one by all of these."""
    measured = requests.measured
    present = np.unique(measured.table["group"]).tolist()
    varying = [
        name
        for name in _NAMES
        if len({getattr(requests.groups[number], name) for number in present}) > 1
    ]
    alone = [_grouping(measured, requests.groups, (name,)) for name in varying]
    if len(alone) < 2:
        yield from alone
        return
    together = _grouping(measured, requests.groups, tuple(varying))
    # A name that tells as many apart as all of them together says nothing of its own.
    yield from (each for each in alone if each.many < together.many)
    yield together


def _grouping(measured: Latencies, groups: list[Group], names: tuple[str, ...]) -> Grouping:
    numbers: dict[tuple[str, ...], int] = {}
    merged = np.array(
        [
            numbers.setdefault(tuple(getattr(group, name) or "-" for name in names), len(numbers))
            for group in groups
        ]
    )
    belongs = merged[measured.table["group"]]
    sizes = np.bincount(belongs, minlength=len(numbers))
    keys = list(numbers)
    order = sorted(np.flatnonzero(sizes).tolist(), key=lambda at: (-sizes[at], keys[at]))
    by_group = np.argsort(belongs, kind="stable")
    ends = np.cumsum(sizes)
    rows = []
    for number in order[:SHOWN]:
        chosen = by_group[ends[number] - sizes[number] : ends[number]]
        rows.append((keys[number], _figures(Latencies(measured.table[chosen]))))
    return Grouping(tuple(_NAMES[name] for name in names), rows, len(order))


def _figures(own: Latencies) -> tuple[str, ...]:
    ok = own.ok
    tokens = own.table["output_tokens"][ok]
    known = tokens[tokens != UNKNOWN]
    ttft, tpot, e2e = (block(own[name][ok]) for name in ("ttft_ms", "tpot_ms", "e2e_ms"))
    return (
        figures.count(own.table.size),
        figures.count(int(ok.sum())),
        figures.count(int(own.failed.sum())),
        *(figures.measure(each[stat]) for each, stat in (
            (ttft, "p50"), (ttft, "p99"), (tpot, "p50"), (e2e, "p50"), (e2e, "p99"))),
        figures.count(int(known.sum(dtype=np.int64))) if known.size else figures.UNKNOWN,
    )  # fmt: skip
