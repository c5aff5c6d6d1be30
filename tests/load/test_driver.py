"""What sends a plan, without a target: how much of it may fly."""

from __future__ import annotations

from types import SimpleNamespace

import gevent
from gevent.pool import Group

from sagellm_benchmark.load.dispatch import Role
from sagellm_benchmark.load.driver import Driver
from sagellm_benchmark.load.engine import Counts
from sagellm_benchmark.load.run import Run
from sagellm_benchmark.load.share import Share
from sagellm_benchmark.load.users import ReplayUser
from sagellm_benchmark.schedule.planned import Planned
from sagellm_benchmark.trace.row import Row


class CappedRun:
    """Counts as a run does, with a cap of 2; a request flies for a moment."""

    plan = None
    settings = SimpleNamespace(max_sessions=None)
    share = Share(in_flight=2)
    full = Run.full

    def __init__(self):
        self.engine = SimpleNamespace(counts=Counts())
        self.sent, self.dropped = [], []

    def perform(self, seq, job, due_ns):
        """Fly."""
        counts = self.engine.counts
        counts.in_flight += 1
        counts.peak = max(counts.peak, counts.in_flight)
        self.sent.append(seq)
        gevent.sleep(0.01)
        counts.in_flight -= 1

    def drop(self, seq, job, due_ns):
        """Count."""
        self.dropped.append(seq)


def test_what_falls_due_at_once_keeps_to_the_cap():
    """Rows that are launched before the first of them is sent count as in flight."""
    users = Group()
    environment = SimpleNamespace(
        user_classes=[ReplayUser], runner=SimpleNamespace(user_greenlets=users)
    )
    run = CappedRun()
    driver = Driver(environment, run, Role.REPLAY, broke=lambda greenlet: None)
    for seq in range(5):
        driver._launch(Planned(seq, 0, Row(request_id=str(seq))), None, 0)
    users.join()
    driver._launch(Planned(5, 0, Row(request_id="5")), None, 0)
    users.join()
    assert (run.sent, run.dropped) == ([0, 1, 5], [2, 3, 4])
    assert run.engine.counts.peak == 2
