"""Connections that carry nothing now, kept for the next request, and not for too long."""

from __future__ import annotations

from sagellm_benchmark.clock import NS_PER_S, now
from sagellm_benchmark.load.connection import Connection


class Pool:
    """Connections that carry nothing now, the latest first.

    The real gateway closes an idle connection after 5 s, so one is dropped after 4: a POST must not
    meet a socket that is closing, since it is never sent twice.
    """

    IDLE_NS = 4 * NS_PER_S

    def __init__(self) -> None:
        self._idle: list[Connection] = []

    def __contains__(self, connection: object) -> bool:
        return connection in self._idle

    def take(self) -> Connection | None:
        """The connection used last, or None."""
        return self._idle.pop() if self._idle else None

    def give(self, connection: Connection) -> None:
        """Keep it for the next request."""
        connection.idle_ns = now()
        self._idle.append(connection)

    def discard(self, connection: Connection) -> None:
        """It is no good any more."""
        self._idle.remove(connection)

    def stale(self, at_ns: int) -> list[Connection]:
        """Take out those that were idle too long."""
        keep = [c for c in self._idle if at_ns - c.idle_ns < self.IDLE_NS]
        gone = [c for c in self._idle if at_ns - c.idle_ns >= self.IDLE_NS]
        self._idle = keep
        return gone

    def clear(self) -> list[Connection]:
        """Take out all."""
        gone, self._idle = self._idle, []
        return gone
