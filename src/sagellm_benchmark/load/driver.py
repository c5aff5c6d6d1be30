"""What sends a plan: each request becomes a light Locust user, at its due time or in turn.

In go a run and its role; out go users in Locust's own group, one for each request of an open loop,
N of them in a closed one. The plan is sent when `drive` returns and those users have ended.
"""

from __future__ import annotations

from collections.abc import Callable

from locust.env import Environment

from sagellm_benchmark.clock import now
from sagellm_benchmark.load.dispatch import Role
from sagellm_benchmark.load.loops import ClosedLoop, OpenLoop
from sagellm_benchmark.load.request import Job
from sagellm_benchmark.load.run import Run
from sagellm_benchmark.schedule.planned import Planned


class Driver:
    """Sends the plan of one run; a run of a user's own tasks has none, and Locust sends those.

    Args:
        environment: Locust's.
        run: Whose plan.
        role: What paces it.
    """

    def __init__(self, environment: Environment, run: Run, role: Role) -> None:
        self._environment = environment
        self._run = run
        self._loop: OpenLoop | ClosedLoop | None = None
        if run.plan is not None and role is Role.CLOSED:
            self._loop = ClosedLoop(run.plan.planned(), self._job)
        elif run.plan is not None:
            self._loop = OpenLoop(run.plan.planned(), self._job, self._launch)

    def drive(self) -> None:
        """Send all of it, or what comes before `stop`."""
        run, loop = self._run, self._loop
        if isinstance(loop, OpenLoop):
            origin_ns = loop.prepare()
            run.begin(origin_ns)
            loop.run(origin_ns)
            return
        run.begin(now())
        if loop is not None:
            for _ in range(run.settings.concurrency):
                self._start_user(lambda: self._take_turns(loop))

    def stop(self) -> None:
        """Send no more."""
        if self._loop is not None:
            self._loop.stop()

    def _job(self, planned: Planned) -> Job:
        return self._run.requests.of_row(planned.seq, planned.row)

    def _launch(self, planned: Planned, job: Job, due_ns: int) -> None:
        run = self._run
        if run.full():
            run.drop(planned.seq, job, due_ns)
        else:
            self._start_user(lambda: run.perform(planned.seq, job, due_ns))

    def _take_turns(self, loop: ClosedLoop) -> None:
        while (turn := loop.take()) is not None:
            planned, job = turn
            self._run.perform(planned.seq, job)

    def _start_user(self, play: Callable[[], None]) -> None:
        user_class = self._environment.user_classes[0]
        user_class(self._environment, play).start(self._environment.runner.user_greenlets)
