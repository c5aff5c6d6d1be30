"""The life of a run in Locust's hands: checked, started, ended, accounted for, told.

Locust's events come in, once each from `plugin`; out go a started `Run` and, whatever ended it, its
summary and the exit code. `test_stopping` is the barrier: nothing is written before every request
on the wire has its record.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import gevent
from gevent.event import Event
from locust.env import Environment
from locust.runners import STATE_INIT, STATE_STOPPED, STATE_STOPPING, LocalRunner, MasterRunner

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.load import identity as identities
from sagellm_benchmark.load.carried import Carried
from sagellm_benchmark.load.cluster.course import Course
from sagellm_benchmark.load.cluster.post import MasterPost
from sagellm_benchmark.load.cluster.toll import Toll
from sagellm_benchmark.load.departure import end, leave
from sagellm_benchmark.load.dispatch import Role, dispatcher
from sagellm_benchmark.load.finish import EXIT_UNUSABLE, EXIT_USAGE, finish, tell
from sagellm_benchmark.load.identity import Identity
from sagellm_benchmark.load.inputs import Inputs
from sagellm_benchmark.load.limits import raise_file_limit
from sagellm_benchmark.load.live import Live
from sagellm_benchmark.load.manifest import Manifest
from sagellm_benchmark.load.outage import Outage
from sagellm_benchmark.load.output import say
from sagellm_benchmark.load.page import guard
from sagellm_benchmark.load.prepared import Prepared, prepare
from sagellm_benchmark.load.run import Run
from sagellm_benchmark.load.scraper import Scraper
from sagellm_benchmark.load.signals import Signals
from sagellm_benchmark.load.single import Single
from sagellm_benchmark.load.start import Start
from sagellm_benchmark.load.vitals import Vitals
from sagellm_benchmark.load.waiting import Waiting
from sagellm_benchmark.load.watcher import Watcher
from sagellm_benchmark.metrics.columns import Columns
from sagellm_benchmark.record.record import RequestRecord
from sagellm_benchmark.redact import printable, snippet

log = logging.getLogger(__name__)


class Coordinator:
    """Carries runs from start to summary, one after the other.

    Args:
        environment: Locust's; `plugin` keeps one coordinator for it.
        sources: Where each option's value came from, by its key.

    Attributes:
        watchers: Whoever is told of runs.
        vitals: How the run that is on is doing; the last one's, where none is.
        waiting: The first run, until it starts.
    """

    def __init__(self, environment: Environment, sources: Mapping[str, str]) -> None:
        self.environment = environment
        self.inputs = Inputs(environment, sources)
        self.role = self.inputs.role
        self.run: Carried | None = None
        self.watchers: list[Watcher] = []
        self.vitals: Vitals | Toll | None = None
        self.waiting = Waiting(environment)
        self._load: Single | Course | None = None
        self._post: MasterPost | None = None
        self._course: Course | None = None
        self._live: Live | None = None
        self._columns: Columns | None = None
        self._manifest: Manifest | None = None
        self._outage: Outage | None = None
        self._aborted: str | None = None
        self._ending = False
        self._finished = Event()
        self._finished.set()
        self._broken: str | None = None
        self._finishing: gevent.Greenlet | None = None
        self._start = Start()
        self._signals = Signals(self)

    def initialise(self) -> None:
        """Check what can be checked now, and listen to Locust from here on.

        Raises:
            UsageError: Something is wrong; no load has been sent.
            SystemExit: `--plan` was asked for.
        """
        environment = self.environment
        self.inputs.check_combination()
        raise_file_limit()
        if isinstance(environment.runner, MasterRunner):
            self.inputs.keep_secrets()
            self._post = MasterPost(environment, self._on_letter, self._on_worker)
        environment.dispatcher_class = dispatcher  # type: ignore[assignment]  # makes one
        prepared = None if self.inputs.waiting else prepare(self.inputs)
        environment.stop_timeout = self.inputs.stop_timeout_s()
        if self._post is not None:
            self._post.keep_time()
        self._signals.install()  # before there is a directory to take away
        if prepared is None:
            say("No trace is named: choose one in the page, at /llm; nothing is sent before that.")
        elif environment.parsed_options.headless or environment.parsed_options.autostart:
            self.waiting.hold(prepared)
            if self._post is not None:
                self.waiting.expect_workers()
        if environment.web_ui is not None:
            guard(environment, self.inputs, self._busy, self._call_off)
        events = environment.events
        events.test_start.add_listener(self._on_test_start)
        events.test_stopping.add_listener(self._on_test_stopping)
        events.test_stop.add_listener(self._on_test_stop)
        events.quitting.add_listener(self._on_quitting)
        events.request.add_listener(self._on_request)

    # Start

    def _on_test_start(self, **_: Any) -> None:
        self._spawn(self._prepare).join()

    def _prepare(self) -> None:
        identity = None
        try:
            with self._start:
                self._finished.wait()
                for watcher in self.watchers:
                    watcher.preparing()
                prepared = self.waiting.take() or prepare(self.inputs)
                again = self._manifest is not None  # one has been started before
                identity = prepared.identity or identities.claim(prepared.settings, again=again)
                self._ending = False
                run, columns = self._gather(prepared, identity)
        except UsageError as error:
            if self._course is not None:
                self._course.call_off()
                self._course = None
            if identity is not None:
                identities.give_up(identity)
            self._refuse(error)
            return
        identities.point_latest(identity)
        self._begin(run, prepared, columns)

    def _gather(self, prepared: Prepared, identity: Identity) -> tuple[Carried, Columns]:
        """Make the run; its workers, if it has any, are ready for it."""
        columns = Columns()
        listeners = (columns.add, *(watcher.add for watcher in self.watchers))
        run = prepared.run(
            self.environment,
            identity,
            listeners,
            self.inputs.tokenizer(prepared.settings),
            post=self._post,
            recorded=self._recorded,
            told=self._tell,
        )
        self._manifest = Manifest(run, prepared.server)
        self._manifest.write()
        if isinstance(run, Course):
            self._course = self._load = run
            run.gather(self.inputs.shared(), self._manifest.read())
        else:
            self._load = Single(self.environment, run, self.role, self._broke)
        return run, columns

    def _begin(self, run: Carried, prepared: Prepared, columns: Columns) -> None:
        self._outage = Outage(self._manifest.thresholds.connect_errors)
        self._aborted = None
        run.scraper = Scraper(prepared.pages, run)
        self.run, self._columns = run, columns
        self._finished.clear()
        self._live = Live(run)
        self.vitals = run.vitals()
        for watcher in self.watchers:
            watcher.began(run)
        run.scraper.begin()
        if not self._ending:
            self._spawn(self._drive, self._load)

    def _call_off(self) -> None:
        """Stop a run that is being started, of which Locust knows nothing yet."""
        self._start.interrupt()
        if self.run is not None and self.environment.runner.state == STATE_INIT:
            self._on_test_stopping()
            self._on_test_stop()

    def _on_letter(self, key: str, data: bytes) -> None:
        """A worker's letter."""
        if self._course is not None:
            self._course.receive(key, data)

    def _on_worker(self, key: str) -> None:
        """A worker has come; while a run is on it may join in."""
        if self.run is not None and not self._ending:
            self._course.invite(key)

    def _tell(self, event: str) -> None:
        """Something happened that a person should know."""
        self.clear_line()
        log.warning("%s", event)

    def _spawn(self, work: Callable[..., None], *args: Any) -> gevent.Greenlet:
        """Run a part of our own; should it break, the run ends and its result is unusable."""
        greenlet = gevent.Greenlet(work, *args)
        greenlet.link_exception(self._broke)
        greenlet.start()
        return greenlet

    def _broke(self, greenlet: gevent.Greenlet) -> None:
        secrets = () if self.run is None else self.run.secrets
        broke = snippet(repr(greenlet.exception), secrets=secrets)
        log.critical("the run broke: %s", broke)
        self._broken = f"an error of ours: {broke}"
        self.environment.process_exit_code = EXIT_UNUSABLE
        if greenlet is self._finishing:
            self._finished.set()
        gevent.spawn(leave, self.environment)

    def _refuse(self, error: UsageError) -> None:
        """A start from the page that cannot be: say so there and here, and stop."""
        runner = self.environment.runner
        words = printable(str(error))
        log.error("%s", words)
        runner.log_exception("local", words, "")
        for watcher in self.watchers:
            watcher.refused(words)
        if self.environment.parsed_options.headless:
            self.environment.process_exit_code = EXIT_USAGE
            gevent.spawn(leave, self.environment)
        else:
            gevent.spawn(runner.stop)

    def _drive(self, load: Single | Course) -> None:
        """Send the whole plan, then end the test; a user's own tasks end when Locust says."""
        if load.drive() and not self._ending:
            end(self.environment)

    def _busy(self) -> str | None:
        """Why the page cannot start a run now."""
        if self.run is None:
            return "a run is being started: stop it first" if self._start.on else None
        if self._ending:
            return (
                f"the last run is ending, {self.run.in_flight} requests are on the wire "
                f"(--stop-timeout {self.run.settings.stop_timeout_s:g}): start again when it ends"
            )
        if self.role is Role.TASKS:
            return None  # another number of users, which Locust sees to
        return "a replay is on, and its plan says how many requests there are: stop it first"

    def _on_request(self, **facts: Any) -> None:
        """Locust's request event; the requests of other users in the file are Locust's alone."""
        if isinstance(self.run, Run) and "outcome" in facts:
            self._recorded(self.run.record(facts["seq"], facts["job"], facts["outcome"]))

    def _recorded(self, record: RequestRecord) -> None:
        """One more record: does the run go on?"""
        self._live.add(record)
        self._aborted = self._outage.add(record) or self._aborted
        reason = self.run.write_failure or self._aborted
        if reason and not self._ending and not self.run.stopping:
            self._send_no_more(reason)

    def _send_no_more(self, reason: str) -> None:
        """End the run from here: what flies may land."""
        self.clear_line()
        log.error("%s: no more requests are sent", reason)
        self._load.stop()
        gevent.spawn(end, self.environment)

    def clear_line(self) -> None:
        """Make room on the terminal for a line that is none of the live view's."""
        if self._live is not None:
            self._live.clear()

    # End

    def _on_test_stopping(self, **_: Any) -> None:
        """The barrier: whoever stops the test waits here until nothing is on the wire."""
        if self.run is None:
            return
        if self._ending:
            self._finished.wait()
            return
        self._ending = True
        for watcher in self.watchers:
            watcher.ending()
        self._load.drain()

    def _on_test_stop(self, **_: Any) -> None:
        """Locust has stopped its users: the books are closed and the summary is written."""
        if self.run is not None and not self._finished.is_set():
            self._finishing = self._spawn(self._finish, self.run)
            self._finishing.join()

    def _finish(self, run: Carried) -> None:
        run.stopping = True
        run.settle()
        self._live.close()
        interrupted = self._broken or self._signals.received
        result = finish(
            run, self._columns, self._manifest, interrupted=interrupted, aborted=self._aborted
        )
        self.environment.process_exit_code = result.exit_code
        try:
            tell(run, result)
        except UsageError as error:
            log.error("%s; the result is in %s", error, run.identity.directory)
        run.close()
        self.run = self._course = None
        for watcher in self.watchers:
            watcher.ended(run)
        self._finished.set()

    def _on_quitting(self, **_: Any) -> None:
        """Locust is leaving and reads the exit code next: the run must be over by then."""
        runner: Any = self.environment.runner
        self._call_off()
        if runner.state not in (STATE_INIT, STATE_STOPPED, STATE_STOPPING):
            alone = isinstance(runner, LocalRunner)
            runner.stop(**({} if alone else {"send_stop_to_client": False}))
        self._finished.wait()
        self._signals.write_skipped_files()
