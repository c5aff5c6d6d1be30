"""A way between two processes that may be slow, and that remembers what went over it."""

from __future__ import annotations

import queue
import socket
import threading
import time
from contextlib import contextmanager, suppress

_PIECE = 65536


class Relay:
    """Passes on what comes to a port of this machine.

    Args:
        to: Port of 127.0.0.1 that it all goes to.
        host: Address to listen on.
        delay_s: So long everything takes, each way.

    Attributes:
        port: Where it listens.
        passed: All that went over it, either way.
    """

    def __init__(self, to, *, host="127.0.0.1", delay_s=0.0):
        self.passed = bytearray()
        self._to = to
        self._delay_s = delay_s
        self._sockets = [socket.create_server((host, 0))]
        self.port = self._sockets[0].getsockname()[1]
        self._begin(self._accept)

    def _begin(self, work, *args):
        threading.Thread(target=work, args=args, daemon=True).start()

    def _accept(self):
        with suppress(OSError):  # closed: we are done
            while True:
                near, _ = self._sockets[0].accept()
                try:
                    far = socket.create_connection(("127.0.0.1", self._to))
                except ConnectionRefusedError:
                    near.close()  # nobody is there yet: whoever came will come again
                    continue
                self._sockets += [near, far]
                for source, sink in ((near, far), (far, near)):
                    way = queue.SimpleQueue()
                    self._begin(self._read, source, way)
                    self._begin(self._write, way, sink)

    def _read(self, source, way):
        data = b"more"
        while data:
            data = b""
            with suppress(OSError):
                data = source.recv(_PIECE)
            self.passed += data
            way.put((time.monotonic() + self._delay_s, data))

    def _write(self, way, sink):
        with suppress(OSError):
            while (item := way.get())[1]:
                time.sleep(max(item[0] - time.monotonic(), 0.0))
                sink.sendall(item[1])
        with suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)

    def close(self):
        """Cut every connection."""
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


@contextmanager
def relay(to, **more):
    """A relay for as long as the block lasts."""
    found = Relay(to, **more)
    try:
        yield found
    finally:
        found.close()
