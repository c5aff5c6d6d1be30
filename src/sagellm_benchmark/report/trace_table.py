"""The figures of `trace inspect` for a person: of one trace, or of two side by side.

In: names and figures; for two also their distances and what differs. Out: aligned plain text, that
any terminal and any log can take. What is unknown is said, or "-" in a table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sagellm_benchmark.report.differences import moment
from sagellm_benchmark.report.figures import (
    UNKNOWN,
    count,
    duration,
    measure,
    pack,
    percent,
    plural,
)

Figures = dict[str, Any]
Line = tuple[str, str]

_COARSE_S = 0.1
_WIDTH = 100
_STATS = ("p50", "p90", "p99", "max")


def one_table(name: str, figures: Figures) -> str:
    """Lay out the figures of one trace."""
    lines = [
        ("trace", f"{name} ({figures['format']})"),
        ("rows", _rows(figures)),
        ("span", _span(figures)),
        ("arrivals", _arrivals(figures)),
        ("gaps", _times(figures["gaps_s"])),
        ("dispersion", _dispersion(figures["idc"])),
        ("input tokens", _tokens(figures["input_tokens"])),
        ("output tokens", _tokens(figures["output_tokens"])),
        ("sessions", _sessions(figures)),
        ("think time", _times(figures["think_time_s"])),
        *_reuse(figures),
    ]
    width = max(len(label) for label, _ in lines)
    return "".join(f"{label:<{width}}  {value}\n" for label, value in lines)


def _rows(figures: Figures) -> str:
    parts = [f"{figures['rows']:,} of {figures['rows_read']:,} read"]
    parts += [f"{many:,} dropped: {reason}" for reason, many in figures["drops"].items()]
    if figures["inversions"]:
        parts.append(f"{figures['inversions']:,} out of order, sorted")
    if figures["dependents"]:
        parts.append(f"{figures['dependents']:,} wait for others")
    return "; ".join(parts)


def _span(figures: Figures) -> str:
    rate = figures["rate_per_s"]
    mean = "" if rate is None else f", {rate:,.3g} requests/s in the mean"
    return f"{figures['span_s']:,.3f} s{mean}"


def _arrivals(figures: Figures) -> str:
    iat = figures["iat"]
    if iat["cv"] is None:
        return "all at one instant"
    parts = [f"gaps with CV {iat['cv']:.3f}", f"{iat['ties']:.1%} tied"]
    if (figures["time_resolution_s"] or 0) >= _COARSE_S:
        parts.append(f"recorded on a grid of {figures['time_resolution_s']:g} s")
    return ", ".join(parts)


def _dispersion(idc: dict[str, float | None]) -> str:
    known = [f"{value:.2f} in {width} s" for width, value in idc.items() if value is not None]
    return f"{', '.join(known)} (Poisson: 1)" if known else "unknown"


def _tokens(figures: Figures | None) -> str:
    if figures is None:
        return "unknown"
    return "   ".join(f"{name} {value:>9,.10g}" for name, value in figures.items())


def _times(figures: Figures | None) -> str:
    if figures is None:
        return "unknown"
    return "   ".join(f"{name} {moment(figures[name]):>9}" for name in _STATS)


def _sessions(figures: Figures) -> str:
    turns = figures["turns"]
    if turns is None:
        return "none"
    return (
        f"{figures['sessions']:,}, of {measure(turns['mean'])} turns in the mean and "
        f"{turns['max']:,.0f} at most"
    )


def _reuse(figures: Figures) -> Iterator[Line]:
    hit = figures["prefix_hit"]
    if hit is None:
        yield "prefix reuse", "unknown (no block ids)"
        return
    yield (
        "prefix reuse",
        f"{hit['block']:.1%} of blocks, {hit['token']:.1%} of tokens (endless cache)",
    )
    cache = figures["prefix_cache"]
    for each in cache["lru"]:
        hits = f"{each['block']:.1%} of blocks, {each['token']:.1%} of tokens"
        yield "", f"{hits} (cache of {each['tokens']:,} tokens)"
    distinct = cache["distinct_blocks"] * cache["block_size"]
    yield "", f"{plural(cache['distinct_blocks'], 'distinct block')}, {distinct:,} tokens at most"


def pair_table(
    names: Sequence[str],
    pair: Sequence[Figures],
    distances: Figures,
    differs: Sequence[str],
    unknown: Sequence[str],
) -> str:
    """Lay out the figures of two traces, how far they are apart, and what that comes to."""
    parts = [
        "".join(f"{letter}  {name}\n" for letter, name in zip("AB", names, strict=True)),
        _aligned([("", "A", "B"), *figure_rows(pair)]),
        _aligned(distance_rows(distances)),
    ]
    if distances["same_gap_s"]:
        parts[-1] += f"Times within {duration(distances['same_gap_s'])} are the same to KS.\n"
    told = [f"{each}." for each in differs] or ["Nothing differs noticeably."]
    told += [f"{each}." for each in unknown]
    parts.append("".join(_wrapped(each[0].upper() + each[1:]) for each in told))
    return "\n".join(parts)


def figure_rows(pair: Sequence[Figures]) -> Iterator[tuple[str, ...]]:
    """The rows of a table: what it is, and of each trace how much."""

    def each(show: Any, *keys: str) -> list[str]:
        return [_shown(show, figures, keys) for figures in pair]

    yield "format", *each(str, "format")
    yield "rows", *each(count, "rows")
    if any(figures["drops"] for figures in pair):
        yield "dropped", *(count(sum(figures["drops"].values())) for figures in pair)
    yield "span", *each(duration, "span_s")
    yield "requests/s", *each(measure, "rate_per_s")
    yield "CV of gaps", *each(measure, "iat", "cv")
    yield "ties", *each(percent, "iat", "ties")
    yield from ((f"gap {stat}", *each(moment, "gaps_s", stat)) for stat in _STATS)
    for width in pair[0]["idc"]:
        yield f"dispersion in {width} s", *each(measure, "idc", width)
    for key in ("input_tokens", "output_tokens"):
        words = key.replace("_", " ")
        yield from ((f"{words} {stat}", *each(count, key, stat)) for stat in _STATS)
    yield "sessions", *each(count, "sessions")
    if any(figures["turns"] for figures in pair):
        yield "turns, mean", *each(measure, "turns", "mean")
        yield "turns, max", *each(count, "turns", "max")
    if any(figures["think_time_s"] for figures in pair):
        yield from ((f"think time {stat}", *each(moment, "think_time_s", stat)) for stat in _STATS)
    yield from _pair_reuse(pair)


def _pair_reuse(pair: Sequence[Figures]) -> Iterator[tuple[str, ...]]:
    if not any(figures["prefix_hit"] for figures in pair):
        return
    hits = [_shown(percent, figures, ("prefix_hit", "token")) for figures in pair]
    yield "reused, endless cache", *hits
    caches = [figures["prefix_cache"] for figures in pair]
    known = next(cache for cache in caches if cache)
    for place, size in enumerate(each["tokens"] for each in known["lru"]):
        shares = [percent(cache["lru"][place]["token"]) if cache else UNKNOWN for cache in caches]
        yield f"  of {size:,} tokens", *shares


def _shown(show: Any, figures: Any, keys: Sequence[str]) -> str:
    for key in keys:
        figures = None if figures is None else figures[key]
    return UNKNOWN if figures is None else show(figures)


_DISTANCES = (
    ("gaps_s", "gaps", moment),
    ("rhythm", "gaps over their mean", measure),
    ("input_tokens", "input tokens", measure),
    ("output_tokens", "output tokens", measure),
    ("turns", "turns", measure),
    ("think_time_s", "think times", moment),
)


def distance_rows(distances: Figures) -> Iterator[tuple[str, ...]]:
    """The rows of the table of distances, its head first."""
    yield "distance of", "KS", "Wasserstein"
    for key, label, show in _DISTANCES:
        if (distance := distances[key]) is not None:
            yield label, f"{distance['ks']:.3f}", show(distance["wasserstein"])


def _aligned(rows: Any) -> str:
    rows = list(rows)
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "".join(
        f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}\n" for row in rows
    )


def _wrapped(sentence: str) -> str:
    first, *rest = pack(sentence.split(" "), _WIDTH, " ")
    return "".join([f"{first}\n", *(f"  {line}\n" for line in rest)])
