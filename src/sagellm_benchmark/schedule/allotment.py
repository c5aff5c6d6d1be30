"""Which of several targets each row goes to, decided once, from the plan alone.

In: every row of the planning pass, in order, and who waits for whom. Out: by a row's number the
place of its target. Rows of one session, and rows that wait for one another, go to the same one;
each session, and each row that belongs to none, to the target that has the fewest rows so far. So
the counts stay even all along, and it is no matter when, or by which worker, a row is sent. Held in
memory: 2 bytes a row where rows belong together, nothing where none do.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from sagellm_benchmark.schedule.planned import Planned
from sagellm_benchmark.trace.row import Row

if TYPE_CHECKING:
    import numpy as np

    from sagellm_benchmark.schedule.dependents import Dependents

_ALONE = 0


class Allotting:
    """Takes the rows of the planning pass.

    Args:
        hosts: How many targets there are, at least 1.
        together: Families are asked for, whatever the number of targets.
    """

    def __init__(self, hosts: int, *, together: bool = False) -> None:
        self._hosts = hosts
        self._rows = 0
        self._sessions: array[int] | None = array("q") if hosts > 1 or together else None

    def add(self, rows: Sequence[Row]) -> None:
        """Take the next rows."""
        if self._sessions is not None:
            self._rows += len(rows)
            names = (row.session_id for row in rows)
            self._sessions.extend(_ALONE if name is None else hash(name) or 1 for name in names)

    def finish(self, dependents: Dependents | None) -> Allotment | None:
        """Decide, once all rows have come; None where there is one target."""
        if self._sessions is None or self._hosts == 1:
            return None
        if dependents is None and not any(self._sessions):
            return Allotment(self._hosts, self._rows, None)
        firsts = _firsts(self._sessions, dependents)
        places, counts = array("H"), [0] * self._hosts
        for seq, first in enumerate(firsts.data):
            place = counts.index(min(counts)) if first == seq else places[first]
            places.append(place)
            counts[place] += 1
        return Allotment(self._hosts, self._rows, places)

    def families(self, dependents: Dependents | None) -> Families | None:
        """Which rows belong together; None where none do, or it was not asked for."""
        if self._sessions is None or (dependents is None and not any(self._sessions)):
            return None
        return Families(_firsts(self._sessions, dependents), dependents)


class Families:
    """Rows that belong together: those of one session, and those that wait for one another.

    Args:
        firsts: Of each row the first of its family, shape (rows,).
        dependents: Who waits for whom; None where nobody does.
    """

    def __init__(self, firsts: np.ndarray, dependents: Dependents | None) -> None:
        import numpy as np

        self._firsts = firsts.astype(np.int32)
        free = self._firsts if dependents is None else self._firsts[~dependents.waiting()]
        self._roots = np.bincount(free, minlength=firsts.size).astype(np.int32)

    def first(self, row: int) -> int:
        """The first row of a row's family."""
        return int(self._firsts[row])

    def roots(self, first: int) -> int:
        """How many rows of a family wait for no others."""
        return int(self._roots[first])


class Allotment:
    """The targets of the rows.

    Args:
        hosts: How many there are.
        rows: Rows of one round of the trace.
        places: The target of each; None where every row stands alone.
    """

    def __init__(self, hosts: int, rows: int, places: array[int] | None) -> None:
        self._hosts = hosts
        self._rows = rows
        self._places = places

    def host(self, seq: int) -> int:
        """The place of a row's target; in each round of a trace each session has the next one."""
        if self._places is None:
            return seq % self._hosts
        number, row = divmod(seq, self._rows)
        return (self._places[row] + number) % self._hosts

    def placed(self, planned: Planned) -> Planned:
        """The same request, with its target."""
        return replace(planned, host=self.host(planned.seq))


def _firsts(sessions: array[int], dependents: Dependents | None) -> np.ndarray:
    """Of each row the first of those that it belongs together with, itself included."""
    import numpy as np

    rows = np.arange(len(sessions))
    _, first, which = np.unique(
        np.frombuffer(sessions, dtype=np.int64), return_index=True, return_inverse=True
    )
    alone = np.frombuffer(sessions, dtype=np.int64) == _ALONE
    firsts = np.where(alone, rows, first[which.reshape(-1)])
    return firsts if dependents is None else _joined(firsts, *dependents.pairs())


def _joined(firsts: np.ndarray, parents: np.ndarray, children: np.ndarray) -> np.ndarray:
    """The same, of rows that moreover wait for one another."""
    import numpy as np

    while True:
        one, other = firsts[parents], firsts[children]
        if (one == other).all():
            return firsts
        np.minimum.at(firsts, np.maximum(one, other), np.minimum(one, other))
        while ((nearer := firsts[firsts]) != firsts).any():
            firsts = nearer
