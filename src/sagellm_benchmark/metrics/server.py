"""What servers said of a run: `server_metrics`, and the Protocol's fields that only a server knows.

Readings in, in their order; one block a page out. Counters and histograms are differences of the
readings before and after the load, gauges come from those during it. What cannot be told stays out:
a counter that went backwards, a reading that failed. No figure here is of a single request, and
none is a latency of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from sagellm_benchmark.metrics.openmetrics import labels_of, name_of
from sagellm_benchmark.metrics.quantiles import DECIMALS
from sagellm_benchmark.metrics.server_growth import Families, Growth, Labels, Untold, quantile
from sagellm_benchmark.metrics.server_levels import Gauges
from sagellm_benchmark.metrics.server_names import (
    BEGINNINGS,
    DCGM,
    KINDS,
    OTHER,
    Kind,
    Rise,
    Share,
    Times,
)
from sagellm_benchmark.record.scrapes import DURING, HOST, Scrape

Figure = dict[str, Any]
Told = Callable[[], Figure]
Block = Mapping[str, Any]

FIELDS: Mapping[str, type] = {
    "peak_mem_mb": int,
    "kv_used_tokens": int,
    "kv_used_bytes": int,
    "prefix_hit_rate": float,
    "evict_count": int,
    "evict_ms": float,
    "spec_accept_rate": float,
}
"""The Protocol's fields that a server's figures of the same name fill, with their types."""

_SHARES = {
    "prefix_hit_rate": ("prefix_cache_hits", "prefix_cache_queries"),
    "spec_accept_rate": ("spec_accepted_tokens", "spec_draft_tokens"),
}
_BLANK = 2147483632
"""From here on DCGM's numbers mean "not known"."""
_MOST = 1e15
_QUANTILES = {"p50": 0.5, "p99": 0.99}
_GROWTH = "after minus before"


def server_metrics(scrapes: Iterable[Scrape]) -> list[dict[str, Any]]:
    """Make one block a page.

    Returns:
        `{name, url, kind, scrapes, errors, error, figures, untold, notes}` each: `figures` are
        `{value, from, unit}` by our names, `untold` the names of those that the page has and that
        are not known, `notes` say why.
    """
    pages: dict[tuple[str, str], _Page] = {}
    for scrape in scrapes:
        key = scrape.name, scrape.url
        if key not in pages:
            pages[key] = _Page(scrape.name, scrape.url)
        pages[key].add(scrape)
    return [page.block() for page in pages.values()]


class _Page:
    """One page's readings, folded."""

    def __init__(self, name: str, url: str) -> None:
        self._name = name
        self._url = url
        self._scrapes = 0
        self._errors = 0
        self._error: str | None = None
        self._kind: str | None = None
        self._growth = Growth(())
        self._gauges = Gauges()

    def add(self, scrape: Scrape) -> None:
        self._scrapes += 1
        if scrape.error is not None:
            self._errors += 1
            self._error = scrape.error
            return
        if self._kind is None and scrape.values:
            self._kind = _kind(scrape.values)
            self._growth = Growth(KINDS[self._kind].counters)
        kind = KINDS[self._kind or OTHER]
        most = _BLANK if self._kind == DCGM else float("inf")
        families = _families(scrape.values, kind, most)
        self._growth.add(families, scrape.phase)
        if scrape.phase == DURING:
            self._gauges.add(families, kind)

    def block(self) -> dict[str, Any]:
        kind = KINDS[self._kind or OTHER]
        figures: dict[str, Figure] = {}
        untold: dict[str, str] = {}
        for field, told in self._counted(kind):
            _tell(field, told, figures, untold)
        for share in kind.shares:
            lost = untold.get(share.part) or untold.get(share.whole)
            if lost:
                untold[share.field] = lost
            else:
                told = partial(_share, figures, self._gauges, share)
                _tell(share.field, told, figures, untold)
        for field, told in self._others(kind):
            _tell(field, told, figures, untold)
        return {
            "name": self._name,
            "url": self._url,
            "kind": self._kind or OTHER,
            "scrapes": self._scrapes,
            "errors": self._errors,
            "error": self._error,
            "figures": figures,
            "untold": sorted(untold),
            "notes": list(dict.fromkeys([*self._complaints(), *untold.values()])),
        }

    def _complaints(self) -> list[str]:
        """What went wrong with the readings; that a target has no such page is nothing wrong."""
        never = self._errors == self._scrapes
        if not self._errors or (never and self._name.startswith(HOST)):
            return []
        return [f"{self._errors} of {self._scrapes} readings failed: {self._error}"]

    def _counted(self, kind: Kind) -> Iterator[tuple[str, Told]]:
        for rise in kind.rises:
            yield rise.field, partial(_rise, self._growth, rise)

    def _others(self, kind: Kind) -> Iterator[tuple[str, Told]]:
        gauges, growth = self._gauges, self._growth
        for level in kind.levels:
            yield level.field, partial(gauges.figure, level.names, level.stat, level.unit)
        if kind.kv_usage:
            yield "kv_used_tokens", partial(gauges.figure, kind.kv_usage, "max", "tokens")
        for times in kind.times:
            yield f"{times.field}_mean", partial(_mean_ms, growth, times)
            for stat, fraction in _QUANTILES.items():
                yield f"{times.field}_{stat}", partial(_quantile_ms, growth, times, fraction)


