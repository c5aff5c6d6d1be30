"""A table with a header line, read by the names of its columns.

In: lines of separated cells without quotes, the first of which names the columns; a comma, a
semicolon or a tab separates. Out: the cells of the columns that a format knows, wherever they are
and whatever lies between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path

from sagellm_benchmark.errors import InputError
from sagellm_benchmark.trace.formats.format import Lines, listed
from sagellm_benchmark.trace.formats.head import separator
from sagellm_benchmark.trace.tally import BadRowError


class Table:
    """The columns of a table.

    Args:
        path: The file.
        lines: Its lines that are not blank; the first one is taken.
        needed: Columns that must be there, two at least.
        optional: Columns that may be.

    Raises:
        InputError: A needed column is missing, or a column that is known is there twice.
    """

    def __init__(
        self, path: Path, lines: Lines, needed: Sequence[str], optional: Sequence[str] = ()
    ) -> None:
        number, first = next(lines, (1, b""))
        self._end = separator(first)
        names = first.decode("utf-8", "replace").split(self._end.decode())
        if missing := [name for name in needed if name not in names]:
            raise InputError(
                f"no column {', '.join(missing)}; there are {listed(names)}", path, number
            )
        if twice := [name for name in (*needed, *optional) if names.count(name) > 1]:
            raise InputError(f"more than one column {', '.join(twice)}", path, number)
        self._width = len(names)
        found = [names.index(name) if name in names else self._width
                 for name in (*needed, *optional)]  # fmt: skip
        self._picked = itemgetter(*found)

    def cells(self, line: bytes) -> tuple[bytes, ...]:
        """Pick a line's cells: the needed ones, then the optional, empty where there is none."""
        cells = line.split(self._end)
        if len(cells) != self._width:
            raise BadRowError("columns", f"{len(cells)} where the header has {self._width}")
        cells.append(b"")
        return self._picked(cells)
