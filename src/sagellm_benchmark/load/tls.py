"""TLS over memory buffers, so that the event loop's callback can read it without blocking.

In go bytes of the socket, out come those of the conversation, and the other way round. Only the
handshake waits, in the greenlet of the request that opens the connection.
"""

from __future__ import annotations

import errno
import socket as sockets
import ssl
from contextlib import suppress
from typing import Any

from gevent import get_hub

READ, WRITE = 1, 2
"""What a watcher of the event loop waits for."""

_RECORD = 5 + 16384 + 2048
"""Most bytes of one TLS record, header and expansion included."""


class TlsSession:
    """TLS over memory buffers, so that the event loop's callback can read it without blocking."""

    def __init__(self, socket: Any, context: ssl.SSLContext, hostname: str) -> None:
        self._socket = socket
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._session = context.wrap_bio(self._incoming, self._outgoing, server_hostname=hostname)

    def handshake(self) -> None:
        """Shake hands; the greenlet waits.

        Raises:
            OSError: The peer broke off, or its certificate is not trusted.
        """
        while True:
            try:
                self._session.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                wait_for(self._socket.fileno(), READ)
                self._incoming.write(self._more())
            else:
                self._flush()
                return

    def _more(self) -> bytes:
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionResetError(errno.ECONNRESET, "the peer closed during the TLS handshake")
        return data

    def _flush(self) -> None:
        view = memoryview(self._outgoing.read())
        while view:
            try:
                view = view[self._socket.send(view) :]
            except BlockingIOError:
                wait_for(self._socket.fileno(), WRITE)

    def encrypt(self, data: bytes) -> bytes:
        """The bytes to send for these."""
        self._session.write(data)
        return self._outgoing.read()

    def receive_into(self, buffer: memoryview) -> int:
        """Put everything that can be decrypted now into the buffer; 0 at the end of the stream.

        No more is taken from the socket than the buffer holds beside the part of a record that
        waits for its end: nothing decrypted stays behind, where no event would fetch it.
        """
        data = self._socket.recv(len(buffer) - _RECORD)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
        size = 0
        try:
            while count := self._session.read(len(buffer) - size, buffer[size:]):
                size += count  # type: ignore[operator]  # with a buffer it is a number
            if size:
                # TLS has ended behind these bytes: let the next read, which comes at once, say so.
                with suppress(OSError):
                    self._socket.shutdown(sockets.SHUT_RD)
        except ssl.SSLWantReadError:
            if not size:
                raise
        except ssl.SSLEOFError:
            if not size:
                words = "the peer closed without ending TLS"
                raise ConnectionResetError(errno.ECONNRESET, words) from None
        return size


def wait_for(fd: int, events: int) -> None:
    """Block the calling greenlet until the socket can be read (`READ`) or written (`WRITE`)."""
    hub = get_hub()
    watcher = hub.loop.io(fd, events)
    try:
        hub.wait(watcher)
    finally:
        watcher.close()