def _tell(field: str, told: Told, figures: dict[str, Figure], untold: dict[str, str]) -> None:
    """Put a figure where it belongs, or the reason why there is none; some have neither."""
    try:
        figure = told()
    except Untold as why:
        if str(why):
            untold[field] = str(why)
        return
    value = figure["value"]
    if not abs(value) < _MOST:
        untold[field] = f"{figure['from']}: {value:g} is no figure to believe"
        return
    value = round(value, DECIMALS)
    figures[field] = {**figure, "value": int(value) if value == int(value) else value}


def _kind(values: Mapping[str, float]) -> str:
    for beginning, kind in BEGINNINGS:
        if any(name.startswith(beginning) for name in values):
            return kind
    return OTHER


def _families(values: Mapping[str, float], kind: Kind, most: float) -> Families:
    families: Families = {}
    for written, value in values.items():
        name = name_of(written)
        if name in kind.names and value < most:
            series = families.setdefault(name, {})
            labels = _telling(labels_of(written), kind)
            series[labels] = max(value, series.get(labels, value))
    return families


def _telling(labels: Mapping[str, str], kind: Kind) -> Labels:
    """The labels that tell this kind's series apart."""
    kept = kind.kept or labels.keys()
    return frozenset(
        (name, value) for name, value in labels.items() if name in kept and name not in kind.ignored
    )


def _rise(growth: Growth, rise: Rise) -> Figure:
    name, grown = growth.of(rise.names)
    counted = sum(
        value
        for labels, value in grown.items()
        if all(dict(labels).get(name, "").startswith(begins) for name, begins in rise.where)
    )
    return {"value": counted * rise.scale, "from": f"{name}, {_GROWTH}", "unit": rise.unit}


def _share(figures: Mapping[str, Figure], gauges: Gauges, share: Share) -> Figure:
    part, whole = figures.get(share.part), figures.get(share.whole)
    if part is None or whole is None:
        figure = gauges.figure(share.level, "mean", "fraction")
        if figure["value"] > 1:
            raise Untold
        return figure
    if not 0 <= part["value"] <= whole["value"] or not whole["value"]:
        raise Untold
    names = " / ".join(each["from"].removesuffix(f", {_GROWTH}") for each in (part, whole))
    value = part["value"] / whole["value"]
    return {"value": value, "from": f"{names}, {_GROWTH}", "unit": "fraction"}


def _mean_ms(growth: Growth, times: Times) -> Figure:
    name, grown = growth.of([f"{name}_sum" for name in times.names])
    _, counted = growth.of([f"{name}_count" for name in times.names])
    count = sum(counted.values())
    if count <= 0:
        raise Untold
    mean = sum(grown.values()) / count * 1000
    return {"value": mean, "from": f"{name.removesuffix('_sum')}, {_GROWTH}", "unit": "ms"}


def _quantile_ms(growth: Growth, times: Times, fraction: float) -> Figure:
    name, grown = growth.of([f"{name}_bucket" for name in times.names])
    seconds = quantile(grown, fraction)
    if seconds is None:
        raise Untold
    return {"value": seconds * 1000, "from": f"{name}, {_GROWTH}, between bounds", "unit": "ms"}


# The Protocol's fields


def observed(metrics: Block, servers: Sequence[Block]) -> dict[str, Any]:
    """The run's Protocol metrics with what only its servers know.

    Args:
        metrics: The Protocol's fields and `unobserved`.
        servers: The blocks of `server_metrics`.

    Returns:
        The same, filled where a server told; what is filled is no longer `unobserved`. Several
        servers' counts and levels are added up, and of shares the parts and the wholes.
    """
    told: dict[str, Any] = {}
    for field, kind in FIELDS.items():
        value = _together(field, servers)
        if value is not None:
            told[field] = round(value) if kind is int else float(value)
    unobserved = [field for field in metrics["unobserved"] if field not in told]
    return {**metrics, **told, "unobserved": unobserved}


def _together(field: str, servers: Sequence[Block]) -> float | None:
    """One figure of all servers; None where nobody tells, or one that should cannot."""
    if any(field in each["untold"] for each in servers):
        return None
    figures = [each["figures"] for each in servers]
    values = [each[field]["value"] for each in figures if field in each]
    if not values:
        return None
    if field not in _SHARES:
        return sum(values)
    part, whole = _SHARES[field]
    counted = [each for each in figures if field in each and whole in each and part in each]
    if len(counted) < len(values):
        return sum(values) / len(values)
    return sum(each[part]["value"] for each in counted) / sum(
        each[whole]["value"] for each in counted
    )


def remarks(servers: Sequence[Block]) -> list[str]:
    """What a reader of the run must know of its servers' figures, a sentence each."""
    return [f"server {each['name']}: {note}" for each in servers for note in each["notes"]]
