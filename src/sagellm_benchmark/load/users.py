"""The Locust users of a replay: one light user a live request, or N users in a closed loop.

They are Locust users so that "users" in its page, tables and reports are the requests, or the
loops, that are alive; they are started by the run and not by Locust's dispatcher.
"""

from __future__ import annotations

from collections.abc import Callable

from gevent.greenlet import Greenlet
from gevent.pool import Group
from locust import User, task
from locust.env import Environment
from locust.user.task import LOCUST_STATE_RUNNING

from sagellm_benchmark.load import plugin  # noqa: F401  (registers options and listeners)
from sagellm_benchmark.load.dispatch import Role


class LightUser(User):
    """A user without tasks: no TaskSet, no reference cycle, no StopUser to unwind.

    A thousand full Locust users a second cost garbage collections of 30 to 100 ms; these none.
    """

    abstract = True

    def __init__(self, environment: Environment, play: Callable[[], object]) -> None:
        self.environment = environment
        self._play = play
        self._state = LOCUST_STATE_RUNNING

    def start(self, group: Group) -> Greenlet:
        """Run `play` in a greenlet of Locust's own group, where Locust counts it as a user."""
        self._group = group
        self._greenlet = group.spawn(_play, self)  # Locust looks for the user in args[0]
        return self._greenlet

    @task
    def replay(self) -> None:
        """Locust wants every user class to have a task; here the run plays instead."""


def _play(user: LightUser) -> None:
    user._play()


class ReplayUser(LightUser):
    """A live request of an open loop: due at its time, whatever became of the ones before."""

    role = Role.REPLAY


class ClosedLoopUser(LightUser):
    """One of `--concurrency` loops: sends its next request when its last is done."""

    role = Role.CLOSED
