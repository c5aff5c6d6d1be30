"""Drives an engine in real time: one timer for all streams, set to the engine's next event.

However many streams have a token due, the event loop wakes up once for them.
"""

from __future__ import annotations

import asyncio

from sagellm_benchmark.clock import NS_PER_S, now
from sagellm_benchmark.sim.engine import Engine, Job


class Clockwork:
    """Calls `on_token` of an engine's jobs when their tokens are due.

    Args:
        engine: What to drive; nobody else may submit to it or advance it.
        loop: The event loop, whose clock must be the monotonic one.
    """

    def __init__(self, engine: Engine, loop: asyncio.AbstractEventLoop) -> None:
        self.engine = engine
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ns = 0

    def submit(self, job: Job, now_ns: int) -> None:
        """Hand a job to the engine."""
        self.engine.submit(job, now_ns)
        self._set_timer()

    def cancel(self, job: Job) -> None:
        """Make no further token for this job."""
        self.engine.cancel(job)
        self._set_timer()

    def _set_timer(self) -> None:
        next_ns = self.engine.next_ns
        if self._timer is not None:
            if next_ns == self._timer_ns:
                return
            self._timer.cancel()
            self._timer = None
        if next_ns is not None:
            self._timer_ns = next_ns
            self._timer = self._loop.call_at(next_ns / NS_PER_S, self._tick)

    def _tick(self) -> None:
        self._timer = None
        for job in self.engine.advance(now()):
            if not job.cancelled:
                job.on_token()
        self._set_timer()
