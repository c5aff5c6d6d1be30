"""A comparison as text for a terminal: who, what speaks against it, what differs.

A comparison comes in, text comes out, `width` columns wide. An invalid run is said first. What a
trace, a server or a path brought is stripped of everything that moves a terminal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagellm_benchmark.redact import snippet
from sagellm_benchmark.report.comparison import words
from sagellm_benchmark.report.comparison.differences import Comparison
from sagellm_benchmark.report.screen import paragraph, points, screen, text_of

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_WIDE = 96
_DETECTABLE = 5
_STYLES = {
    "better": "green",
    "worse": "red",
    "noise": "dim",
    "equal": "dim",
    "cannot tell": "yellow",
}


def comparison_text(comparison: Comparison, *, width: int, color: bool) -> str:
    """The whole text, ending in a line break.

    Args:
        comparison: Of two sides at least.
        width: Columns.
        color: Use a terminal's colours.
    """
    return text_of(screen(width, color=color), lambda console: _write(console, comparison))


def _write(console: Console, comparison: Comparison) -> None:
    invalid = [one.text for one in comparison.findings if one.level == "invalid"]
    if invalid:
        console.print("DO NOT USE THIS COMPARISON", style="bold red")
        console.print(points(invalid))
        console.print()
    console.print(_sides(comparison))
    warnings = [one.text for one in comparison.findings if one.level == "warning"]
    if warnings:
        paragraph(console, "NOT THE SAME BUT FOR THE TARGET", style="bold yellow")
        console.print(points(warnings))
    notes = [one.text for one in comparison.findings if one.level == "note"]
    if notes:
        paragraph(console, "Notes", style="bold")
        console.print(points(notes))
    for place in range(len(comparison.sides) - 1):
        paragraph(console, _table(comparison, place, console.width))
    for number, remark in enumerate(words.remarks(comparison)):
        if not number:
            console.print()
        console.print(remark, style="dim")


def _sides(comparison: Comparison) -> Table:
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for number, side in enumerate(comparison.sides):
        base = "" if number else "  (the base)"
        told = snippet(f"{words.runs(side)}, against {words.target(side)}", 400)
        grid.add_row(
            side.letter, Text(snippet(side.name, 200), style="bold").append(f"{base}\n{told}", "")
        )
    return grid


def _table(comparison: Comparison, place: int, width: int) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=snippet(words.title(comparison, place)),
        title_justify="left",
        title_style="bold",
        header_style="dim",
        box=None,
        padding=(0, 2, 0, 0),
        pad_edge=False,
    )
    left_out = () if width >= _WIDE and comparison.repeats(place) else (_DETECTABLE,)
    for number, heading in enumerate(words.headings(comparison, place)):
        if number not in left_out:
            text = number in (0, len(words.headings(comparison, place)) - 1)
            table.add_column(heading, justify="left" if text else "right", no_wrap=not text)
    for row in comparison.rows_of(place):
        cells = words.cells(comparison, row, place)
        shown = [Text(cell) for number, cell in enumerate(cells) if number not in left_out]
        shown[0].stylize("bold")
        shown[-1].stylize(_STYLES[row.word(place)])
        table.add_row(*shown, style="dim" if row.small(place) else "")
    return table
