"""The count of one pass over a trace, and what became of its bad rows.

In: each row read, dropped or found bad. Out: counts by reason, or one error that names up to ten
bad rows by file and line. After a complete pass `rows_read + sum(added) == rows emitted +
sum(drops)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from sagellm_benchmark.errors import InputError, UsageError

_MAX_PROBLEMS = 10

Record = TypeVar("Record")
Result = TypeVar("Result")


class BadRowError(Exception):
    """A row that cannot be used: the user must mend the file, or ask to skip such rows."""

    def __init__(self, field: str, what: str) -> None:
        super().__init__(f"{field}: {what}")
        self.field = field.partition("[")[0].partition(".")[0]


class DroppedError(Exception):
    """A sound row that cannot be replayed, such as one without input: left out and counted."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Tally:
    """Counts of one pass.

    Attributes:
        rows_read: Rows seen so far, dropped ones included.
        drops: Rows left out, by reason; a bad row that was skipped counts as `bad_<field>`.
        added: Rows that the source did not have, by reason.
        inversions: Rows that came earlier in time than the row before them.
        problems: The bad rows found, one line each; the pass fails when there is one.
    """

    def __init__(self, path: Path | None, *, skip_bad: bool = False) -> None:
        self.rows_read = 0
        self.drops: dict[str, int] = {}
        self.added: dict[str, int] = {}
        self.inversions = 0
        self.problems: list[str] = []
        self._path = path
        self._skip_bad = skip_bad

    def parsed(
        self, records: Iterator[tuple[int, Record]], parse: Callable[[int, Record], Result]
    ) -> Iterator[Result]:
        """Parse `(line, record)` pairs; `parse` gets the row's number, counted from 1.

        Once a row is bad no further one is yielded: the rest is read only to name the others.

        Raises:
            UsageError: There were bad rows.
        """
        for number, (line, record) in enumerate(records, self.rows_read + 1):
            self.rows_read = number
            try:
                result = parse(number, record)
            except BadRowError as bad:
                self._bad(line, bad)
            except DroppedError as dropped:
                self.drop(dropped.reason)
            else:
                if not self.problems:
                    yield result
        if self.problems:
            self._fail(f"{len(self.problems)}")

    def drop(self, reason: str) -> None:
        """Count a row that is left out."""
        self.drops[reason] = self.drops.get(reason, 0) + 1

    def add(self, reason: str) -> None:
        """Count a row that the source did not have."""
        self.added[reason] = self.added.get(reason, 0) + 1

    def _bad(self, line: int, bad: BadRowError) -> None:
        if self._skip_bad:
            self.drop(f"bad_{bad.field}")
            return
        self.problems.append(str(InputError(str(bad), self._path or "trace", line)))
        if len(self.problems) == _MAX_PROBLEMS:
            self._fail(f"{_MAX_PROBLEMS} or more")

    def _fail(self, count: str) -> None:
        if self.problems == self.problems[:1]:
            raise UsageError(f"{self.problems[0]} (--skip-bad leaves such rows out)")
        head = f"{self._path}: {count} bad rows; mend them, or leave them out with --skip-bad"
        raise UsageError("\n  ".join([head, *self.problems]))
