"""Parse what the receiver has read, in slices so short that reading never waits long.

In go connections with unparsed reads: at once where an end may have come, else at the tick. A slice
runs at most 2 ms, then the loop reads sockets again. The tick also ends what is overdue, from the
parsed state.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from gevent import get_hub

from sagellm_benchmark.clock import NS_PER_MS, now
from sagellm_benchmark.load.connection import Connection
from sagellm_benchmark.load.exchange import Exchange

SLICE_NS = 2 * NS_PER_MS
WAKE_NS = NS_PER_MS // 2
"""What the greenlet of a request that ended does next, its record and perhaps its next request, is
counted into the slice: it too runs before sockets are read again."""
TICK_S = 0.1


class Parser:
    """The one that feeds replies.

    Args:
        idle_spoke: Called with a connection that said something, or ended, while it carried
        nothing. tick: Called once a tick with the time, for what else is to be looked after.
    """

    def __init__(
        self, idle_spoke: Callable[[Connection], None], tick: Callable[[int], None]
    ) -> None:
        self.live: dict[Exchange, Connection] = {}
        self.parsing_ns = 0
        self._idle_spoke = idle_spoke
        self._also = tick
        self._backlog: deque[Connection] = deque()
        self._scheduled = False
        loop = get_hub().loop
        self._loop = loop
        self._soon = loop.timer(0.0)
        self._ticker = loop.timer(TICK_S, TICK_S)
        self._ticker.start(self._tick)

    def urgent(self, connection: Connection) -> None:
        """Parse this one as soon as the sockets that are ready now have been read."""
        if not connection.queued:
            connection.queued = True
            self._backlog.append(connection)
            if not self._scheduled:
                self._scheduled = True
                self._loop.run_callback(self._slice)

    def close(self) -> None:
        """Stop; what was not parsed stays unparsed."""
        for timer in (self._ticker, self._soon):
            timer.stop()
            timer.close()

    def _slice(self) -> None:
        backlog = self._backlog
        began = now()
        until = began + SLICE_NS
        moment = began
        while backlog and moment < until:
            connection = backlog.popleft()
            connection.queued = False
            if self._parse(connection, moment):
                until -= WAKE_NS
            moment = now()
        self.parsing_ns += moment - began
        if backlog:
            self._soon.start(self._slice)
        else:
            self._scheduled = False

    def _parse(self, connection: Connection, moment_ns: int) -> bool:
        """Parse one connection's reads; True if its request has ended."""
        exchange = connection.exchange
        if exchange is None:
            connection.reads.clear()
            connection.stamps.clear()
            self._idle_spoke(connection)
            return False
        if not exchange.parse(connection):
            connection.queued = True
            self._backlog.append(connection)
        elif not exchange.ended:
            exchange.check(moment_ns)  # what drips would be unparsed at every tick
        return exchange.ended

    def _tick(self) -> None:
        moment = now()
        for exchange, connection in list(self.live.items()):
            if connection.reads:
                self.urgent(connection)
            else:
                exchange.check(moment)
        self._also(moment)
