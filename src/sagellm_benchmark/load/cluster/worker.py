"""A worker's life: it gets ready, sends the rows that it is handed, and reports each.

In: letters of the coordinator. Out: requests, records on its own disk, and the same records in
letters. It obeys the coordinator alone: Ctrl-C in a terminal reaches it too, and is not meant for
it. What it does when nobody is there to obey: it ends what is on the wire within a few seconds, and
its records stay where they are.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Mapping
from typing import Any

import gevent
from gevent.lock import BoundedSemaphore
from locust.env import Environment

from sagellm_benchmark.clock import NS_PER_S, now
from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.load.cluster.duty import Duty
from sagellm_benchmark.load.cluster.equipment import Equipment
from sagellm_benchmark.load.cluster.letters import (
    Ack,
    Begin,
    Finish,
    Go,
    GoOn,
    Here,
    Last,
    Letter,
    Ping,
    Pong,
    Ready,
    Resize,
    Rows,
    to_worker,
)
from sagellm_benchmark.load.cluster.post import WorkerPost
from sagellm_benchmark.load.dispatch import role_of
from sagellm_benchmark.load.finish import EXIT_UNUSABLE
from sagellm_benchmark.load.limits import raise_file_limit
from sagellm_benchmark.load.run import Run
from sagellm_benchmark.redact import printable, snippet

log = logging.getLogger(__name__)

DEAF_NS = 30 * NS_PER_S
"""A coordinator that is connected and silent for so long is taken for dead."""

LAST_S = 4.0
"""So long what is on the wire may go on when the coordinator is gone."""

CROWD_S = 2.0
"""So long a worker that is told to leave waits for a word of its coordinator's."""

_WATCH_S = 0.5


class Worker:
    """One worker process, from its start to its end.

    Args:
        environment: Locust's, with a worker's runner.
        sources: Where each of its own options came from, by key.
    """

    def __init__(self, environment: Environment, sources: Mapping[str, str]) -> None:
        self.environment = environment
        self._equipment = Equipment(environment, sources)
        self._role = next(filter(None, map(role_of, environment.user_classes)))
        self._post = WorkerPost(environment, self._take, self._cut)
        self._letter: Begin | None = None
        self._one_at_a_time = BoundedSemaphore()
        self._duty: Duty | None = None
        self._heard_ns = now()
        self._leaving = False
        self._welcome = False

    @property
    def run(self) -> Run | None:
        """The run that is on here."""
        return None if self._duty is None else self._duty.run

    def initialise(self) -> None:
        """Listen to Locust from here on."""
        raise_file_limit()
        events = self.environment.events
        events.request.add_listener(self._on_request)
        events.quitting.add_listener(self._on_quitting)
        gevent.signal_handler(signal.SIGINT, self._interrupted)
        self._spawn(self._watch)

    def _interrupted(self) -> None:
        """Ctrl-C: while a run is on its coordinator decides, who got it too."""
        if self._duty is None:
            self.environment.runner.quit()

    # Letters

    def _take(self, data: bytes) -> None:
        self._heard_ns = now()
        self._welcome = True
        try:
            letter = to_worker(data)
        except UsageError as error:
            log.error("%s", error)
            return
        if isinstance(letter, Begin):
            self._letter = letter
            self._spawn(self._get_ready, letter)
        elif self._letter is not None and letter.run == self._letter.run:
            self._obey(letter)

    def _obey(self, letter: Letter) -> None:
        duty = self._duty
        if isinstance(letter, Ping):
            self._post.send(Pong(run=letter.run, sent_ns=letter.sent_ns, at_ns=now()))
            return
        if duty is None:
            if isinstance(letter, Finish):
                self._letter = None  # before it got ready
            return
        match letter:
            case Go():
                self._spawn(duty.work, letter)
            case Rows():
                duty.hand(letter)
            case Ack():
                duty.outbox.acknowledged(letter.offset, again=letter.again)
            case Resize():
                duty.resize(letter.share)
            case Last():
                duty.last()
            case GoOn():
                duty.confirmed(letter.allowed)
            case Finish():
                self._spawn(duty.finish, letter.timeout_s)

    def _get_ready(self, letter: Begin) -> None:
        with self._one_at_a_time:
            duty = self._on_duty(letter) if letter is self._letter else None
        if duty is None:
            return
        self._duty = duty
        self._post.send(Ready(run=letter.run))

    def _on_duty(self, letter: Begin) -> Duty | None:
        """Get ready; None for a run that cannot be, or was called off meanwhile."""
        try:
            run, feed = self._equipment.run(letter)
        except UsageError as error:
            self._post.send(Ready(run=letter.run, problem=printable(str(error))))
            return None
        duty = Duty(self.environment, run, feed, self._role, letter, self._post.send, self._ended)
        if letter is not self._letter:
            duty.withdraw()
            return None
        return duty

    def _ended(self, duty: Duty) -> None:
        if self._duty is duty:
            self._duty = None

    # What goes wrong

    def _on_request(self, **facts: Any) -> None:
        if self.run is not None and "outcome" in facts:
            self._duty.report(facts["seq"], facts["job"], facts["outcome"])

    def _spawn(self, work: Callable[..., None], *args: Any) -> None:
        greenlet = gevent.Greenlet(work, *args)
        greenlet.link_exception(self._broke)
        greenlet.start()

    def _broke(self, greenlet: gevent.Greenlet) -> None:
        secrets = () if self.run is None else self.run.secrets
        broke = snippet(repr(greenlet.exception), secrets=secrets)
        log.critical("the worker broke: %s", broke)
        self._leave(f"an error of ours: {broke}")

    def _watch(self) -> None:
        """Leave a coordinator that was not heard of for too long; notice when we stood still."""
        while True:
            before_ns = now()
            if not self._welcome:
                self._post.send(Here(run=""))  # the coordinator may not have listened yet
            gevent.sleep(_WATCH_S)
            away_ns = now() - before_ns
            if away_ns > 2 * round(_WATCH_S * NS_PER_S):
                self._heard_ns += away_ns  # what came meanwhile has not been read yet
            if self._duty is not None and now() - self._heard_ns > DEAF_NS:
                self._cut_off(f"the coordinator was silent for {DEAF_NS // NS_PER_S} s")

    def _cut(self) -> None:
        """The connection is closed: whoever was there counts us as lost."""
        if not self._leaving:
            self._spawn(self._cut_off, "the connection to the coordinator is closed")

    def _cut_off(self, why: str) -> None:
        if self._leaving:
            return
        self._leaving = True
        duty = self._duty
        if duty is not None:
            log.error("%s: no more requests are sent; the records are in %s", why, duty.records)
            duty.cut_off(LAST_S)
            self.environment.process_exit_code = EXIT_UNUSABLE
        self.environment.runner.quit()

    def _leave(self, why: str) -> None:
        """End our part of the run now, tell the coordinator, and go."""
        if self._leaving:
            return
        self._leaving = True
        if self._duty is not None:
            self._duty.leave(why)
        self.environment.process_exit_code = EXIT_UNUSABLE
        self.environment.runner.quit()

    def _on_quitting(self, **_: Any) -> None:
        """SIGTERM, or the coordinator's own word that it is all over."""
        duty, self._leaving = self._duty, True
        # Whoever ends a whole group of processes ends the coordinator too, which then says how.
        if duty is not None and not duty.ended and not duty.told_to_finish(CROWD_S):
            duty.leave("it was told to leave (SIGTERM)")
            self.environment.process_exit_code = EXIT_UNUSABLE
        elif self.environment.process_exit_code is None:
            self.environment.process_exit_code = 0  # the verdict is the coordinator's to give
