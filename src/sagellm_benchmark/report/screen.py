"""A terminal that asks nothing of its surroundings: the same text for the same width and colours.

Width and colours come in, a console goes out; what is printed on it comes back as text without
blanks at the ends of its lines. Points of a list are stripped of everything that moves a terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from io import StringIO
from typing import TYPE_CHECKING, Any

from sagellm_benchmark.redact import snippet

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def screen(width: int, *, color: bool) -> Console:
    """A console of so many columns."""
    from rich.console import Console

    # All that rich would ask the environment for is said here.
    return Console(
        file=StringIO(),
        width=width,
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
        force_jupyter=False,
        legacy_windows=False,
        highlight=False,
        markup=False,
        emoji=False,
    )


def text_of(console: Console, write: Callable[[Console], None]) -> str:
    """What is printed, ending in a line break."""
    with console.capture() as captured:
        write(console)
    return "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def paragraph(console: Console, content: Any, style: str = "") -> None:
    """Print something behind an empty line."""
    console.print()
    console.print(content, style=style)


def points(lines: Iterable[str]) -> Table:
    """One point after the other, what does not fit a line indented."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for line in lines:
        grid.add_row("  -", Text(snippet(line, 600)))
    return grid
