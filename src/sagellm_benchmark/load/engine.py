"""Perform requests: the one place where a job becomes an outcome.

In goes a `Job` on the caller's greenlet; out comes its `Outcome`, always, whatever the server, the
network or a kill does. The engine owns the sockets, the pool and the parser of this process.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import gevent
from gevent import get_hub
from gevent.event import Event
from gevent.hub import GreenletExit

from sagellm_benchmark.clock import NS_PER_MS, NS_PER_S, now
from sagellm_benchmark.load.attempts import Attempts
from sagellm_benchmark.load.connection import Connection
from sagellm_benchmark.load.exchange import Deadlines, Exchange
from sagellm_benchmark.load.opening import ConnectFailed, open_connection
from sagellm_benchmark.load.parser import Parser
from sagellm_benchmark.load.pool import Pool
from sagellm_benchmark.load.receiver import Receiver
from sagellm_benchmark.load.request import Job
from sagellm_benchmark.load.target import Target
from sagellm_benchmark.record.record import TEXT_BYTES
from sagellm_benchmark.wire.outcome import Outcome
from sagellm_benchmark.wire.reply import Reply
from sagellm_benchmark.wire.states import Phase, Status
from sagellm_benchmark.wire.timeline import Timeline

_ALARM_LATE_NS = NS_PER_MS
"""The loop's own clock may be behind by so much."""

SAMPLE_EVERY = 64
"""Every 64th connection carries kernel receive stamps, and one at least of those in use."""


@dataclass
class Counts:
    """What flies now, and what flew, for the live view.

    Attributes:
        in_flight: Sent and not ended.
        peak: The most that flew at once.
        sent: Handed to a connection.
    """

    in_flight: int = 0
    peak: int = 0
    sent: int = 0


