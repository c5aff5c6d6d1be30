"""A worker's part of the plan: rows that have come and wait to be sent, or for others to end.

In: rows as the coordinator hands them out. Out: what a loop takes and what `Sessions` asks of a
plan, for the rows that are here. A conversation is here whole, so that its turns wait for no
message. Held in memory is what has not been settled.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from sagellm_benchmark.load.cluster.letters import NOBODY, Handed
from sagellm_benchmark.schedule.planned import Planned
from sagellm_benchmark.trace.prompts import Wording


class Waiting:
    """The rows here that wait for others, and who waits for whom.

    Attributes:
        count: How many there were when the run began: they come in while it is on.
    """

    count = 0

    def __init__(self) -> None:
        self.rows: dict[int, Planned] = {}
        self._behind: dict[int, list[int]] = {}
        self._parents: dict[int, int] = {}
        self._hears: dict[int, int] = {}

    def add(self, handed: Handed) -> None:
        """One more row, whether it waits or others wait for it."""
        seq = handed.planned.seq
        if handed.behind:
            self._behind[seq] = handed.behind
        if handed.parents:
            self.rows[seq] = handed.planned
            self._parents[seq] = handed.parents
            if handed.hears != NOBODY:
                self._hears[seq] = handed.hears

    def behind(self, seq: int) -> list[int]:
        """Those that wait for a row."""
        return self._behind.get(seq, [])

    def parents(self, seq: int) -> int:
        """How many rows a row waits for."""
        return self._parents[seq]

    def hears(self, seq: int) -> int | None:
        """Whose words a row goes on with; None for nobody's."""
        return self._hears.get(seq)

    def forget(self, seq: int) -> None:
        """A row has been settled, and so have those that waited for it alone."""
        self._behind.pop(seq, None)
        if self.rows.pop(seq, None) is not None:
            del self._parents[seq]
            self._hears.pop(seq, None)


class Feed:
    """The rows of one run that were handed to this worker; a plan to who sends them.

    Args:
        block_size: Tokens of a prefix block of the trace.
        wording: Of the prompts.
        sessions: Rows wait for others in this run.

    Attributes:
        grows: Rows come in while the load is on.
        times: A round of the trace comes as rows like any other.
        dependents: The rows that wait; None where none does.
    """

    grows = True
    times = 1

    def __init__(self, block_size: int | None, wording: Wording, *, sessions: bool) -> None:
        self.block_size = block_size
        self.wording = wording
        self.dependents = Waiting() if sessions else None
        self._ready: deque[Planned] = deque()
        self._last = False

    @property
    def over(self) -> bool:
        """Whether there will be no more."""
        return self._last and not self._ready

    def take(self) -> Planned | None:
        """The next row; None where there is none now."""
        return self._ready.popleft() if self._ready else None

    def add(self, rows: Iterable[Handed]) -> tuple[int, int]:
        """Take rows in.

        Returns:
            How many can be sent at their time, and how many wait for others.
        """
        ready = waiting = 0
        for handed in rows:
            if self.dependents is not None:
                self.dependents.add(handed)
            if handed.parents:
                waiting += 1
            else:
                ready += 1
                self._ready.append(handed.planned)
        return ready, waiting

    def end(self) -> None:
        """No more will come."""
        self._last = True

    def dependent(self, seq: int) -> Planned:
        """A row that waits for others, by its number."""
        return self.dependents.rows[seq]
