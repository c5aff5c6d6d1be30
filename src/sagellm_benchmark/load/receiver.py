"""Read every socket of the process in the event loop's own callback, and stamp what was read.

In goes a `Connection` per socket; out come its `reads` and `stamps`, appended here and nowhere
else. The callback never parses and never switches greenlets: a switch there delays the stamps of
all that is ready behind it. Who needs parsing soon is told to the parser; everybody else waits for
its tick.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from typing import Any

from gevent import get_hub, monkey

from sagellm_benchmark.clock import now
from sagellm_benchmark.load.connection import Connection

READ_SIZE = 65536
BATCH = 512
ROUNDS = 4
_READ = 1
_LAST_CHUNK = b"0\r\n\r\n"
_SHORT = 8
"""A read shorter than this may be the split tail of a message."""


class Receiver:
    """One epoll set for all sockets, itself watched by the loop.

    Against a watcher a socket this saves a watcher start and a callback dispatch a read. Where the
    platform has no epoll, each socket gets a watcher of its own.
    """

    def __init__(self, urgent: Callable[[Connection], None]) -> None:
        self._urgent = urgent
        # One buffer for all: to allocate the most that may come, and shrink it to what came, would
        # cost more than the read.
        self._view = memoryview(bytearray(READ_SIZE))
        self._connections: dict[int, Connection] = {}
        self._watchers: dict[int, Any] = {}
        epoll = _epoll()
        self._epoll = epoll() if epoll is not None else None
        if self._epoll is not None:
            self._watcher = get_hub().loop.io(self._epoll.fileno(), _READ)
            self._watcher.start(self._ready)

    def add(self, connection: Connection) -> None:
        """Read this socket from now on."""
        self._connections[connection.fd] = connection
        if self._epoll is not None:
            self._epoll.register(connection.fd, _READ)
            return
        watcher = get_hub().loop.io(connection.fd, _READ)
        self._watchers[connection.fd] = watcher
        watcher.start(self._read, (connection,))

    def remove(self, connection: Connection) -> None:
        """Read it no more; harmless when it was removed before."""
        if self._connections.pop(connection.fd, None) is None:
            return
        if self._epoll is not None:
            self._epoll.unregister(connection.fd)
            return
        watcher = self._watchers.pop(connection.fd)
        watcher.stop()
        watcher.close()

    def read(self, connection: Connection) -> None:
        """Read this socket now, unless it has ended."""
        if connection.fd in self._connections:
            self._read((connection,))

    def close(self) -> None:
        """Forget all sockets; they stay open."""
        for connection in list(self._connections.values()):
            self.remove(connection)
        if self._epoll is not None:
            self._watcher.stop()
            self._watcher.close()
            self._epoll.close()

    def _ready(self) -> None:
        # What came in the meantime is read at once: a turn of the loop costs more than to look.
        for _ in range(ROUNDS):
            ready = self._epoll.poll(0, BATCH)
            if not ready:
                return
            self._read([self._connections[fd] for fd, _ in ready])

    def _read(self, ready: Iterable[Connection]) -> None:
        """Read each of these once; tens of thousands a second pass here, so nothing is called."""
        view = self._view
        for connection in ready:
            try:
                data = bytes(view[: connection.receive_into(view)])
            except (BlockingIOError, ssl.SSLWantReadError):
                continue
            except OSError as error:
                connection.error = error
                data = b""
            connection.stamps.append(now())
            connection.reads.append(data)
            if not data:
                self.remove(connection)  # the end would be reported for ever
                self._urgent(connection)
            elif connection.eager or len(data) < _SHORT or data.endswith(_LAST_CHUNK):
                self._urgent(connection)


def _epoll() -> Callable[[], Any] | None:
    try:
        return monkey.get_original("select", "epoll")
    except AttributeError:
        return None
