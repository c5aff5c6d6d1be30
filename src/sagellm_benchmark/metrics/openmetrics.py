"""The pages on which servers publish figures: Prometheus text 0.0.4, OpenMetrics, JSON.

In: a page's text, from anybody. Out: pairs of a metric's name, labels and all as they were written,
and a finite number; NaN and infinities are left out. A line that is no sample makes the whole page
unreadable, as it does for Prometheus. Time is linear in the text and the number of lines bounded.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from io import StringIO
from typing import Any

import msgspec

MOST_LINES = 100_000
"""Lines of a page, or numbers of a document, beyond which it is refused."""

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_SPACE = r"[ \t]*"
_LABEL = rf'[a-zA-Z_][a-zA-Z0-9_]*{_SPACE}={_SPACE}"[^"\\]*(?:\\.[^"\\]*)*"{_SPACE}'
# Each blank belongs to one part of the pattern only: no text makes it try twice.
_LABELS = rf"\{{{_SPACE}(?:{_LABEL}(?:,{_SPACE}{_LABEL})*(?:,{_SPACE})?)?\}}"
_DIGITS = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_VALUE = rf"[+-]?(?:{_DIGITS}|[iI]nf(?:inity)?|[nN]a[nN])"
_EXEMPLAR = rf"[ \t]+#[ \t]+{_LABELS}[ \t]+{_VALUE}(?:[ \t]+{_VALUE})?"
_SAMPLE = re.compile(
    rf"({_NAME})(?:{_SPACE}({_LABELS}){_SPACE}|[ \t]+)({_VALUE})(?:[ \t]+[+-]?{_DIGITS})?"
    rf"(?:{_EXEMPLAR})?[ \t]*"
)
_PAIR = re.compile(rf'([a-zA-Z_][a-zA-Z0-9_]*){_SPACE}={_SPACE}"([^"\\]*(?:\\.[^"\\]*)*)"')
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_END = "# EOF"
_LONGEST = 64 << 10
_QUOTED = 60


class UnreadableError(ValueError):
    """It is no page of metrics; the text says where."""


def samples(text: str) -> Iterator[tuple[str, float]]:
    """Yield the samples of a page one by one, so that a long one need not be read in one go.

    Raises:
        UnreadableError: While reading: a line is no sample, or there are too many.
    """
    for number, raw in enumerate(StringIO(text, newline="\n"), 1):
        line = raw.strip(" \t\r\n")
        if not line or line[0] == "#":
            if line == _END:
                return
            continue
        if number > MOST_LINES:
            raise UnreadableError(f"more than {MOST_LINES:,} lines")
        found = _SAMPLE.fullmatch(line) if len(line) <= _LONGEST else None
        if found is None:
            raise UnreadableError(f"line {number} is no metric: {line[:_QUOTED]!r}")
        name, labels, value = found.groups()
        amount = float(value)
        if math.isfinite(amount):
            yield name + (labels or ""), amount


def numbers(document: bytes) -> Iterator[tuple[str, float]]:
    """Yield the numbers of a JSON document, each by the way to it: `a.b`, `list.0.c`.

    Raises:
        UnreadableError: It is no JSON, or there is too much in it.
    """
    try:
        parsed = msgspec.json.decode(document)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise UnreadableError(f"no JSON: {error}") from None
    waiting: list[tuple[str, Any]] = [("", parsed)]
    for _ in range(MOST_LINES):
        if not waiting:
            return
        path, value = waiting.pop()
        if isinstance(value, dict | list):
            keyed = value.items() if isinstance(value, dict) else enumerate(value)
            waiting += [(f"{path}.{key}" if path else str(key), held) for key, held in keyed]
        elif type(value) in (int, float) and abs(value) < 1e300:
            yield path, float(value)
    raise UnreadableError(f"more than {MOST_LINES:,} values")


def name_of(series: str) -> str:
    """The metric's name without its labels."""
    return series.partition("{")[0]


def labels_of(series: str) -> dict[str, str]:
    """The labels of a sample, escapes undone."""
    inside = series.partition("{")[2]
    return {name: _ESCAPE.sub(_unescaped, value) for name, value in _PAIR.findall(inside)}


def _unescaped(escape: re.Match[str]) -> str:
    return "\n" if escape[1] == "n" else escape[1]
