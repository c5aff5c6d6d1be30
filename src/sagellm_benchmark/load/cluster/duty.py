"""A worker's part of one run, from its first row to its last record.

In: rows, and what the coordinator says of them. Out: requests at their time, records in a segment
of its own, letters that carry them, and once all is over what it cost.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
import msgspec
from gevent.event import Event
from gevent.greenlet import Greenlet
from locust.env import Environment
from locust.runners import STATE_RUNNING

from sagellm_benchmark.clock import NS_PER_MS, NS_PER_S, Anchor, now
from sagellm_benchmark.load.cluster.feed import Feed
from sagellm_benchmark.load.cluster.letters import (
    LETTER_BYTES,
    Begin,
    Done,
    Go,
    Letter,
    Pulse,
    Rows,
    Stalled,
    unpack_rows,
)
from sagellm_benchmark.load.cluster.outbox import Outbox
from sagellm_benchmark.load.dispatch import Role
from sagellm_benchmark.load.driver import Driver
from sagellm_benchmark.load.identity import withdraw
from sagellm_benchmark.load.request import Job
from sagellm_benchmark.load.run import Run
from sagellm_benchmark.load.share import Share
from sagellm_benchmark.load.vitals import Vitals
from sagellm_benchmark.metrics.histogram import Histogram
from sagellm_benchmark.wire.outcome import Outcome

POST_S = 0.1
GATHER_NS = NS_PER_S // 4
"""So long records wait for others to go with them: a letter costs more than a record."""

PULSE_NS = NS_PER_S
REPEAT_NS = 5 * NS_PER_S
STOOD_STILL_NS = 2 * NS_PER_S
"""After so long at a standstill the coordinator may have given us up."""

FIRST_NS = 300 * NS_PER_MS
"""So long before the run's start its first requests are made."""

DELIVERY_S = 30.0
"""So long the last records may take to arrive."""


