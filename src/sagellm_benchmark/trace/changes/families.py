"""Which rows belong together: those of a session, and of all sessions that it began.

In: rows in order. Out: the name of each row's family. A row with a session is of the session's
family; a session that begins with a row that waits for another is of that one's family, and so is a
row without a session that waits. Any other row is a family of its own. Held: the ids of sessions,
and of all rows where rows wait for others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sagellm_benchmark.trace.row import Row
from sagellm_benchmark.trace.tally import Tally


class Families:
    """Names the family of each row of one pass.

    Args:
        waits: Some row waits for others.
    """

    def __init__(self, *, waits: bool) -> None:
        self._waits = waits
        self._sessions: dict[str, str] = {}
        self._rows: dict[str, str] = {}

    def of(self, row: Row) -> str:
        """The family of the next row."""
        family = self._sessions.get(row.session_id) if row.session_id is not None else None
        if family is None:
            family = self._first(row)
        if self._waits:
            self._rows[row.request_id] = family
        return family

    def _first(self, row: Row) -> str:
        """The family of a row that begins a session, or has none."""
        known = (self._rows[name] for name in row.depends_on if name in self._rows)
        own = f"request {row.request_id}" if row.session_id is None else f"session {row.session_id}"
        family = next(known, own)
        if row.session_id is not None:
            self._sessions[row.session_id] = family
        return family


def kept(
    rows: Iterator[Row], wanted: Callable[[Row], bool], tally: Tally, reason: str, *, waits: bool
) -> Iterator[Row]:
    """Leave rows out, and mend what waits for them.

    A row no longer waits for one that is left out. One that has nothing left to wait for comes at
    its own arrival time; without one it is left out too, as `orphaned`.
    """
    gone: set[str] = set()
    for row in rows:
        out = None if wanted(row) else reason
        if out is None and gone and row.depends_on:
            row.depends_on = [name for name in row.depends_on if name not in gone]
            if not row.depends_on:
                row.think_time_s = row.relation = None
                out = "orphaned" if row.arrival_time_s is None else None
        if out is None:
            yield row
            continue
        tally.drop(out)
        if waits:
            gone.add(row.request_id)
