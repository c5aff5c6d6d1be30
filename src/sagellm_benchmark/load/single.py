"""The load of a run that one process sends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
from gevent.greenlet import Greenlet
from locust.env import Environment

from sagellm_benchmark.load.dispatch import Role
from sagellm_benchmark.load.driver import Driver
from sagellm_benchmark.load.run import Run


class Single:
    """Sends a run from here.

    Args:
        environment: Locust's.
        run: The run.
        role: What paces it.
        broke: Called with the greenlet of a part of ours that broke.
    """

    def __init__(
        self, environment: Environment, run: Run, role: Role, broke: Callable[[Greenlet], None]
    ) -> None:
        self._users: Any = environment.runner.user_greenlets
        self._run = run
        self._role = role
        self._driver = Driver(environment, run, role, broke)
        self._driving: Any = None

    def drive(self) -> bool:
        """Send the whole plan.

        Returns:
            Whether the test is to end now; a user's own tasks end when Locust says.
        """
        self._driving = gevent.getcurrent()
        self._driver.drive()
        if self._run.plan is None:
            return False
        self._users.join()
        self._run.health.stop()  # how Locust stops a test, slowly, is no part of the load
        return True

    def stop(self) -> None:
        """Send no more; what flies may land."""
        self._run.stopping = True
        self._driver.stop()

    def drain(self) -> None:
        """Wait until nothing is on the wire, as long as the stop timeout allows."""
        run = self._run
        run.engine.drain()
        self._driver.stop()
        if self._role is Role.TASKS:
            return  # Locust stops those
        self._users.join(timeout=run.settings.stop_timeout_s)
        run.stopping = True
        self._users.kill(block=True)
        if gevent.getcurrent() is not self._driving and self._driving is not None:
            self._driving.kill()  # it may still be making the first requests
