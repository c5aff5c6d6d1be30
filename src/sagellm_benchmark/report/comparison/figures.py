"""The figures that runs are compared by: what each is called, its unit, and which way is better.

Names are those of the objectives: `ttft_ms.p99`, `throughput.output_tokens_per_s`, `error_rate`. Of
a summary comes a number or None where it is not known; no figure is computed here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.metrics.names import LATENCIES, QUANTILES, STATS
from sagellm_benchmark.metrics.slo import Slo, figure
from sagellm_benchmark.report import figures

LABELS = {
    "ttft_ms": "TTFT",
    "ttfa_ms": "TTFA",
    "ttft_from_due_ms": "TTFT from due",
    "chunk_gap_ms": "chunk gap",
    "itl_ms": "ITL",
    "tpot_ms": "TPOT",
    "e2e_ms": "e2e",
    "e2e_from_due_ms": "e2e from due",
    "connect_ms": "connect",
}
"""What latencies are called."""

_OTHERS = {
    "throughput.requests_per_s": ("requests/s", "1/s", "higher"),
    "throughput.output_tokens_per_s": ("output tokens/s", "1/s", "higher"),
    "throughput.input_tokens_per_s": ("input tokens/s", "1/s", "higher"),
    "goodput.fraction": ("goodput", "share", "higher"),
    "goodput.requests_per_s": ("goodput requests/s", "1/s", "higher"),
    "short_output.fraction": ("short replies", "share", "lower"),
    "error_rate": ("error rate", "share", "lower"),
}
_SHOWN = (
    *("ttft_ms.p50", "ttft_ms.p99", "ttft_from_due_ms.p99", "itl_ms.p50", "itl_ms.p99"),
    *("tpot_ms.p50", "tpot_ms.p99", "e2e_ms.p50", "e2e_ms.p99", "e2e_from_due_ms.p99"),
    *("throughput.requests_per_s", "throughput.output_tokens_per_s"),
    *("goodput.fraction", "short_output.fraction", "error_rate"),
)
_STATS = ("mean", *QUANTILES)


@dataclass(frozen=True)
class Figure:
    """One figure of a run.

    Attributes:
        name: As an objective writes it.
        label: For a table.
        unit: `ms`, `1/s`, or `share` for a share of 1.
        better: `lower` or `higher`.
    """

    name: str
    label: str
    unit: str
    better: str

    def of(self, summary: Mapping[str, Any]) -> float | None:
        """Its value in a summary."""
        metric, _, stat = self.name.rpartition(".")
        return figure(Slo(metric or stat, stat, True, 0.0), summary)

    def spread(self, summary: Mapping[str, Any]) -> float | None:
        """Of a latency, the standard deviation of its values inside the run."""
        block = summary["latency"].get(self.name.partition(".")[0])
        return None if block is None else block["std"]

    def text(self, value: float | None) -> str:
        """A value, without its unit unless that is percent."""
        return figures.percent(value) if self.unit == "share" else figures.measure(value)

    def step(self, value: float, scale: str) -> str:
        """A change: relative in percent, or in the figure's own unit."""
        times, unit = self._scale(scale)
        return f"{_signed(times * value)}{unit}"

    def span(self, low: float, high: float, scale: str) -> str:
        """An interval of changes."""
        times, unit = self._scale(scale)
        return f"{_signed(times * low)} to {_signed(times * high)}{unit}"

    def _scale(self, scale: str) -> tuple[int, str]:
        if scale == "ratio":
            return 100, " %"
        if self.unit == "share":
            return 100, " points"
        return 1, " ms" if self.unit == "ms" else "/s"


def default_figures() -> list[Figure]:
    """Those that are compared where none are named."""
    return [_KNOWN[name] for name in _SHOWN]


def named_figures(names: Sequence[str]) -> list[Figure]:
    """Those of `--metric`: a figure, or a latency with all its statistics.

    Raises:
        UsageError: There is no such figure.
    """
    found: dict[str, Figure] = {}
    for name in names:
        several = [f"{name}.{stat}" for stat in _STATS] if name in LATENCIES else [name]
        for one in several:
            if one not in _KNOWN:
                stats = f"a latency ({', '.join(LATENCIES)}) with one of {', '.join(STATS)}"
                raise UsageError(f"--metric {name!r}: name {stats}, or {', '.join(_OTHERS)}")
            found[one] = _KNOWN[one]
    return list(found.values())


def _signed(value: float) -> str:
    """Two decimals at the most: nobody repeats a run to a thousandth of a percent."""
    text = figures.measure(abs(value)) if abs(value) >= 1 else f"{abs(value):.2f}"
    if not text.strip("0."):
        return "0"
    return f"{'-' if value < 0 else '+'}{text}"


def _known() -> Iterator[Figure]:
    for metric in LATENCIES:
        for stat in STATS:
            shown = "p99.9" if stat == "p999" else stat
            yield Figure(f"{metric}.{stat}", f"{LABELS[metric]} {shown}", "ms", "lower")
    for name, (label, unit, better) in _OTHERS.items():
        yield Figure(name, label, unit, better)


_KNOWN = {one.name: one for one in _known()}
