"""What a trace format is: a name, how to recognise it, how to read it.

In: the lines of a file. Out: a header and a parser that turns one record into a time and a row. A
format is one module with one `FORMAT`; it keeps no state between passes, and knows nothing of
sorting, counting or errors of other rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.formats.head import Head
from sagellm_benchmark.trace.order import Timed
from sagellm_benchmark.trace.row import Header, Row

Lines = Iterator[tuple[int, bytes]]


@dataclass(frozen=True)
class Options:
    """What the user said about the file.

    Attributes:
        name: The file's name.
        mapping: Row field to column, for a format without names of its own.
        time_unit: `s`, `ms` or `rfc3339`, for a format without a time of its own.
    """

    name: str
    mapping: Mapping[str, str] = field(default_factory=dict)
    time_unit: str | None = None


@dataclass(frozen=True)
class Reading:
    """One pass over a file.

    Attributes:
        header: What is known of the trace before its rows.
        records: Line number and record of each row.
        parse: Row number and record to time and row.
        wall: The times are Unix nanoseconds.
        link: Called with each time and row once they are in order of time, to say what the row has
            to do with earlier ones.
    """

    header: Header
    records: Iterator[tuple[int, Any]]
    parse: Callable[[int, Any], Timed]
    wall: bool = False
    link: Callable[[int | None, Row], None] | None = None


@dataclass(frozen=True)
class Format:
    """A readable trace format.

    Attributes:
        name: As `--format` takes it.
        about: One line for a person.
        matches: Whether a file's head is of this format.
        start: Begin a pass; it raises InputError where the file as a whole is unfit.
        window: Rows by which a row may be out of order; 0 where the file is in order or wrong.
        documents: A single JSON document is read too, not only lines.
    """

    name: str
    about: str
    matches: Callable[[Head], bool]
    start: Callable[[Path, Lines, Options], Reading]
    window: int
    documents: bool = False


def rows_only(lines: Lines) -> Lines:
    """Leave blank lines out."""
    return (pair for pair in lines if pair[1].strip())


def takes_no_map(name: str, options: Options) -> None:
    """Refuse options that a format with fixed names would ignore."""
    if options.mapping or options.time_unit:
        raise UsageError(f"--map and --time-unit are for --format columns, not for {name}")


def listed(names: Iterable[str]) -> str:
    """Name a file's columns or keys for a person: cut, and without what a terminal would obey."""
    text = ", ".join(names)[:160]
    return text if text.isprintable() else ascii(text)
