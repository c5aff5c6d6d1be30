"""What a run costs its workers, live and at its end: the `generator` block of many processes.

In: what workers say of themselves, every second and once they are done. Out: a line a worker, and
figures of all of them: the most of what is a peak, the sum of what is an amount, and lags as if
they had been measured in one process.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from sagellm_benchmark.load.cluster.crew import Crew
from sagellm_benchmark.load.cluster.member import Member, State
from sagellm_benchmark.load.health import Health
from sagellm_benchmark.metrics.histogram import Histogram
from sagellm_benchmark.metrics.series import Counters
from sagellm_benchmark.record.buckets import BucketCounts

_SUMS = ("cpu_s", "parsing_s", "peak_in_flight")
_PEAKS = ("cpu_percent", "peak_memory_mb")
_WORDS = {State.DONE: "left", State.INVITED: "ready"}


class Toll:
    """Of one run.

    Args:
        crew: Its workers.
        health: Of the coordinator's own process.
    """

    def __init__(self, crew: Crew, health: Health) -> None:
        self._crew = crew
        self._health = health

    def counters(self) -> Counters:
        """What is counted now."""
        members = self._crew.members.values()
        pulses = [each.pulse for each in members if each.pulse is not None]
        return Counters(
            sum(each.planned for each in members),
            sum(pulse.sent for pulse in pulses),
            sum(each.pulse.in_flight for each in self._crew.running if each.pulse),
            sum(each.pulse.tokens_in_flight for each in self._crew.running if each.pulse),
        )

    def stalls(self) -> list[tuple[float, float, str]]:
        """Each time a worker stood still: [start, end] in seconds of the run, and which one did."""
        done = (each.done for each in self._crew.members.values() if each.done is not None)
        return sorted(span for one in done for span in one.stalls)

    def workers(self) -> list[dict[str, Any]]:
        """A line a worker."""
        return [_line(each) for each in self._crew.members.values()]

    def generator(self) -> dict[str, Any]:
        """As far as it is known: the worst of the last second's lags."""
        pulses = [each.pulse for each in self._crew.running if each.pulse is not None]
        return {
            "cpu_percent": _most(pulse.cpu_percent for pulse in pulses),
            "loop_lag_ms": _worst(pulse.loop_lag_ms for pulse in pulses),
            "read_lag_ms": _worst(pulse.read_lag_ms for pulse in pulses),
        }

    def final(self) -> dict[str, Any]:
        """What the load cost, as the summary has it."""
        members = self._crew.members.values()
        done = [each.done for each in members if each.done is not None]
        figures = [one.figures for one in done]
        return {
            **{key: _total(each.get(key) for each in figures) for key in _SUMS},
            **{key: _most(each.get(key) for each in figures) for key in _PEAKS},
            **{key: _merged(figures, key) for key in ("gc", "files", "ports", "recorder")},
            "loop_lag_ms": _block(one.loop_lags for one in done),
            "read_lag_ms": _block(one.read_lags for one in done),
            "stalls": self.stalls(),
            "coordinator": self._health.figures(),
            "workers": [_account(each) for each in members],
        }


def _line(member: Member) -> dict[str, Any]:
    pulse = member.pulse
    line: dict[str, Any] = {
        "name": member.name,
        "state": _WORDS.get(member.state, member.state.value),
    }
    keys = ("cpu_percent", "loop_lag_ms", "read_lag_ms", "in_flight", "sent", "memory_mb")
    return line | {key: None if pulse is None else getattr(pulse, key) for key in keys}


def _account(member: Member) -> dict[str, Any]:
    bound_ns = member.clock.bound_ns
    return {
        "name": member.name,
        "state": member.state.value,
        "why": member.why,
        "records": member.recorded,
        "lost": member.lost,
        "clock_bound_ms": None if bound_ns is None else bound_ns / 1e6,
        **({} if member.done is None else member.done.figures),
    }


def _merged(figures: list[dict[str, Any]], key: str) -> dict[str, Any] | None:
    """The most of each number of a block; what is no number as the first has it."""
    blocks = [each[key] for each in figures if each.get(key)]
    if not blocks:
        return None
    merged = dict(blocks[0])
    for block in blocks[1:]:
        for name, value in block.items():
            if isinstance(value, int | float) and isinstance(merged.get(name), int | float):
                merged[name] = max(merged[name], value)
    return merged


def _total(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known), 6) if known else None


def _most(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _worst(values: Iterable[float | None]) -> dict[str, Any]:
    histogram = Histogram()
    histogram.add(value for value in values if value is not None)
    return histogram.block()


def _block(counts: Iterable[dict[str, Any]]) -> dict[str, Any]:
    histogram = Histogram()
    for each in counts:
        histogram.add_counts(msgspec.convert(each, BucketCounts))
    return histogram.block()
