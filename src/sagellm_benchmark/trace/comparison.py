"""How far two traces, or a trace and a run of it, are apart.

In: what was observed of both. Out: distances of their distributions, and which of them are more
than a trifle and more than chance would do to two samples of this size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from sagellm_benchmark.trace.samples import Sample, kolmogorov_smirnov, wasserstein
from sagellm_benchmark.trace.statistics import Traffic

SAME_GAP_S = 0.001
"""Between plan and run, times that differ by less are the same: nobody sends on a nanosecond."""

TRIFLE = 0.05
"""A KS distance, or a difference of shares, up to which two traces are called alike."""

_CHANCE = 1.63
"""Kolmogorov's bound at the level of 1 %."""


@dataclass(frozen=True)
class Distance:
    """Two distributions apart.

    Attributes:
        ks: Kolmogorov-Smirnov, 0 to 1.
        wasserstein: In the unit of the values.
        chance: What `ks` is once in a hundred between two samples of one law.
    """

    ks: float
    wasserstein: float
    chance: float

    @property
    def noticeable(self) -> bool:
        """More than a trifle, and more than chance."""
        return self.ks > max(TRIFLE, self.chance)


@dataclass(frozen=True)
class Comparison:
    """Two traces side by side.

    Attributes:
        a: The first.
        b: The second.
        distances: By name: gaps_s, rhythm (gaps over their mean), input_tokens, output_tokens,
            turns, think_time_s; None where one of both does not have it.
        ties: Shares of gaps of at most `same_gap_s`; None where one has none.
        same_gap_s: Times that differ by no more are the same to KS.
    """

    a: Traffic
    b: Traffic
    distances: dict[str, Distance | None]
    ties: tuple[float, float] | None
    same_gap_s: float

    def figures(self) -> dict[str, Any]:
        """The distances as plain numbers."""
        named = {
            name: None if each is None else {"ks": each.ks, "wasserstein": each.wasserstein}
            for name, each in self.distances.items()
        }
        ties = self.ties and {"a": self.ties[0], "b": self.ties[1]}
        return {**named, "ties": ties, "same_gap_s": self.same_gap_s}


def compare(a: Traffic, b: Traffic) -> Comparison:
    """Compare what was observed of two traces."""
    within = SAME_GAP_S if "run" in (a.trace.format, b.trace.format) else 0.0
    one, other = a.arrivals.gaps(), b.arrivals.gaps()
    ties = None
    if one.size and other.size:
        ties = one.share_upto(within), other.share_upto(within)
    distances = {
        "gaps_s": _distance(one, other, within),
        "rhythm": _rhythm(one, other, within),
        "input_tokens": _distance(a.inputs.sample(), b.inputs.sample()),
        "output_tokens": _distance(a.outputs.sample(), b.outputs.sample()),
        "turns": _distance(a.sessions.turns(), b.sessions.turns()),
        "think_time_s": _distance(a.sessions.think_times(), b.sessions.think_times(), within),
    }
    return Comparison(a, b, distances, ties, within)


def _rhythm(one: Sample, other: Sample, within: float) -> Distance | None:
    """Gaps over their mean: what is left of a difference at another speed."""
    if not one.size or not other.size or not one.mean or not other.mean:
        return None
    shorter = min(one.mean, other.mean)
    return _distance(one.scaled(1 / one.mean), other.scaled(1 / other.mean), within / shorter)


def _distance(one: Sample, other: Sample, within: float = 0.0) -> Distance | None:
    if not one.size or not other.size:
        return None
    chance = _CHANCE * math.sqrt(1 / one.size + 1 / other.size)
    return Distance(
        kolmogorov_smirnov(one, other, within), wasserstein(one, other), min(1.0, chance)
    )
