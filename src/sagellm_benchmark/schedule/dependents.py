"""Rows that wait for others: which wait for which, and where they lie until then.

In: every row of the planning pass, in order. Out: by a row's number the numbers of those that wait
for it, and the row itself. The rows lie on disk; held in memory are some 24 bytes a row of the
trace, and nothing where no row waits. What holds: nobody waits for himself, not in a circle either,
and who waits for nobody that is sent waits no more, but comes at his arrival time.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.schedule.edges import NOBODY, Edges, numbers_of
from sagellm_benchmark.schedule.packing import packed
from sagellm_benchmark.schedule.planned import Planned
from sagellm_benchmark.schedule.shelf import Shelf
from sagellm_benchmark.trace.row import Row

if TYPE_CHECKING:
    import numpy as np

_decode = msgspec.msgpack.Decoder(Row).decode


def continues(row: Row) -> bool:
    """Whether a row goes on with what was said before it: its words alone are not its prompt.

    So does a row that carries its own turn only, and one without any content. What was recorded
    whole (a history, a prompt, block ids) is sent as it was; a spawned row begins anew.
    """
    if not row.depends_on or row.relation == "spawn":
        return False
    if row.has_content:
        return row.message_mode == "delta"
    return row.prefix_block_ids is None


class Gathering:
    """Takes the rows of the planning pass."""

    def __init__(self) -> None:
        self._shelf: Shelf | None = None
        self._seqs = array("i")
        self._places = array("q")
        self._continue = bytearray()
        self._untimed = bytearray()
        self._waiting = array("i")
        self._for = array("q")  # hashes of ids: see `Soundness`
        self._at_once = 0

    def add(self, block: Sequence[Planned]) -> None:
        """Take the next rows.

        Raises:
            UsageError: One waits for itself or cannot be packed, or the disk is full.
        """
        waiting = [planned for planned in block if planned.row.depends_on]
        if not waiting:
            return
        if self._shelf is None:
            self._shelf = Shelf()
        rows, seqs = [planned.row for planned in waiting], [planned.seq for planned in waiting]
        self._seqs.extend(seqs)
        self._places.extend(self._shelf.put(packed(rows)))
        self._continue.extend(map(continues, rows))
        self._untimed.extend([row.arrival_time_s is None for row in rows])
        self._at_once += [row.think_time_s for row in rows].count(None)
        edges = [
            (seq, name)
            for seq, row in zip(seqs, rows, strict=True)
            for name in dict.fromkeys(row.depends_on)
        ]
        self._waiting.extend([seq for seq, _ in edges])
        self._for.extend([hash(name) for _, name in edges])
        for row in rows:
            if row.request_id in row.depends_on:
                raise UsageError(f"request {row.request_id} waits for itself (depends_on)")

    def finish(self, hashes: array[int]) -> Dependents | None:
        """Find who waits for whom, once all rows have come.

        Args:
            hashes: Of the ids of all rows, in order.

        Returns:
            Who waits; None where nobody does.

        Raises:
            UsageError: A row waits for rows that are not sent and has no arrival time either, or
                rows wait for one another in a circle.
        """
        if self._shelf is None:
            return None
        import numpy as np

        self._shelf.flush()
        wanted = np.frombuffer(self._for, dtype=np.int64)
        parents = numbers_of(np.frombuffer(hashes, dtype=np.int64), wanted)
        found = parents != NOBODY
        waiting = np.frombuffer(self._waiting, dtype=np.int32)[found]
        missing = frozenset(wanted[~found].tolist())
        parents = parents[found]
        del wanted
        self._for, self._waiting = array("q"), array("i")  # room for what is made of them
        edges = Edges.between(parents, waiting, len(hashes))
        seqs = np.frombuffer(self._seqs, dtype=np.int32)
        dependents = Dependents(
            rows=len(hashes),
            edges=edges,
            places=_dense(seqs, np.frombuffer(self._places, dtype=np.int64), len(hashes)),
            heard=_heard(edges, seqs, self._continue, parents, waiting),
            missing=missing,
            orphans=int(np.count_nonzero(edges.parents[seqs] == 0)),
            at_once=self._at_once,
            shelf=self._shelf,
        )
        untimed = np.frombuffer(self._untimed, dtype=bool)
        _check_times(dependents, seqs[untimed & (edges.parents[seqs] == 0)])
        _check_circles(dependents, edges.stuck())
        return dependents


def _check_times(dependents: Dependents, lost: np.ndarray) -> None:
    if lost.size:
        row = dependents.stored(int(lost[0]))
        raise UsageError(
            f"{_several(lost.size, 'waits', 'wait')} for others that are not sent, without an "
            f"arrival time to come at instead, such as {row.request_id}, which waits for "
            f"{row.depends_on[0]}: take in what they wait for, or take them out of the trace"
        )


def _check_circles(dependents: Dependents, stuck: np.ndarray) -> None:
    if stuck.size:
        row = dependents.stored(int(stuck[0]))
        raise UsageError(
            f"{_several(stuck.size, 'waits', 'wait')} in a circle or behind one, such as "
            f"{row.request_id}, which waits for {row.depends_on[0]}: mend their depends_on"
        )


def _several(number: int, one: str, many: str) -> str:
    return f"1 request {one}" if number == 1 else f"{number:,} requests {many}"


class Dependents:
    """The rows that wait for others.

    A trace that is replayed again has the same once more: row n of round r has the number
    r * rows + n.

    Args:
        rows: Rows of the trace, these and all others.
        edges: Who waits for whom.
        places: Where each lies, shape (rows,).
        heard: Whose words each goes on with, -1 for nobody's, shape (rows,).
        missing: Hashes of ids that are waited for and belong to no row.
        orphans: Rows that wait for such ids alone, and therefore do not wait.
        at_once: Rows without a think time, orphans among them.
        shelf: Where they lie.

    Attributes:
        count: Rows that wait.
        orphans: As given.
        at_once: As given.
        continuing: Rows that go on with what was said before.
    """

    def __init__(
        self,
        *,
        rows: int,
        edges: Edges,
        places: np.ndarray,
        heard: np.ndarray,
        missing: frozenset[int],
        orphans: int,
        at_once: int,
        shelf: Shelf,
    ) -> None:
        self._rows = rows
        self._edges = edges
        self._places = places
        self._heard = heard
        self._missing = missing
        self._shelf = shelf
        self.count = int((edges.parents > 0).sum())
        self.orphans = orphans
        self.at_once = at_once
        self.continuing = int((heard != NOBODY).sum())

    def behind(self, seq: int) -> list[int]:
        """Those that wait for a row."""
        row = seq % self._rows
        found = self._edges.behind(row)
        return found if row == seq else [seq - row + each for each in found]

    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Every row that is waited for with each that waits for it, shape (edges,) both."""
        return self._edges.before(), self._edges.children

    def waiting(self) -> np.ndarray:
        """Whether each row of the trace waits for others, shape (rows,)."""
        return self._edges.parents > 0

    def parents(self, seq: int) -> int:
        """How many rows a row waits for."""
        return int(self._edges.parents[seq % self._rows])

    def hears(self, seq: int) -> int | None:
        """Whose words a row goes on with: the first that it waits for; None for nobody's."""
        row = seq % self._rows
        heard = int(self._heard[row])
        return None if heard == NOBODY else seq - row + heard

    def row(self, seq: int) -> Row:
        """A row that waits, as it is in the first round."""
        return self.mended(self.stored(seq))

    def stored(self, seq: int) -> Row:
        """A row as the trace has it."""
        return _decode(self._shelf.get(int(self._places[seq % self._rows])))

    def forget(self, seq: int) -> None:
        """A row is settled in this round; it lies on disk, and may come again."""

    def mended(self, row: Row) -> Row:
        """A row that waits for nobody but rows that are sent."""
        if self._missing and row.depends_on:
            row.depends_on = [name for name in row.depends_on if hash(name) not in self._missing]
            if not row.depends_on:
                row.think_time_s = row.relation = None
                row.input_tokens = row.input_tokens or row.new_input_tokens
        return row


def _dense(seqs: np.ndarray, values: np.ndarray, rows: int) -> np.ndarray:
    import numpy as np

    dense = np.full(rows, NOBODY, dtype=values.dtype)
    dense[seqs] = values
    return dense


def _heard(
    edges: Edges, seqs: np.ndarray, going_on: bytearray, parents: np.ndarray, waiting: np.ndarray
) -> np.ndarray:
    """Of each row that goes on with what was said, the first one that it waits for."""
    import numpy as np

    # A row's edges lie together, in the order in which it names what it waits for.
    first = np.diff(waiting, prepend=NOBODY) != 0
    heard = _dense(waiting[first], parents[first], edges.parents.size)
    heard[seqs[~np.frombuffer(going_on, dtype=bool)]] = NOBODY
    return heard
