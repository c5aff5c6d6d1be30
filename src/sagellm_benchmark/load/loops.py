"""Who sends what when: the open loop keeps the trace's times, the closed loop its users busy.

In go the plan's requests, in due order; out goes a `Job` to a light user, at its due time or when a
user is free. Jobs are made ahead of time, so that nothing is computed between due and sent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

import gevent

from sagellm_benchmark.clock import NS_PER_MS, now
from sagellm_benchmark.load.request import Job
from sagellm_benchmark.load.timer import Timer
from sagellm_benchmark.schedule.planned import Planned

AHEAD_JOBS = 256
AHEAD_BYTES = 32 * 1024 * 1024
LEAD_NS = 100 * NS_PER_MS
_BUSY_NS = NS_PER_MS
_GUARD_NS = 3 * NS_PER_MS


class OpenLoop:
    """Releases each request at its due time, whatever became of the ones before.

    Args:
        planned: The plan, in due order, due times from the run's start.
        make: Makes a job; the slow part, done ahead.
        launch: Called at the due time with the request, its job and the absolute due time.
    """

    def __init__(
        self,
        planned: Iterator[Planned],
        make: Callable[[Planned], Job],
        launch: Callable[[Planned, Job, int], None],
    ) -> None:
        self._planned = planned
        self._make = make
        self._launch = launch
        self._ready: deque[tuple[Planned, Job]] = deque()
        self._ready_bytes = 0
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
        try:
            while not self._stopped:
                self._fill(origin_ns)
                if self._stopped or not self._ready:
                    return
                due_ns = origin_ns + (self._ready[0][0].due_ns or 0)
                if timer.wait_until(due_ns) and not self._stopped:
                    planned, job = self._ready.popleft()
                    self._ready_bytes -= len(job.payload)
                    self._launch(planned, job, due_ns)
        finally:
            self._timer = None
            timer.close()

    def stop(self) -> None:
        """Release no more."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def _wants_more(self) -> bool:
        return len(self._ready) < AHEAD_JOBS and self._ready_bytes < AHEAD_BYTES

    def _fill(self, origin_ns: int | None) -> None:
        """Make jobs ahead, in slices of a millisecond, as long as the next due time allows."""
        busy_since = now()
        while not self._stopped and self._wants_more():
            moment = now()
            if origin_ns is not None and self._ready:
                next_due_ns = origin_ns + (self._ready[0][0].due_ns or 0)
                if next_due_ns - moment < _GUARD_NS:
                    return
            if moment - busy_since > _BUSY_NS:
                gevent.sleep(0.0005)  # a timer, not a callback: sockets are read in between
                busy_since = now()
            planned = next(self._planned, None)
            if planned is None:
                return
            job = self._make(planned)
            self._ready.append((planned, job))
            self._ready_bytes += len(job.payload)


class ClosedLoop:
    """Hands the next request to whichever user is free.

    Args:
        planned: The plan, in order; its due times do not matter.
        make: Makes a job.
    """

    def __init__(self, planned: Iterator[Planned], make: Callable[[Planned], Job]) -> None:
        self._planned = planned
        self._make = make
        self._stopped = False

    def take(self) -> tuple[Planned, Job] | None:
        """The next request; None when there is none, or `stop` was called."""
        if self._stopped:
            return None
        planned = next(self._planned, None)
        return None if planned is None else (planned, self._make(planned))

    def stop(self) -> None:
        """Hand out no more."""
        self._stopped = True
