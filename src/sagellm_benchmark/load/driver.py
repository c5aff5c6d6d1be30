"""What sends a plan: each request becomes a light Locust user, at its due time or in turn.

In go a run and its role; out go users in Locust's own group, one for each request of an open loop,
N of them in a closed one. A user who thinks between two turns is none of them. The plan is sent
when `drive` returns and those users have ended.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
from gevent.greenlet import Greenlet
from locust.env import Environment

from sagellm_benchmark.clock import NS_PER_S, now
from sagellm_benchmark.load.dispatch import Role
from sagellm_benchmark.load.loops import ClosedLoop, OpenLoop
from sagellm_benchmark.load.request import Job
from sagellm_benchmark.load.run import Run
from sagellm_benchmark.load.sessions import Sessions
from sagellm_benchmark.load.slots import Slots
from sagellm_benchmark.load.supply import Pass, Supply
from sagellm_benchmark.schedule.planned import Planned
from sagellm_benchmark.wire.outcome import Outcome


class Driver:
    """Sends the plan of one run; a run of a user's own tasks has none, and Locust sends those.

    Args:
        environment: Locust's.
        run: Whose plan.
        role: What paces it.
        broke: Called with the greenlet of a user that an error of ours ended.
        supply: The requests; those of the run's plan if None.
        permit: Called before each request is sent; False keeps it back for good.
    """

    def __init__(
        self,
        environment: Environment,
        run: Run,
        role: Role,
        broke: Callable[[Greenlet], None],
        supply: Supply | None = None,
        permit: Callable[[], bool] = lambda: True,
    ) -> None:
        self._environment = environment
        self._broke = broke
        self._run = run
        self._permit = permit
        self._loop: OpenLoop | ClosedLoop | None = None
        self._sessions: Sessions | None = None
        self._slots: Slots | None = None
        self._starting = 0
        plan = run.plan
        if plan is None:
            return
        settings = run.settings
        if settings.max_sessions is not None:
            self._slots = Slots(run.share.conversations)
        if plan.dependents is not None:
            self._sessions = Sessions(
                plan, run.skip, after_failure=settings.after_failure, slots=self._slots
            )
        supply = supply or Pass(plan.planned())
        if role is Role.CLOSED:
            self._loop = ClosedLoop(supply, self._job, self._sessions)
        else:
            self._loop = OpenLoop(supply, self._job, self._launch, self._sessions, self._slots)

    def drive(self, origin_ns: int | None = None) -> None:
        """Send all of it, or what comes before `stop`.

        Args:
            origin_ns: The run's start; as soon as possible, if None.
        """
        run, loop = self._run, self._loop
        if origin_ns is None:
            run.health.prepare()
        if isinstance(loop, OpenLoop):
            origin_ns = loop.prepare() if origin_ns is None else origin_ns
            run.begin(origin_ns)
            loop.run(origin_ns)
            return
        if origin_ns is not None:
            gevent.sleep(max(origin_ns - now(), 0) / NS_PER_S)
        run.begin(now() if origin_ns is None else origin_ns)
        if loop is not None:
            self._employ(loop, run.share.users)
            loop.run()

    def supplied(self, requests: int, waiting: int) -> None:
        """More has come in: so many requests, and so many rows that wait for others."""
        if self._sessions is not None:
            self._sessions.expect(waiting)
        self._loop.supplied(requests)

    def wake(self) -> None:
        """Look again: nothing more will come in."""
        self._loop.wake()

    def resize(self, users: int | None, sessions: int | None) -> None:
        """Have so many users, or conversations, from now on; None where that is not limited."""
        if users is not None and isinstance(self._loop, ClosedLoop):
            self._employ(self._loop, users)
        if sessions is not None and self._slots is not None:
            self._slots.resize(sessions, now())
            self._loop.wake()

    def _employ(self, loop: ClosedLoop, users: int) -> None:
        for _ in range(loop.resize(users)):
            self._start_user(lambda: self._take_turns(loop))

    def stop(self) -> None:
        """Send no more."""
        if self._sessions is not None:
            self._sessions.stop()
        if self._loop is not None:
            self._loop.stop()

    def _job(self, planned: Planned) -> Job:
        requests, sessions = self._run.requests, self._sessions
        seq, row, number, host = planned.seq, planned.row, planned.round, planned.host
        if sessions is None:
            return requests.of_row(seq, row, number, host=host)
        said, heard = sessions.conversation(seq), sessions.is_heard(seq)
        return requests.of_row(seq, row, number, said=said, keep_text=heard, host=host)

    def _launch(self, planned: Planned, job: Job, due_ns: int) -> None:
        run = self._run
        if not self._permit():
            return
        if run.full(self._starting):
            outcome = run.drop(planned.seq, job, due_ns)
            if self._sessions is not None or self._slots is not None:
                # Not here: to skip a session may take long, and the next request is due.
                self._start_user(lambda: self._ended(planned, job, outcome))
        else:
            self._starting += 1
            self._start_user(lambda: self._play(planned, job, due_ns))

    def _play(self, planned: Planned, job: Job, due_ns: int) -> None:
        self._starting -= 1
        self._perform(planned, job, due_ns)

    def _take_turns(self, loop: ClosedLoop) -> None:
        while (turn := loop.take()) is not None:
            planned, job = turn
            if not self._permit():
                return
            self._perform(planned, job)

    def _perform(self, planned: Planned, job: Job, due_ns: int | None = None) -> None:
        self._ended(planned, job, self._run.perform(planned.seq, job, due_ns))

    def _ended(self, planned: Planned, job: Job, outcome: Outcome | None) -> None:
        sessions, slots = self._sessions, self._slots
        if outcome is None or (sessions is None and slots is None):
            return
        lost = sessions.ended(planned.seq, job, outcome) if sessions is not None else None
        if slots is not None:
            slots.end(planned.seq, outcome.ended_ns)
        self._loop.wake()
        if lost:
            sessions.skip(lost)
            self._loop.wake()

    def _start_user(self, play: Callable[[], None]) -> None:
        user_class: Any = self._environment.user_classes[0]  # one of ours
        user = user_class(self._environment, play)
        greenlet = user.start(self._environment.runner.user_greenlets)
        if self._sessions is not None or self._slots is not None:
            greenlet.link_exception(self._broke)  # or others would wait for what never comes