class Engine:
    """The requests of one process.

    Args:
        targets: Where they go: a job says to which of them.
        deadlines: How long each may take.
        secrets: What no message may show.
        keep_text: Keep the replies' text in the outcomes, so much of it as a record may hold.
        retries: How often to try again to connect, where a connection never stood.
        count: Keep all that replies say in the outcomes, so that their tokens can be counted.
    """

    def __init__(
        self,
        targets: Sequence[Target],
        deadlines: Deadlines,
        *,
        secrets: tuple[str, ...] = (),
        keep_text: bool = False,
        retries: int = 0,
        count: bool = False,
    ) -> None:
        self._targets = targets
        self.counts = Counts()
        self.read_lags_ms = array("d")
        self._deadlines = deadlines
        self._secrets = secrets
        self._keep_text = keep_text
        self._retries = retries
        self._count = count
        self._draining = Event()
        self._pools = [Pool() for _ in targets]
        self.peers: set[str] = set()
        self._opened = 0
        self._sampling = 0
        self._parser = Parser(self._idle_spoke, self._tick)
        self._receiver = Receiver(self._parser.urgent)

    @property
    def parsing_s(self) -> float:
        """Seconds spent parsing so far."""
        return self._parser.parsing_ns / NS_PER_S

    def tokens_in_flight(self) -> int:
        """Token frames of the requests that have not ended."""
        return sum(len(exchange.reply.timeline.token_ns) for exchange in self._parser.live)

    def perform(
        self,
        job: Job,
        due_ns: int | None = None,
        *,
        stop_when: Callable[[str], bool] | None = None,
        thrown: list[BaseException] | None = None,
    ) -> Outcome:
        """Send one request and wait for its end. Raises nothing but what kills the process.

        Args:
            job: What to send.
            due_ns: When it had to be sent; now, if None.
            stop_when: Called with the text so far, within a tick of new text; True ends it.
            thrown: Gets what was thrown into the greenlet and ended the request, a kill or a
                timeout of the caller's own; the caller raises it again once it has reported.
        """
        sent_ns = now()
        timeline = Timeline(sent_ns if due_ns is None else due_ns)
        timeline.sent_ns = sent_ns
        reply = Reply(
            timeline,
            endpoint=job.ask.endpoint,
            stream=job.ask.stream,
            expected_output=job.ask.max_tokens,
            exact=job.ask.exact,
            keep_text=self._keep_text or job.keep_text,
            room=None if job.keep_text else TEXT_BYTES + 1,  # one more tells that it was cut
            secrets=self._secrets,
            count=self._count,
        )
        exchange = Exchange(
            reply, self._deadlines, sent_ns, job.ask.stream, stop_when=stop_when, cut=job.cut
        )
        attempts = self._attempts(job, sent_ns)
        counts = self.counts
        counts.sent += 1
        counts.in_flight += 1
        counts.peak = max(counts.peak, counts.in_flight)
        connection = None
        try:
            connection = self._connect(job.host, timeline, attempts)
            with self._alarm(exchange, connection):
                self._converse(exchange, connection, job)
        except ConnectFailed as failure:
            _not_connected(exchange, failure, attempts)
        except (GreenletExit, gevent.Timeout) as broke:
            exchange.abandon(Status.CANCELLED, None, "stopped", _why(broke), now())
            if thrown is not None:
                thrown.append(broke)
        finally:
            counts.in_flight -= 1
            if connection is not None:
                self._release(job.host, connection, exchange)
        outcome = reply.outcome(now())
        outcome.attempt, outcome.wasted_ns = attempts.made, attempts.wasted_ns
        if job.cut is not None:
            outcome.flags.append(f"cancel_after={job.cut.after}")
        return outcome

    def drain(self) -> None:
        """The run is ending: what is on the wire may finish, nobody tries again to connect."""
        self._draining.set()

    def _attempts(self, job: Job, sent_ns: int) -> Attempts:
        allowed_ns = min(self._deadlines.first_token, self._deadlines.total)
        if job.cut is not None and job.cut.wait_ns is not None:
            allowed_ns = min(allowed_ns, job.cut.wait_ns)
        return Attempts(self._retries, sent_ns, allowed_ns)

    def _connect(self, host: int, timeline: Timeline, attempts: Attempts) -> Connection:
        """A connection, at the first attempt or at a later one."""
        while True:
            try:
                return self._connection(host, timeline, attempts.left_ns(now()))
            except ConnectFailed as failure:
                pause_ns = None if failure.timed_out else attempts.pause_ns(now())
                if pause_ns is None or self._draining.wait(pause_ns / NS_PER_S):
                    raise
                attempts.again(now())

    def _connection(self, host: int, timeline: Timeline, allowed_ns: int) -> Connection:
        while (connection := self._pools[host].take()) is not None:
            if connection.quiet():
                timeline.reused = True
                self._sample(connection)
                return connection
            self._drop(connection)
        connection = open_connection(self._targets[host], round(allowed_ns / NS_PER_S, 3))
        timeline.connected_ns = now()
        self._sample(connection, self._opened % SAMPLE_EVERY == 0)
        self._opened += 1
        self.peers.add(connection.peer)
        self._receiver.add(connection)
        return connection

    def _sample(self, connection: Connection, chosen: bool = False) -> None:
        """See to it that our read lag is measured whenever anything is read at all."""
        if (chosen or not self._sampling) and not connection.sampled:
            connection.sample_read_lag()
        self._sampling += connection.sampled

    @contextmanager
    def _alarm(self, exchange: Exchange, connection: Connection) -> Iterator[None]:
        """Look at the request when its user is to leave; the tick would come up to 0.1 s late."""
        at_ns = exchange.leaves_ns
        if at_ns is None:
            yield
            return
        alarm = get_hub().loop.timer(max(at_ns - now() + _ALARM_LATE_NS, 0) / NS_PER_S)
        alarm.start(self._parser.urgent, connection)
        try:
            yield
        finally:
            alarm.stop()
            alarm.close()

    def _converse(self, exchange: Exchange, connection: Connection, job: Job) -> None:
        connection.exchange = exchange
        connection.eager = True
        self._parser.live[exchange] = connection
        timeline = exchange.reply.timeline
        try:
            if connection.write(job.payload):
                timeline.written_ns = now()
        except OSError as error:
            # The server may have answered before it broke off; what can be read decides.
            self._receiver.read(connection)
            if timeline.first_byte_ns is None and not any(connection.reads):
                words = error.strerror or str(error)
                exchange.abandon(Status.INCOMPLETE, Phase.WRITE, "reset", words, now())
        exchange.wait()

    def _release(self, host: int, connection: Connection, exchange: Exchange) -> None:
        self._parser.live.pop(exchange, None)
        connection.exchange = None
        self._sampling -= connection.sampled
        if connection.read_lags_ms:
            self.read_lags_ms.extend(connection.read_lags_ms)
            connection.read_lags_ms = []
        if exchange.ended and exchange.reply.reusable and not connection.reads:
            self._pools[host].give(connection)
        else:
            self._drop(connection)

    def _idle_spoke(self, connection: Connection) -> None:
        # A pooled connection that ends, or talks without being asked, is of no use. One that was
        # closed in the meantime may still stand on the parser's list: it is in no pool.
        for pool in self._pools:
            if connection in pool:
                pool.discard(connection)
                self._drop(connection)

    def _tick(self, moment_ns: int) -> None:
        for pool in self._pools:
            for connection in pool.stale(moment_ns):
                self._drop(connection)

    def _drop(self, connection: Connection) -> None:
        self._receiver.remove(connection)
        connection.close()

    def close(self) -> None:
        """Close every idle connection; nothing may be in flight."""
        for pool in self._pools:
            for connection in pool.clear():
                self._drop(connection)
        self._parser.close()
        self._receiver.close()


def _not_connected(exchange: Exchange, failure: ConnectFailed, attempts: Attempts) -> None:
    """End a request whose connection never stood."""
    at_ns, message = now(), str(failure)
    if not failure.timed_out:
        exchange.abandon(Status.CONNECT_ERROR, failure.phase, failure.reason, message, at_ns)
        return
    at_ns = max(at_ns, attempts.until_ns)  # a timer may be a moment early
    if not exchange.leave(at_ns, failure.phase):
        exchange.abandon(Status.TIMEOUT, failure.phase, "first_token", message, at_ns)


def _why(broke: BaseException) -> str:
    if isinstance(broke, gevent.Timeout):
        return f"ended by a timeout of the task's own: {broke}"
    return "ended by the run's end"
