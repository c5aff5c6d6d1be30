"""A comparison as Markdown, for a pull request.

A comparison comes in, text comes out, ending in a line break. What traces, servers and paths
brought can neither end a cell nor become markup: it is escaped sign by sign.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from sagellm_benchmark.redact import snippet
from sagellm_benchmark.report.comparison import words
from sagellm_benchmark.report.comparison.differences import Comparison

_BOLD = ("worse", "better")
_MARKUP = re.compile(r"[\\`*_\[\]|~]")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;", "#": "&#35;"}
_LINKS = re.compile(r"://|www\.", re.IGNORECASE)


def comparison_markdown(comparison: Comparison) -> str:
    """The whole text."""
    return "\n".join(_lines(comparison)) + "\n"


def table_lines(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table whose cells are escaped already; numbers stand right, the outer columns left."""
    yield f"| {' | '.join(headings)} |"
    inner = ["---:"] * (len(headings) - 2)
    yield f"|{'|'.join([':---', *inner, ':---'])}|"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _lines(comparison: Comparison) -> Iterator[str]:
    yield "### Comparison"
    yield ""
    by_level = {
        level: [one.text for one in comparison.findings if one.level == level]
        for level in ("invalid", "warning", "note")
    }
    if by_level["invalid"]:
        yield "**DO NOT USE THIS COMPARISON.**"
        yield ""
        yield from _points(by_level["invalid"])
    for number, side in enumerate(comparison.sides):
        base = "" if number else " (the base)"
        told = f"{words.runs(side)}, against {words.target(side)}"
        yield f"- **{side.letter}** {escaped(side.name)}{base}: {escaped(told)}"
    yield ""
    if by_level["warning"]:
        yield "**Not the same but for the target:**"
        yield ""
        yield from _points(by_level["warning"])
    for place in range(len(comparison.sides) - 1):
        yield f"**{escaped(words.title(comparison, place))}**"
        yield ""
        headings = [heading or " " for heading in words.headings(comparison, place)]
        yield from table_lines(
            headings, (_row(comparison, row, place) for row in comparison.rows_of(place))
        )
        yield ""
    if by_level["note"]:
        yield from _points(by_level["note"])
    yield "<details><summary>How to read this</summary>"
    yield ""
    yield from _points(words.remarks(comparison))
    yield "</details>"


def _row(comparison: Comparison, row: words.Row, place: int) -> list[str]:
    cells = [escaped(cell) or " " for cell in words.cells(comparison, row, place)]
    if row.word(place) in _BOLD and not row.small(place):
        cells[-1] = f"**{cells[-1]}**"
    return cells


def _points(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield f"- {escaped(text)}"
    yield ""


def escaped(text: str, limit: int = 600) -> str:
    """One line of anybody's words: no markup, no link, no mention, no number of an issue."""
    plain = "".join(_ENTITIES.get(sign, sign) for sign in snippet(text, limit))
    plain = _MARKUP.sub(lambda sign: "\\" + sign[0], plain)
    return _LINKS.sub(lambda found: f"{found[0][:-1]}&#{ord(found[0][-1])};", plain)
