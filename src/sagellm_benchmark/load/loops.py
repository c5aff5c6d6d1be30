"""Who sends what when: the open loop keeps the trace's times, the closed loop its users busy.

In go the plan's requests, in due order, and rows that fall due behind others; out goes a `Job` to a
light user, at its due time or when a user is free. Jobs are made ahead of time, so that nothing is
computed between due and sent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush

import gevent
from gevent.lock import Semaphore

from sagellm_benchmark.clock import NS_PER_MS, NS_PER_S, now
from sagellm_benchmark.load.request import Job
from sagellm_benchmark.load.sessions import Sessions
from sagellm_benchmark.load.slots import Slots
from sagellm_benchmark.load.supply import Supply
from sagellm_benchmark.load.timer import Timer
from sagellm_benchmark.schedule.planned import Planned

AHEAD_JOBS = 256
AHEAD_BYTES = 32 * 1024 * 1024
LEAD_NS = 100 * NS_PER_MS
SOON_NS = 200 * NS_PER_MS
"""So long before its user has done with thinking a request is made: its row lies on disk."""

_BUSY_NS = NS_PER_MS
_GUARD_NS = 3 * NS_PER_MS
_LATER_NS = 3600 * NS_PER_S


class OpenLoop:
    """Releases each request at its due time, whatever became of the ones before.

    Args:
        supply: The requests, in due order, due times from the run's start.
        make: Makes a job; the slow part, done ahead.
        launch: Called at the due time with the request, its job and the absolute due time.
        sessions: The rows that wait for others; None where none does.
        slots: For so many conversations at once: a row that waits for no other is due when there is
            room for it, and not at a time. None for any number.
    """

    def __init__(
        self,
        supply: Supply,
        make: Callable[[Planned], Job],
        launch: Callable[[Planned, Job, int], None],
        sessions: Sessions | None = None,
        slots: Slots | None = None,
    ) -> None:
        self._supply = supply
        self._make = make
        self._launch = launch
        self._sessions = sessions
        self._slots = slots
        self._ready: deque[tuple[Planned, Job]] = deque()
        self._ready_bytes = 0
        self._behind: list[tuple[int, int, Planned, Job]] = []
        self._timer: Timer | None = None
        self._stopped = False

    def prepare(self) -> int:
        """Make the first jobs.

        Returns:
            The run's start: due times count from here.
        """
        self._fill(None)
        return now() + LEAD_NS

    def run(self, origin_ns: int) -> None:
        """Release everything; returns when the plan or `stop` ends it."""
        self._timer = timer = Timer()
        if self._slots is not None:
            self._slots.open(origin_ns)
        try:
            while not self._stopped:
                self._fill(origin_ns)
                at_ns = self._next_ns(origin_ns)
                if self._stopped or at_ns is None:
                    return
                if timer.wait_until(at_ns) and not self._stopped:
                    self._release(origin_ns)
        finally:
            self._timer = None
            timer.close()

    def stop(self) -> None:
        """Release no more."""
        self._stopped = True
        self.wake()

    def wake(self) -> None:
        """Look again: what waited for others may be due, or will not be."""
        if self._timer is not None:
            self._timer.cancel()

    def supplied(self, requests: int) -> None:
        """So many more requests have come."""
        self.wake()

    def _ready_ns(self, origin_ns: int) -> int | None:
        """When the next request is due whose job is made."""
        due_ns = None
        if self._ready and self._slots is not None:
            due_ns = self._slots.free_ns
        elif self._ready:
            due_ns = origin_ns + (self._ready[0][0].due_ns or 0)
        if self._behind and (due_ns is None or self._behind[0][0] < due_ns):
            return self._behind[0][0]
        return due_ns

    def _next_ns(self, origin_ns: int) -> int | None:
        """When there is something to do next; None where nothing ever will be."""
        due_ns, sessions, moment = self._ready_ns(origin_ns), self._sessions, now()
        full = bool(self._ready) and due_ns is None  # every slot is taken: one will be free
        if (sessions is None or sessions.over) and self._supply.over and not full:
            return due_ns
        if due_ns is not None and due_ns - moment < _GUARD_NS:
            return due_ns
        soon_ns = due_ns
        if sessions is not None and sessions.thinking:
            soon_ns = sessions.thinking.next_ns - SOON_NS
            soon_ns = soon_ns if due_ns is None else min(due_ns, soon_ns)
        return moment + _LATER_NS if soon_ns is None else soon_ns

    def _release(self, origin_ns: int) -> None:
        """Let the next request go, if it is due."""
        due_ns = self._ready_ns(origin_ns)
        if due_ns is None or due_ns > now():
            return
        if self._behind and self._behind[0][0] == due_ns:
            _, _, planned, job = heappop(self._behind)
        else:
            planned, job = self._ready.popleft()
            self._ready_bytes -= len(job.payload)
            if self._slots is not None:
                self._slots.begin(planned.seq)
        self._launch(planned, job, due_ns)

    def _wants_more(self) -> bool:
        return len(self._ready) < AHEAD_JOBS and self._ready_bytes < AHEAD_BYTES

    def _fill(self, origin_ns: int | None) -> None:
        """Make jobs ahead, in slices of a millisecond, as long as the next due time allows."""
        busy_since = now()
        while not self._stopped:
            moment = now()
            if origin_ns is not None:
                next_ns = self._ready_ns(origin_ns)
                if self._make_behind(moment, next_ns):
                    continue
                if next_ns is not None and next_ns - moment < _GUARD_NS:
                    return
            if not self._wants_more():
                return
            if moment - busy_since > _BUSY_NS:
                gevent.sleep(0.0005)  # a timer, not a callback: sockets are read in between
                busy_since = now()
            planned = self._supply.take()
            if planned is None:
                return
            job = self._make(planned)
            self._ready.append((planned, job))
            self._ready_bytes += len(job.payload)

    def _make_behind(self, moment: int, next_ns: int | None) -> bool:
        """Make the job of a row whose user has soon done with thinking, if there is one.

        One that is the next of all is made at once; another only where time allows.
        """
        sessions = self._sessions
        due_ns = None if sessions is None else sessions.thinking.next_ns
        if due_ns is None or due_ns - moment > SOON_NS:
            return False
        if next_ns is not None and next_ns < due_ns and next_ns - moment < _GUARD_NS:
            return False
        due_ns, planned = sessions.take()
        heappush(self._behind, (due_ns, planned.seq, planned, self._make(planned)))
        return True


class ClosedLoop:
    """Hands the next request to whichever user is free: one behind others first, if it is due.

    Args:
        supply: The requests, in order; their due times do not matter.
        make: Makes a job.
        sessions: The rows that wait for others; None where none does.
    """

    def __init__(
        self,
        supply: Supply,
        make: Callable[[Planned], Job],
        sessions: Sessions | None = None,
    ) -> None:
        self._supply = supply
        self._make = make
        self._sessions = sessions
        self._due: deque[Planned] = deque()
        self._users = self._wanted = 0
        self._idle = 0
        self._work = Semaphore(0)
        self._timer: Timer | None = None
        self._stopped = False

    def resize(self, users: int) -> int:
        """Have so many users from now on; those who are too many leave when they are free.

        Returns:
            How many to start.
        """
        more = max(0, users - self._users)
        self._users += more
        self._wanted = users
        self._call(self._idle)
        return more

    def take(self) -> tuple[Planned, Job] | None:
        """The next request; None when there will be none, or its user is one too many.

        Where all requests left wait for others, or have not come yet, so does the user.
        """
        while not self._stopped:
            if self._users > self._wanted:
                self._users -= 1
                return None
            planned = self._due.popleft() if self._due else self._supply.take()
            if planned is not None:
                return planned, self._make(planned)
            if self._over:
                self.wake()  # nobody else would notice that this was the last
                return None
            self._idle += 1
            self._work.acquire()
        return None

    @property
    def _over(self) -> bool:
        return self._supply.over and (self._sessions is None or self._sessions.over)

    def run(self) -> None:
        """Hand rows over whose users have done with thinking, until there are none."""
        if self._sessions is None and not self._supply.grows:
            return
        self._timer = timer = Timer()
        try:
            while not (self._stopped or self._over):
                due_ns = None if self._sessions is None else self._sessions.thinking.next_ns
                if due_ns is None:
                    timer.wait_until(now() + _LATER_NS)
                elif timer.wait_until(due_ns):
                    self._due.append(self._sessions.take()[1])
                    self._call(1)
        finally:
            self._timer = None
            timer.close()
            self._call(self._idle)

    def supplied(self, requests: int) -> None:
        """So many more requests have come."""
        self._call(requests)

    def stop(self) -> None:
        """Hand out no more."""
        self._stopped = True
        self.wake()

    def wake(self) -> None:
        """Look again: what waited for others may be due, or will not be."""
        if self._timer is not None:
            self._timer.cancel()

    def _call(self, users: int) -> None:
        for _ in range(min(users, self._idle)):
            self._idle -= 1
            self._work.release()
