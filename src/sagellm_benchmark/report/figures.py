"""Numbers as a person reads them: grouped, rounded to what matters, with their unit in words.

A figure comes in, None where it is unknown; short text goes out. Unknown is "-", never 0. Only
ASCII leaves here, so that any terminal and any log can take it.
"""

from __future__ import annotations

from collections.abc import Iterable

UNKNOWN = "-"


def count(value: int | float | None) -> str:
    """A whole number with its thousands grouped."""
    return UNKNOWN if value is None else f"{value:,.0f}"


def measure(value: float | None) -> str:
    """About three digits: 0.412, 7.25, 45.2, 1,234."""
    if value is None:
        return UNKNOWN
    size = abs(value)
    # The bounds are where rounding would carry into the next digit: 9.996 is 10.0, not 10.00.
    decimals = (
        0 if size >= 99.95 or not size else 1 if size >= 9.995 else 2 if size >= 0.9995 else 3
    )
    return f"{value:,.{decimals}f}"


def percent(fraction: float | None) -> str:
    """A share of 1 in percent; what is not all and not nothing never reads as 100 % or 0 %."""
    if fraction is None:
        return UNKNOWN
    if 0 < fraction < 0.001:
        return "< 0.1 %"
    if 0.999 < fraction < 1:
        return "> 99.9 %"
    return f"{100 * fraction:.1f}".removesuffix(".0") + " %"


def chance(p: float | None) -> str:
    """A p-value; the smallest never read as 0."""
    if p is None:
        return UNKNOWN
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def duration(seconds: float | None) -> str:
    """Seconds as `0.42 s`, `42 s`, `3 min 10 s` or `2 h 05 min`."""
    if seconds is None:
        return UNKNOWN
    if seconds < 59.5:
        return f"{round(seconds, 3):.3g} s"
    whole = round(seconds)
    if whole < 3600:
        large, small, words = whole // 60, whole % 60, ("min", "s")
    else:
        large, small, words = whole // 3600, whole % 3600 // 60, ("h", "min")
    return f"{large:,} {words[0]}" + (f" {small:02d} {words[1]}" if small else "")


def clock_time(seconds: float) -> str:
    """Seconds as a stopwatch shows them: `0:42`, `3:10`, `2:05:00`."""
    whole = int(seconds)
    minutes = f"{whole // 60 % 60}:{whole % 60:02d}"
    return f"{whole // 3600}:{minutes.zfill(5)}" if whole >= 3600 else minutes


def size(count_bytes: float) -> str:
    """Bytes in kB, MB or GB."""
    amount, unit = float(count_bytes), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 999.5:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.0f} {unit}" if unit == "B" or amount >= 10 else f"{amount:.1f} {unit}"


def plural(number: int, noun: str) -> str:
    """A number with its noun: `1 row`, `3 rows`, `2 replies`."""
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {noun[:-1]}ies" if noun.endswith("y") else f"{number:,} {noun}s"


def pack(parts: Iterable[str], width: int, between: str = ", ") -> list[str]:
    """Parts joined into lines of at most `width`; a part that is longer stays whole."""
    lines: list[str] = []
    line = ""
    for part in parts:
        if line and len(line + between + part + between.rstrip()) > width:
            lines.append(line + between.rstrip())
            line = part
        else:
            line = line + between + part if line else part
    return [*lines, line]
