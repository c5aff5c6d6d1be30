"""Gauges of a server while the load was on: the highest, lowest and mean of a few readings.

In: one page's families of samples, reading by reading. Out: figures with the number of readings
behind them. What rose and fell between two readings was not seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sagellm_benchmark.metrics.server_growth import Families, Labels, Untold
from sagellm_benchmark.metrics.server_names import CACHE_CONFIG, Kind, Names

_WORDS = {"max": "highest", "min": "lowest", "mean": "mean"}


@dataclass
class _Seen:
    """Readings of one gauge."""

    name: str
    count: int = 0
    total: float = 0.0
    high: float = float("-inf")
    low: float = float("inf")

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value
        self.high = max(self.high, value)
        self.low = min(self.low, value)

    def figure(self, stat: str, unit: str) -> dict[str, Any]:
        value = {"max": self.high, "min": self.low, "mean": self.total / self.count}[stat]
        readings = "1 reading" if self.count == 1 else f"{self.count} readings"
        return {"value": value, "from": f"{self.name}, {_WORDS[stat]} of {readings}", "unit": unit}


class Gauges:
    """The gauges of one page."""

    def __init__(self) -> None:
        self._seen: dict[Names, _Seen] = {}

    def add(self, families: Families, kind: Kind) -> None:
        """Take one reading."""
        for level in kind.levels:
            if name := _first(families, level.names):
                self._note(level.names, name, sum(families[name].values()))
        for share in kind.shares:
            if name := _first(families, share.level):
                series = families[name].values()
                mean = sum(series) / len(series)
                if mean > 0:  # 0 also where the server does no such thing
                    self._note(share.level, name, mean)
        if name := _first(families, kind.kv_usage):
            tokens = _kv_tokens(families[name], families.get(CACHE_CONFIG, {}))
            if tokens is not None:
                self._note(kind.kv_usage, f"{name} x {CACHE_CONFIG}", tokens)

    def figure(self, names: Names, stat: str, unit: str) -> dict[str, Any]:
        """The figure of a gauge by its names.

        Raises:
            Untold: No reading has it.
        """
        if names not in self._seen:
            raise Untold
        return self._seen[names].figure(stat, unit)

    def _note(self, names: Names, name: str, value: float) -> None:
        if value >= 0:
            self._seen.setdefault(names, _Seen(name)).add(value)


def _first(families: Families, names: Names) -> str | None:
    return next((name for name in names if families.get(name)), None)


def _kv_tokens(usage: dict[Labels, float], sizes: dict[Labels, float]) -> float | None:
    """Tokens in vLLM's KV cache, all engines together; None where the size of one is not known."""
    capacity = {dict(labels).get("engine"): _capacity(dict(labels)) for labels in sizes}
    only = next(iter(capacity.values())) if len(capacity) == 1 else None
    tokens = 0.0
    for labels, share in usage.items():
        size = capacity.get(dict(labels).get("engine"), only)
        if size is None:
            return None
        tokens += share * size
    return tokens


def _capacity(labels: dict[str, str]) -> int | None:
    whole = _count(labels.get("kv_cache_size_tokens"))
    if whole is not None:
        return whole
    blocks, size = _count(labels.get("num_gpu_blocks")), _count(labels.get("block_size"))
    return None if blocks is None or size is None else blocks * size


def _count(text: str | None) -> int | None:
    if text is None or not (text.isascii() and text.isdigit() and len(text) < 16):
        return None
    return int(text)
