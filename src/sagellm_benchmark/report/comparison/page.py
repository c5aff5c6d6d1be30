"""A comparison as one HTML page: findings, differences, curves over each other.

Sides come in; a page goes out that needs no network and runs no script, as its policy says. Text
from traces, servers and paths is escaped by the template.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from sagellm_benchmark import __version__
from sagellm_benchmark.jsonl import write_lines
from sagellm_benchmark.redact import snippet
from sagellm_benchmark.report.comparison import words
from sagellm_benchmark.report.comparison.curves import curves, style
from sagellm_benchmark.report.comparison.differences import Comparison, Row, compare_sides
from sagellm_benchmark.report.comparison.figures import Figure
from sagellm_benchmark.report.comparison.samples import samples
from sagellm_benchmark.report.comparison.sides import Side

_PACKAGE = files("sagellm_benchmark")
_STYLES = ("report/html/style.css", "data/comparison.css")


@dataclass(frozen=True)
class _Line:
    """One row of a table.

    Attributes:
        cells: As text.
        word: What the change is called.
        small: Sure, and too small to matter all the same.
        bar: Its interval: left end, right end and change, each between 0 and 1; None without one.
    """

    cells: words.Cells
    word: str
    small: bool
    bar: tuple[float, float, float] | None


def comparison_page(
    sides: Sequence[Side], path: str | Path, figures: Sequence[Figure] = ()
) -> None:
    """Compare sides and write the page.

    Raises:
        UsageError: The file exists or cannot be written; a record is none.
    """
    page = comparison_html(compare_sides(sides, figures))
    write_lines(path, [page.rstrip("\n").encode()])


def comparison_html(comparison: Comparison) -> str:
    """The page's text.

    Raises:
        InputError: A file of records cannot be read, or holds what is no record.
    """
    from jinja2 import Environment

    css = "\n".join(_PACKAGE.joinpath(name).read_text(encoding="utf-8") for name in _STYLES)
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        _PACKAGE.joinpath("data/comparison.html").read_text(encoding="utf-8")
    )
    letters = [side.letter for side in comparison.sides]
    levels = ("invalid", "warning", "note")
    return template.render(
        style=css,
        style_hash=b64encode(hashlib.sha256(css.encode()).digest()).decode(),
        version=__version__,
        sides=[_side(side, place) for place, side in enumerate(comparison.sides)],
        findings={
            level: [snippet(one.text, 600) for one in comparison.findings if one.level == level]
            for level in levels
        },
        tables=[_table(comparison, place) for place in range(len(letters) - 1)],
        curves=curves(letters, [samples(side) for side in comparison.sides]),
        pooled=any(len(side.archives) > 1 for side in comparison.sides),
        remarks=list(words.remarks(comparison)),
    )


def _side(side: Side, place: int) -> dict[str, object]:
    return {
        "letter": side.letter,
        "name": snippet(side.name, 200),
        "runs": snippet(words.runs(side), 400),
        "target": snippet(words.target(side), 300),
        "style": style(place),
        "states": [
            (snippet(archive.run_id, 100), archive.summary["verdict"]["state"])
            for archive in side.archives
        ],
    }


def _table(comparison: Comparison, place: int) -> dict[str, object]:
    letters = (comparison.sides[0].letter, comparison.sides[place + 1].letter)
    reach = max((abs(end) for end in _ends(comparison, place)), default=0.0)
    return {
        "title": words.title(comparison, place),
        "letters": letters,
        "repeats": comparison.repeats(place),
        "lines": [_line(comparison, row, place, reach) for row in comparison.rows_of(place)],
        "reach": f"{100 * reach:.3g} %" if reach else "",
    }


def _ends(comparison: Comparison, place: int) -> Iterator[float]:
    for row in comparison.rows:
        found = row.differences[place]
        if found is not None and found.scale == "ratio":
            yield from (end for end in (found.low, found.high, found.change) if end is not None)


def _line(comparison: Comparison, row: Row, place: int, reach: float) -> _Line:
    found, bar = row.differences[place], None
    if found is not None and found.scale == "ratio" and reach:
        ends = (found.low, found.high, found.change)
        placed = [found.change if end is None else end for end in ends]
        low, high, change = (0.5 + end / reach / 2 for end in placed)
        bar = (low, high, change)
    return _Line(words.cells(comparison, row, place), row.word(place), row.small(place), bar)
