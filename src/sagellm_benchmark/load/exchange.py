"""One request on one connection: what is still expected, until when, and who waits for it.

In go the connection's reads, through the parser; out comes a finished `Reply` and a woken greenlet.
Every way in which a request can end passes `_end`, once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gevent import get_hub
from gevent.hub import Waiter

from sagellm_benchmark.clock import NS_PER_S, now
from sagellm_benchmark.load.connection import Connection
from sagellm_benchmark.load.leaving import Cut
from sagellm_benchmark.wire.reply import Reply
from sagellm_benchmark.wire.states import LEFT, Phase, Status

_WRITE = 2
CLOSE_GRACE_NS = NS_PER_S
"""How long a connection may stay open after `[DONE]` before it is dropped."""
READS_AT_ONCE = 128
BYTES_AT_ONCE = 128 * 1024
"""Some 700 tokens, a millisecond's work."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long a request may take, in nanoseconds.

    Attributes:
        first_token: From sent to the first token.
        idle: From one token to the next; comments are none.
        total: From sent to the end.
    """

    first_token: int
    idle: int
    total: int

    @classmethod
    def seconds(cls, first_token: float, idle: float, total: float) -> Deadlines:
        """From seconds, as the options give them."""
        return cls(*(round(value * NS_PER_S) for value in (first_token, idle, total)))


class Exchange:
    """A request whose response is awaited.

    Args:
        reply: The response.
        deadlines: How long it may take.
        sent_ns: When it was sent.
        stream: Tokens are read as they come.
        stop_when: Called with the text so far; True ends the request.
        cut: When its user leaves; None for one who stays.
    """

    __slots__ = (
        "_cut",
        "_deadlines",
        "_prompt",
        "_stop_when",
        "_stream",
        "_waiter",
        "ended",
        "reply",
        "sent_ns",
    )

    def __init__(
        self,
        reply: Reply,
        deadlines: Deadlines,
        sent_ns: int,
        stream: bool,
        *,
        stop_when: Callable[[str], bool] | None = None,
        cut: Cut | None = None,
    ) -> None:
        self.reply = reply
        self.sent_ns = sent_ns
        self.ended = False
        self._deadlines = deadlines
        self._stream = stream
        self._stop_when = stop_when
        self._cut = cut
        # Who leaves at a token must be seen to leave there: such a request is parsed at every read,
        # and only such a one pays for it.
        self._prompt = cut is not None and cut.tokens is not None
        self._waiter: Waiter | None = None

    @property
    def leaves_ns(self) -> int | None:
        """When its user leaves, where that is a matter of time."""
        cut = self._cut
        return None if cut is None or cut.wait_ns is None else self.sent_ns + cut.wait_ns

    def wait(self) -> None:
        """Block the calling greenlet until the request has ended."""
        if not self.ended:
            self._block(Waiter())

    def wait_writable(self, fd: int) -> None:
        """Block the calling greenlet until the socket takes more, or the request has ended."""
        waiter: Waiter = Waiter()
        watcher = get_hub().loop.io(fd, _WRITE)
        watcher.start(waiter.switch, None)
        try:
            self._block(waiter)
        finally:
            watcher.stop()
            watcher.close()

    def _block(self, waiter: Waiter) -> None:
        self._waiter = waiter
        try:
            waiter.get()
        finally:
            self._waiter = None

    def parse(self, connection: Connection) -> bool:
        """Feed what was read to the reply, or as much of it as others can wait for.

        What was read behind the end goes to the reply too: the connection is then of no more use.

        Returns:
            True if none is left, or the request has ended.
        """
        reply = self.reply
        reads, stamps = connection.reads, connection.stamps
        if len(reads) <= READS_AT_ONCE and sum(map(len, reads)) <= BYTES_AT_ONCE:
            connection.reads, connection.stamps = [], []
        else:
            count = _at_once(reads)
            connection.reads, connection.stamps = reads[count:], stamps[count:]
            reads, stamps = reads[:count], stamps[:count]
        for data, stamp in zip(reads, stamps, strict=True):
            if data:
                reply.feed(data, stamp)
            elif connection.error is None:
                reply.eof(stamp)
            else:
                reply.broken(stamp, connection.error.strerror or str(connection.error))
        if reply.complete:
            self._end()
            return True
        connection.eager = self._prompt or not reply.chunked
        if self._stop_when is not None and (why := self._stopped(self._stop_when)):
            self.abandon(Status.CANCELLED, None, *why, now())
            return True
        return not connection.reads

    def check(self, moment_ns: int) -> None:
        """End it if its user has left or a deadline has passed, once all reads are parsed."""
        reply, deadlines = self.reply, self._deadlines
        answered = reply.answered_ns
        if answered is not None:
            if moment_ns - answered > CLOSE_GRACE_NS:
                self._end()
            return
        if self._cut is not None and self.leave(moment_ns):
            return
        elapsed = moment_ns - self.sent_ns
        if elapsed > deadlines.total:
            self._time_out("total", deadlines.total, moment_ns)
        elif self._stream:
            if reply.timeline.first_token_ns is None:
                if elapsed > deadlines.first_token:
                    self._time_out("first_token", deadlines.first_token, moment_ns)
            elif moment_ns - reply.progress_ns > deadlines.idle:
                self._time_out("idle", deadlines.idle, moment_ns)

    def leave(self, moment_ns: int, phase: Phase | None = None) -> bool:
        """End it if its user has left by now.

        Args:
            moment_ns: Now.
            phase: Where it stands, if it has no connection yet.

        Returns:
            Whether that is so.
        """
        cut = self._cut
        tokens = len(self.reply.timeline.token_ns)
        if cut is None or not cut.reached(tokens, moment_ns - self.sent_ns):
            return False
        words = f"the user left, as --cancel-after {cut.after} asked"
        self.abandon(Status.CANCELLED, phase, LEFT, words, moment_ns)
        return True

    def abandon(
        self, status: Status, phase: Phase | None, reason: str | None, message: str, at_ns: int
    ) -> None:
        """End it from our side."""
        if not self.ended:
            self.reply.abandon(status, phase, reason, message, at_ns)
            self._end()

    def _time_out(self, reason: str, limit_ns: int, at_ns: int) -> None:
        what = {"total": "no end", "first_token": "no token", "idle": "no further token"}[reason]
        message = f"{what} within {limit_ns / NS_PER_S:g} s"
        timeline = self.reply.timeline
        writing = timeline.written_ns is None and timeline.first_byte_ns is None
        self.abandon(Status.TIMEOUT, Phase.WRITE if writing else None, reason, message, at_ns)

    def _stopped(self, stop_when: Callable[[str], bool]) -> tuple[str, str] | None:
        """Why the caller ends the request, in a word and in words; None where it goes on."""
        try:
            return (LEFT, "ended by the task") if stop_when(self.reply.text) else None
        except Exception as error:  # the edge of a request: the parser lives on
            return "stop_when", f"stop_when raised {error!r}"

    def _end(self) -> None:
        self.ended = True
        if self._waiter is not None:
            get_hub().loop.run_callback(self._waiter.switch, None)


def _at_once(reads: list[bytes]) -> int:
    """How many of these reads to parse before others have their turn: at least one."""
    size = 0
    for count, data in enumerate(reads[:READS_AT_ONCE], 1):
        size += len(data)
        if size >= BYTES_AT_ONCE:
            return count
    return min(len(reads), READS_AT_ONCE)