class Duty:
    """One run of one worker.

    Args:
        environment: Locust's.
        run: The run, as far as it is this process's.
        feed: Its rows; None for a user's own tasks.
        role: What paces it.
        letter: What it began with.
        send: Sends a letter to the coordinator.
        over: Called when there is nothing left to do.

    Attributes:
        run: As given.
        records: Where its segment lies.
        outbox: Sends its records.
        ended: It has said that it is done.
    """

    def __init__(
        self,
        environment: Environment,
        run: Run,
        feed: Feed | None,
        role: Role,
        letter: Begin,
        send: Callable[[Letter], None],
        over: Callable[[Duty], None],
    ) -> None:
        self.run = run
        self.records: Path = run.segment.path
        self.ended = False
        self.outbox = Outbox(letter.run, self.records, send)
        self._environment = environment
        self._runner: Any = environment.runner
        self._feed = feed
        self._role = role
        self._name = letter.run
        self._send = send
        self._over = over
        self._vitals = Vitals(run)
        self._driver = Driver(environment, run, role, self._broke, feed, self._permitted)
        self._driving: Any = None
        self._finishing = False
        self._told = Event()
        self._over_now = Event()
        self._left: str | None = None
        self._allowed = Event()
        self._allowed.set()
        self._belongs = True
        self._beaten_ns = now()
        self._posting = gevent.spawn(self._post)

    # The load

    def work(self, go: Go) -> None:
        """Send what there is to send, until no more will come."""
        self.run.anchor = Anchor(go.anchor_ns, go.anchor_unix_s)
        self.run.share = go.share
        self._driver.resize(None, go.share.conversations)
        self._driving = gevent.getcurrent()
        if self._role is not Role.TASKS and go.origin_ns < now():
            self._runner.worker_state = STATE_RUNNING  # Locust tells nobody who comes late to begin
        self.run.health.prepare()
        # The first rows are right behind: their requests are best made before the clock runs.
        gevent.sleep(max(go.origin_ns - now() - FIRST_NS, 0) / NS_PER_S)
        self._driver.drive(go.origin_ns)
        if self._feed is None or self._finishing:
            return
        self._runner.user_greenlets.join()
        if not self._finishing:
            self._finishing = True
            self._told.set()
            self._close()

    def hand(self, letter: Rows) -> None:
        """Rows have come."""
        ready, waiting = self._feed.add(unpack_rows(letter.packed))
        self._driver.supplied(ready, waiting)

    def last(self) -> None:
        """No more rows will come."""
        if self._feed is not None:
            self._feed.end()
            self._driver.wake()

    def resize(self, share: Share) -> None:
        """Another share of the run's limits."""
        self.run.share = share
        self._driver.resize(share.users, share.conversations)

    def report(self, seq: int, job: Job, outcome: Outcome) -> None:
        """One request has ended."""
        self.run.record(seq, job, outcome)

    # A standstill

    def _permitted(self) -> bool:
        """Whether a request may be sent: not by one who slept and may have been given up."""
        if now() - self._beaten_ns > STOOD_STILL_NS:
            self._stood_still()
        if not self._allowed.is_set():
            self._allowed.wait()
        return self._belongs

    def _stood_still(self) -> None:
        seconds = (now() - self._beaten_ns) / NS_PER_S
        self._beaten_ns = now()
        if self._allowed.is_set():
            self._allowed.clear()
            self._send(Stalled(run=self._name, seconds=seconds))

    def confirmed(self, allowed: bool) -> None:
        """The coordinator has answered."""
        self._belongs = allowed
        self._allowed.set()
        if not allowed:
            gevent.spawn(self.cut_off, 0.0)

    # Reports

    def _post(self) -> None:
        pulsed_ns = repeated_ns = posted_ns = now()
        there = 0
        while True:
            gevent.sleep(POST_S)
            moment_ns = now()
            if moment_ns - self._beaten_ns > STOOD_STILL_NS:
                self._stood_still()
            self._beaten_ns = moment_ns
            self.run.recorder.flush()
            if self.outbox.there != there or self.outbox.empty:
                there, repeated_ns = self.outbox.there, moment_ns
            elif moment_ns - repeated_ns > REPEAT_NS:
                repeated_ns = moment_ns
                self.outbox.repeat()
            if moment_ns - posted_ns >= GATHER_NS or self.outbox.waiting >= LETTER_BYTES:
                posted_ns = moment_ns
                self.outbox.post()
            if moment_ns - pulsed_ns >= PULSE_NS:
                pulsed_ns = moment_ns
                self._send(self._pulse())

    def _pulse(self) -> Pulse:
        line = self._vitals.workers()[0]
        return Pulse(
            run=self._name,
            sent=line["sent"],
            in_flight=line["in_flight"],
            planned=self.run.recorder.planned,
            tokens_in_flight=self.run.tokens_in_flight,
            cpu_percent=line["cpu_percent"],
            loop_lag_ms=line["loop_lag_ms"],
            read_lag_ms=line["read_lag_ms"],
            memory_mb=line["memory_mb"] or 0.0,
            failed=self.run.recorder.failed,
        )

    # The end

    def told_to_finish(self, within_s: float) -> bool:
        """Whether the coordinator says so within this time; if it does, wait until that is done."""
        if self._told.wait(within_s):
            self._over_now.wait()
        return self._told.is_set()

    def finish(self, timeout_s: float) -> None:
        """Send no more; what is on the wire may take so long; then report."""
        self._told.set()
        if self._finishing:
            return
        if self._driving is None:
            self.withdraw()
            return
        self._finishing = True
        self._end_load(timeout_s)
        self._close()

    def withdraw(self) -> None:
        """The run has not begun here, and will not: leave nothing of it behind."""
        self._finishing = True
        withdraw(self.run.identity, self.records.parent)  # at once: the next one may be called so
        self._posting.kill()
        self._shut()

    def leave(self, why: str) -> None:
        """End this part of the run before its time."""
        self._left = why
        self.finish(self.run.settings.stop_timeout_s)

    def cut_off(self, timeout_s: float) -> None:
        """Nobody is there to report to: end the load, and keep the records."""
        self._finishing = True
        self._end_load(timeout_s)
        self.run.settle()
        self._posting.kill()
        self._shut()

    def _end_load(self, timeout_s: float) -> None:
        run, users = self.run, self._runner.user_greenlets
        self._belongs = False
        self._allowed.set()
        run.engine.drain()
        self._driver.stop()
        if self._role is Role.TASKS:
            self._environment.stop_timeout = timeout_s
            self._runner.stop()
        else:
            users.join(timeout=timeout_s)
            run.stopping = True
            users.kill(block=True)
            if self._driving is not None and gevent.getcurrent() is not self._driving:
                self._driving.kill()
        run.stopping = True

    def _close(self) -> None:
        """Everything has ended: bring the last records in, and say what it cost."""
        run = self.run
        run.stopping = True
        run.settle()
        run.health.stop()
        run.recorder.flush()
        self._report_to_locust()
        deadline_ns = now() + round(DELIVERY_S * NS_PER_S)
        self.outbox.post()
        while not self.outbox.empty and now() < deadline_ns:
            gevent.sleep(POST_S / 4)
        self._send(self._done())
        self._posting.kill()
        self._environment.stop_timeout = 0.0  # ours is over: Locust need not wait another time
        self._shut()

    def _shut(self) -> None:
        self.ended = True
        self.run.recorder.close()
        self.run.close()
        self.outbox.close()
        self._over(self)
        self._over_now.set()

    def _report_to_locust(self) -> None:
        """Locust's own statistics, which it sends every few seconds, complete before our end."""
        runner = self._runner
        data: dict[str, Any] = {}
        self._environment.events.report_to_master.fire(client_id=runner.client_id, data=data)
        runner.send_message("stats", data)

    def _done(self) -> Done:
        run = self.run
        figures = run.generator()
        loop, read = Histogram(), Histogram()
        loop.add(run.health.loop_lags_ms)
        read.add(max(lag, 0.0) for lag in run.engine.read_lags_ms)
        return Done(
            run=self._name,
            planned=run.recorder.planned,
            bytes=self.outbox.size,
            figures={key: value for key, value in figures["workers"][0].items() if key != "name"},
            loop_lags=msgspec.to_builtins(loop.counts()),
            read_lags=msgspec.to_builtins(read.counts()),
            stalls=figures["stalls"],
            peers=sorted(run.peers),
            failed=run.recorder.failed,
            left=self._left,
        )

    def _broke(self, greenlet: Greenlet) -> None:
        gevent.spawn(self.leave, f"an error of ours: {type(greenlet.exception).__name__}")
