"""What happens behind a request that ended: those that waited for it fall due, or never will.

In: the plan's rows that wait for others, and how each request ended. Out: due times of the rows
whose last predecessor is complete, and rows that are skipped because one of theirs failed. Each row
that waits is settled once, when the last of what it waits for has ended. Held in memory: a number
and a due time for a row whose user thinks, and where a row goes on with what was said, that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush

import gevent

from sagellm_benchmark.clock import NS_PER_MS, now
from sagellm_benchmark.load.conversation import Conversation
from sagellm_benchmark.load.request import Job
from sagellm_benchmark.load.slots import Slots
from sagellm_benchmark.schedule.plan import Plan
from sagellm_benchmark.schedule.planned import Planned
from sagellm_benchmark.wire.outcome import Outcome
from sagellm_benchmark.wire.states import LEFT, Status

SEND, SKIP = "send", "skip"

Lost = deque[tuple[int, int, str]]
"""Rows that will not be sent: their numbers, when that was settled, and why."""

_BUSY_NS = NS_PER_MS


class Thinking:
    """Rows whose users think: each has its due time, and nobody waits for it in a greenlet."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def next_ns(self) -> int | None:
        """When the next of them is due; None where nobody thinks."""
        return self._heap[0][0] if self._heap else None

    def add(self, due_ns: int, seq: int) -> None:
        """One more."""
        heappush(self._heap, (due_ns, seq))

    def pop(self) -> tuple[int, int]:
        """The next of them: its due time and its number."""
        return heappop(self._heap)


class _Join:
    """A row that waits for several: what is known of those that have ended."""

    __slots__ = ("ended_ns", "failed", "left")

    def __init__(self, left: int) -> None:
        self.left = left
        self.ended_ns = 0
        self.failed: str | None = None


class Sessions:
    """The rows of one run that wait for others.

    Args:
        plan: With rows that wait.
        skip: Called with a row that will not be sent, when that was settled, and why.
        after_failure: "skip" or "send": what becomes of rows behind a request that failed.
        slots: The conversations of the run, where their number is limited.

    Attributes:
        thinking: Rows that are due at a known time.
        unsettled: Rows that still wait for others.
    """

    def __init__(
        self,
        plan: Plan,
        skip: Callable[[Planned, int, str], None],
        *,
        after_failure: str = SKIP,
        slots: Slots | None = None,
    ) -> None:
        self.thinking = Thinking()
        self.unsettled = plan.dependents.count * plan.times
        self._slots = slots
        self._plan = plan
        self._dependents = plan.dependents
        self._skip = skip
        self._always = after_failure == SEND
        self._joins: dict[int, _Join] = {}
        self._said: dict[int, Conversation] = {}
        self._stopped = False

    def expect(self, rows: int) -> None:
        """So many more rows wait, of those that have come in."""
        self.unsettled += rows

    @property
    def over(self) -> bool:
        """Whether nothing can fall due any more."""
        return not self.unsettled and not self.thinking

    def take(self) -> tuple[int, Planned]:
        """The next row that is due: when, and what."""
        due_ns, seq = self.thinking.pop()
        return due_ns, self._plan.dependent(seq)

    def conversation(self, seq: int) -> Conversation | None:
        """What was said before a row; None where it does not go on with it. Asked once."""
        return self._said.pop(seq, None)

    def is_heard(self, seq: int) -> bool:
        """Whether some row goes on with what this one's reply says."""
        dependents = self._dependents
        return any(dependents.hears(each) == seq for each in dependents.behind(seq))

    def ended(self, seq: int, job: Job, outcome: Outcome) -> Lost:
        """A request has its outcome: settle those that waited for it alone, or for it last.

        Returns:
            Those that will not be sent; the caller must `skip` them.
        """
        lost: Lost = deque()
        if self._stopped:
            return lost
        failed = None
        if outcome.left:
            failed = LEFT
        elif outcome.status is not Status.OK and not self._always:
            failed = "dependency"
        said: Conversation | None = None
        for child in self._dependents.behind(seq):
            if failed is None and self._dependents.hears(child) == seq:
                said = said or Conversation.after(job, outcome)
                self._said[child] = said
            if self._ended(child, outcome.ended_ns, failed, lost) and self._slots is not None:
                self._slots.follow(seq, child)
        self._dependents.forget(seq)
        return lost

    def skip(self, lost: Lost) -> None:
        """Skip rows and all that wait for them, in slices: a session may be long."""
        busy_since = now()
        while lost and not self._stopped:
            seq, at_ns, why = lost.popleft()
            self.unsettled -= 1
            self._skip(self._plan.dependent(seq), at_ns, why)
            for child in self._dependents.behind(seq):
                self._ended(child, at_ns, why, lost)
            self._dependents.forget(seq)
            if now() - busy_since > _BUSY_NS:
                gevent.sleep(0.0005)  # a timer, not a callback: sockets are read in between
                busy_since = now()

    def stop(self) -> None:
        """Settle nothing more: what still waits is not reached."""
        self._stopped = True

    def _ended(self, child: int, ended_ns: int, failed: str | None, lost: Lost) -> bool:
        """One of those that a row waits for has ended; whether the row will be due now."""
        left = self._dependents.parents(child)
        if left > 1:
            join = self._joins.get(child) or self._joins.setdefault(child, _Join(left))
            join.left -= 1
            join.ended_ns = ended_ns = max(join.ended_ns, ended_ns)
            join.failed = failed = join.failed or failed
            if join.left:
                return False
            del self._joins[child]
        if failed is not None:
            self._said.pop(child, None)
            lost.append((child, ended_ns, failed))
            return False
        self.unsettled -= 1
        self.thinking.add(ended_ns + self._plan.dependent(child).think_ns, child)
        return True
