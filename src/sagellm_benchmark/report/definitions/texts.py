"""A view in another tool's terms as text for a terminal, as Markdown, as one JSON object.

A view comes in, text or plain data goes out. What paths and run ids brought is stripped of what
moves a terminal, and escaped for Markdown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sagellm_benchmark.redact import snippet
from sagellm_benchmark.report import figures
from sagellm_benchmark.report.comparison import words
from sagellm_benchmark.report.comparison.markdown import escaped, table_lines
from sagellm_benchmark.report.definitions.term import VALUE
from sagellm_benchmark.report.definitions.view import Line, View
from sagellm_benchmark.report.screen import paragraph, points, screen, text_of

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

SCHEMA = "sagellm.definitions/1"


def terminal(view: View, *, width: int, color: bool) -> str:
    """The whole text, ending in a line break."""
    return text_of(screen(width, color=color), lambda console: _write(console, view))


def markdown(view: View) -> str:
    """The same as Markdown."""
    return "\n".join(_markdown(view)) + "\n"


def document(view: View) -> dict[str, Any]:
    """The same as plain data."""
    return {
        "schema": SCHEMA,
        "definitions": view.tool.name,
        "usable": view.usable,
        "sides": [
            {"side": side.letter, "name": side.name, "runs": [run.run_id for run in side.archives]}
            for side in view.sides
        ],
        "figures": [
            {
                "name": line.term.name,
                "statistic": line.stat,
                "unit": line.term.unit,
                "values": list(line.values),
                "differs": line.term.differs,
            }
            for line in view.lines
        ],
        "absent": [{"name": name, "why": why} for name, why in view.absent],
        "remarks": list(view.remarks),
    }


def _title(view: View) -> str:
    return f"In the terms of {view.tool.name}"


def _invalid(view: View) -> str:
    return f"INVALID, do not use these figures: {', '.join(view.invalid)}"


def _write(console: Console, view: View) -> None:
    if view.invalid:
        console.print(snippet(_invalid(view), 600), style="bold red")
    for side in view.sides:
        console.print(snippet(f"{side.letter}  {side.name}  ({words.runs(side)})", 400))
    paragraph(console, _title(view), style="bold")
    for table in _tables(view):
        paragraph(console, table)
    paragraph(console, "Against ours", style="bold")
    console.print(points(f"{line.term.name}: {line.term.differs}" for line in _terms(view)))
    remarks = [*view.remarks, *_notes(view)]
    if remarks:
        paragraph(console, "To know", style="bold")
        console.print(points(remarks))


def _terms(view: View) -> Iterator[Line]:
    return (line for line, first in _firsts(view.lines) if first)


def _notes(view: View) -> Iterator[str]:
    reasons: dict[str, list[str]] = {}
    for name, why in view.absent:
        reasons.setdefault(why, []).append(name)
    for why, names in reasons.items():
        yield f"Without {', '.join(names)}: {why}."
    if any(len(side.archives) > 1 for side in view.sides):
        yield "Of a side with several runs: the mean of what the tool would say of each."
    if len(view.sides) > 1:
        yield "Whether a difference is more than noise: compare without --definitions."


def _tables(view: View) -> Iterator[Table]:
    """Single numbers, then those with several statistics: of one side a column each."""
    letters = [side.letter for side in view.sides]
    singles = [line for line in view.lines if line.stat == VALUE]
    several = [line for line in view.lines if line.stat != VALUE]
    if singles:
        yield _filled(("", *letters), ([_name(line), *_values(line)] for line in singles))
    if not several:
        return
    if len(letters) > 1:
        rows = (
            [_name(line) if first else "", *_values(line), line.stat]
            for line, first in _firsts(several)
        )
        yield _filled(("", *letters, " "), rows)
        return
    stats = list(dict.fromkeys(line.stat for line in several))
    figures_of: dict[str, dict[str, str]] = {}
    for line in several:
        figures_of.setdefault(_name(line), {})[line.stat] = _values(line)[0]
    rows = ([name, *(told.get(stat, "") for stat in stats)] for name, told in figures_of.items())
    yield _filled(("", *stats), rows)


def _filled(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    shown = Table(header_style="dim", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for number, heading in enumerate(headings):
        if number and heading.strip():
            shown.add_column(heading, justify="right", no_wrap=True)
        else:
            shown.add_column(heading, overflow="fold")
    for name, *cells in rows:
        shown.add_row(Text(name, style="bold"), *cells)
    return shown


def _markdown(view: View) -> Iterator[str]:
    yield f"### {_title(view)}"
    yield ""
    if view.invalid:
        yield f"**{escaped(_invalid(view))}**"
        yield ""
    for side in view.sides:
        yield f"- **{side.letter}** {escaped(side.name)}: {escaped(words.runs(side))}"
    yield ""
    letters = [side.letter for side in view.sides]
    rows = (
        [
            escaped(_name(line)) if first else " ",
            _stat(line) or " ",
            *_values(line),
            escaped(line.term.differs) if first else " ",
        ]
        for line, first in _firsts(view.lines)
    )
    yield from table_lines([" ", " ", *letters, "against ours"], rows)
    yield ""
    for text in (*view.remarks, *_notes(view)):
        yield f"- {escaped(text)}"


def _firsts(lines: Sequence[Line]) -> Iterator[tuple[Line, bool]]:
    """Each line, and whether it is the first of its figure."""
    before = None
    for line in lines:
        yield line, line.term is not before
        before = line.term


def _values(line: Line) -> list[str]:
    """Of each side; what is counted has no decimals."""
    whole = line.stat == VALUE and all(float(value or 0).is_integer() for value in line.values)
    return [figures.count(value) if whole else figures.measure(value) for value in line.values]


def _name(line: Line) -> str:
    return f"{line.term.name}, {line.term.unit}" if line.term.unit else line.term.name


def _stat(line: Line) -> str:
    return "" if line.stat == VALUE else line.stat
