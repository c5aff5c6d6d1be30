"""Service level objectives: text in, gates and the rule of goodput out. One grammar everywhere.

`METRIC<=N` is per request: together they define goodput. `METRIC.STAT<=N`, `METRIC.STAT>=N`,
`protocol.FIELD<=N` and `error_rate<=N` gate the run. `error_rate<=0` is always a gate unless
another `error_rate` replaces it. A gate whose figure is unknown fails.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.metrics.names import LATENCIES, PER_REQUEST, STATS
from sagellm_benchmark.record.protocol_metrics import SERVER_ONLY

IMPLICIT = "error_rate<=0"
"""The gate of every run that names no other error rate."""

_FIGURES = {
    "goodput": ("fraction", "requests_per_s"),
    "short_output": ("fraction",),
    "throughput": ("requests_per_s", "output_tokens_per_s", "input_tokens_per_s"),
}
_PROTOCOL = (
    *("ttft_ms", "tbt_ms", "tpot_ms", "throughput_tps", "error_rate"),
    *(field for field in SERVER_ONLY if field != "component_trace"),
)
_FORM = re.compile(r"([a-z0-9_.]+)(<=|>=)([^<>=]+)")


@dataclass(frozen=True, slots=True)
class Slo:
    """One objective.

    Attributes:
        metric: What is limited, `protocol.…` included.
        stat: Which figure of it; None for a limit per request, for `error_rate`, and where a field
            of the Protocol is named alone.
        at_most: True for `<=`.
        limit: In the metric's own unit.
    """

    metric: str
    stat: str | None
    at_most: bool
    limit: float

    @property
    def expr(self) -> str:
        """The objective as it is written."""
        return f"{self.name}{'<=' if self.at_most else '>='}{self.limit:.15g}"

    @property
    def name(self) -> str:
        """The figure that is limited, as it is written."""
        return self.metric if self.stat is None else f"{self.metric}.{self.stat}"

    @property
    def per_request(self) -> bool:
        """Whether each request must meet it; otherwise the run as a whole."""
        return self.metric in PER_REQUEST and self.stat is None

    def met(self, value: float | None) -> bool:
        """Whether a figure meets it; an unknown one does not."""
        if value is None:
            return False
        return value <= self.limit if self.at_most else value >= self.limit


def parse_slo(text: str, said: str = "--slo") -> Slo:
    """Read one objective.

    Args:
        text: As it was written.
        said: Where; stands before what is wrong.

    Raises:
        UsageError: With what is wrong and what is allowed there.
    """
    said = f"{said} {text!r}"
    matched = _FORM.fullmatch("".join(text.split()))
    if matched is None:
        raise _wrong(said, "write METRIC<=N, METRIC.STAT<=N, METRIC.STAT>=N or error_rate<=N")
    name, operator, number = matched.groups()
    metric, stat = _figure(said, name)
    slo = Slo(metric, stat, operator == "<=", _limit(said, number))
    if (slo.per_request or metric == "error_rate") and not slo.at_most:
        raise _wrong(said, f"{metric} takes <= only")
    return slo


def parse_slos(texts: Iterable[str]) -> tuple[Slo, ...]:
    """Read all objectives of a run, in their order."""
    return tuple(parse_slo(text) for text in texts)


def gates(slos: Iterable[Slo]) -> list[Slo]:
    """Those that gate the run, the implicit error rate included."""
    chosen = [slo for slo in slos if not slo.per_request]
    if not any(slo.metric == "error_rate" for slo in chosen):
        chosen.insert(0, parse_slo(IMPLICIT))
    return chosen


def evaluate(slos: Iterable[Slo], summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Hold the gates against a summary.

    Args:
        slos: All objectives; those per request are left out here, goodput has them.
        summary: A `sagellm.summary/1`, or as much of it as the gates name.

    Returns:
        One `{expr, value, passed}` a gate; value is None where the figure is unknown.
    """
    results = []
    for slo in gates(slos):
        value = figure(slo, summary)
        results.append({"expr": slo.expr, "value": value, "passed": slo.met(value)})
    return results


def figure(slo: Slo, summary: Mapping[str, Any]) -> float | None:
    """The figure of a summary that an objective for the run limits."""
    if slo.metric == "error_rate":
        return _protocol("error_rate", summary)
    if slo.metric.startswith("protocol."):
        return _protocol(slo.metric.removeprefix("protocol."), summary)
    block = summary if slo.metric in _FIGURES else summary["latency"]
    return block[slo.metric][slo.stat]


def _protocol(field: str, summary: Mapping[str, Any]) -> float | None:
    metrics = summary["protocol_metrics"]
    return None if field in metrics["unobserved"] else metrics[field]


def _figure(said: str, name: str) -> tuple[str, str | None]:
    """Split a name into metric and stat, both known."""
    if name == "error_rate":
        return name, None
    if name.startswith("protocol."):
        fields = [f"protocol.{field}" for field in _PROTOCOL]
        return (name, None) if name in fields else _member(said, name, fields, ("mean",))
    metric = name.partition(".")[0]
    if metric in _FIGURES:
        return _member(said, name, list(_FIGURES), _FIGURES[metric])
    if "." in name:
        return _member(said, name, LATENCIES, STATS)
    if name not in PER_REQUEST:
        raise _wrong(said, f"a limit per request is on one of {', '.join(PER_REQUEST)}")
    return name, None


def _member(
    said: str, name: str, metrics: Iterable[str], stats: Iterable[str]
) -> tuple[str, str | None]:
    metric, _, stat = name.rpartition(".")
    if metric not in metrics:
        known = ", ".join((*metrics, *_FIGURES, "error_rate", "protocol.FIELD"))
        raise _wrong(said, f"no metric {metric or name!r}; there are {known}")
    if stat not in stats:
        raise _wrong(said, f"{metric} has no {stat!r}; it has {', '.join(stats)}")
    return metric, stat


def _limit(said: str, number: str) -> float:
    try:
        limit = float(number)
    except ValueError:
        raise _wrong(said, f"{number!r} is no number") from None
    if not math.isfinite(limit) or limit < 0:
        raise _wrong(said, "the limit must be a finite number, 0 or more")
    return limit


def _wrong(said: str, what: str) -> UsageError:
    return UsageError(f"{said}: {what}")
