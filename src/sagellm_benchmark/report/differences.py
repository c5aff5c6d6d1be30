"""What differs noticeably between two traces, or a trace and a run, in words.

In: a comparison, and the figures of both. Out: a sentence for each thing that differs by more than
a bound of this module and by more than chance would do (at the level of 1 %), and one for each that
only one of the two tells of. No sentence means that nothing differs so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from sagellm_benchmark.report.figures import count, duration, measure, percent, plural
from sagellm_benchmark.trace.arrivals import WINDOWS_S
from sagellm_benchmark.trace.comparison import TRIFLE, Comparison, Distance

RATE = 1.05
"""Rates of which one is less than so many times the other are called alike."""

DISPERSION = 1.6
"""The same of indices of dispersion."""

HIT = 0.02
"""Prefix hit rates that differ by less are called alike."""

_NORMAL = 2.58  # the normal law's bound at 1 %, both sides

Figures = dict[str, Any]
Distances = dict[str, Distance | None]


def differences(comparison: Comparison, a: Figures, b: Figures) -> list[str]:
    """What differs, the arrivals first; `a` and `b` are the figures of the two."""
    return [
        *_pace(a, b),
        *_gaps(comparison.distances),
        *_ties(comparison),
        *_bursts(a, b),
        *_lengths(a, b, comparison.distances),
        *_conversations(a, b, comparison.distances),
        *_prefixes(a, b),
    ]


def _pace(a: Figures, b: Figures) -> Iterator[str]:
    if a["rows"] != b["rows"]:
        yield f"A has {count(a['rows'])} requests, B {count(b['rows'])}"
    if a["rate_per_s"] is None or b["rate_per_s"] is None:
        return
    # A mean of gaps is as sure as their spread and their number let it be.
    errors = [each["iat"]["cv"] / math.sqrt(each["rows"]) for each in (a, b)]
    if _apart(a["rate_per_s"], b["rate_per_s"], RATE, errors):
        yield (
            f"B has {measure(b['rate_per_s'] / a['rate_per_s'])} times the rate of A: "
            f"{measure(b['rate_per_s'])} requests/s against {measure(a['rate_per_s'])}"
        )


def _gaps(distances: Distances) -> Iterator[str]:
    gaps, rhythm = distances["gaps_s"], distances["rhythm"]
    if gaps is None or rhythm is None:
        return
    if gaps.noticeable or rhythm.noticeable:
        alike = "" if rhythm.noticeable else ", which is alike"
        yield (
            f"gaps differ: KS {measure(gaps.ks)}, {moment(gaps.wasserstein)} apart in the mean; "
            f"over their means KS {measure(rhythm.ks)}{alike}"
        )


def _ties(comparison: Comparison) -> Iterator[str]:
    if comparison.ties is None:
        return
    one, other = comparison.ties
    if abs(one - other) > TRIFLE:
        what = "0"
        if comparison.same_gap_s:
            what = f"at most {moment(comparison.same_gap_s)}"
        yield f"ties differ: {percent(one)} of the gaps of A are {what}, {percent(other)} of B's"


def _bursts(a: Figures, b: Figures) -> Iterator[str]:
    told: list[str] = []
    steadier: set[str] = set()
    for width_s in WINDOWS_S:
        one, other = a["idc"][str(width_s)], b["idc"][str(width_s)]
        if one is None or other is None:
            continue
        errors = [math.sqrt(2 / (each["span_s"] // width_s)) for each in (a, b)]
        if _apart(one, other, DISPERSION, errors):
            told.append(f"{measure(one)} and {measure(other)} in {moment(width_s)}")
            steadier.add("B" if other < one else "A")
    if told:
        who = f"{steadier.pop()} has smaller bursts" if len(steadier) == 1 else "bursts differ"
        yield f"{who}: index of dispersion of A and B {', '.join(told)} (Poisson: 1)"


def _lengths(a: Figures, b: Figures, distances: Distances) -> Iterator[str]:
    for key, words in (("input_tokens", "input lengths"), ("output_tokens", "output lengths")):
        distance = distances[key]
        if distance is not None and distance.noticeable:
            yield (
                f"{words} differ: KS {measure(distance.ks)}, {measure(distance.wasserstein)} "
                "tokens apart in the mean; at p50 "
                f"{measure(a[key]['p50'])} and {measure(b[key]['p50'])}"
            )


def _conversations(a: Figures, b: Figures, distances: Distances) -> Iterator[str]:
    turns, think = distances["turns"], distances["think_time_s"]
    if turns is not None and turns.noticeable:
        yield (
            f"sessions differ in length: {measure(a['turns']['mean'])} and "
            f"{measure(b['turns']['mean'])} turns in the mean"
        )
    if think is not None and think.noticeable:
        yield (
            f"think times differ: KS {measure(think.ks)}; at p50 "
            f"{moment(a['think_time_s']['p50'])} and {moment(b['think_time_s']['p50'])}"
        )


def _prefixes(a: Figures, b: Figures) -> Iterator[str]:
    if a["prefix_hit"] is None or b["prefix_hit"] is None:
        return
    caches = [("without a bound", a["prefix_hit"], b["prefix_hit"])]
    lru = zip(a["prefix_cache"]["lru"], b["prefix_cache"]["lru"], strict=True)
    caches += [(f"of {count(one['tokens'])} tokens", one, other) for one, other in lru]
    told = [
        f"{name} {percent(one['token'])} and {percent(other['token'])}"
        for name, one, other in caches
        if abs(one["token"] - other["token"]) > HIT
    ]
    if told:
        yield f"reuse differs: of the input of A and B a prefix cache serves, {', '.join(told)}"


_PARTS = (
    ("rate_per_s", "arrivals"),
    ("input_tokens", "input lengths"),
    ("output_tokens", "output lengths"),
    ("turns", "sessions"),
    ("think_time_s", "think times"),
    ("prefix_hit", "prefix blocks"),
)


def unknown(a: Figures, b: Figures) -> list[str]:
    """What cannot be compared: one of both tells of it and the other does not."""
    return list(_unknown(a, b))


def _unknown(a: Figures, b: Figures) -> Iterator[str]:
    for key, words in _PARTS:
        if (a[key] is None) != (b[key] is None):
            yield f"{'A' if a[key] is None else 'B'} tells nothing of {words}"
    for name, each in (("A", a), ("B", b)):
        if each["dependents"] and each["rate_per_s"] is not None:
            rows = plural(each["dependents"], "row")
            yield f"{name} has no arrival of {rows} that wait for others"


def moment(seconds: float) -> str:
    """A time that may be short: `12 ms`, `3.4 s`, `2 min 05 s`."""
    return duration(seconds) if seconds >= 1 else f"{measure(seconds * 1000)} ms"


def _apart(one: float, other: float, times: float, errors: Sequence[float]) -> bool:
    """Whether one is so many times the other, and more than their relative errors explain."""
    if not one or not other:
        return one != other
    return abs(math.log(one / other)) > max(math.log(times), _NORMAL * math.hypot(*errors))
