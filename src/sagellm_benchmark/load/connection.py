"""A socket to the target: opened, encrypted where asked, written in parts, read by the receiver.

A connection carries one request at a time. What arrives lies in `reads`, with the stamp of each
read in `stamps`, until the parser takes it. Opening and writing happen in the request's own
greenlet; reading never does.
"""

from __future__ import annotations

import errno
import os
import socket as sockets
import ssl
import struct
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import gevent
from gevent import get_hub, monkey

from sagellm_benchmark.clock import NS_PER_S, now
from sagellm_benchmark.load.target import Target
from sagellm_benchmark.wire.states import Phase

if TYPE_CHECKING:
    from sagellm_benchmark.load.exchange import Exchange

_plain_socket = monkey.get_original("socket", "socket")
_READ, _WRITE = 1, 2
_SO_TIMESTAMPNS = 35
_TLS_RECORD = 5 + 16384 + 2048
_TIMESPEC = struct.Struct("qq")
_IN_PROGRESS = (errno.EINPROGRESS, errno.EWOULDBLOCK)


class ConnectFailed(Exception):
    """A connection could not be made.

    Attributes:
        phase: How far it came.
        timed_out: The time allowed ran out; else the other side refused.
    """

    def __init__(self, phase: Phase, message: str, *, timed_out: bool = False) -> None:
        super().__init__(message)
        self.phase = phase
        self.timed_out = timed_out


class Connection:
    """One open socket.

    Attributes:
        receive_into: Reads what is there into a buffer and returns how much; raises what a
            non-blocking socket raises.
        reads: What was read and not parsed yet; b"" is the end of the stream.
        stamps: The stamp of each read.
        error: Why reading ended, where it was no clean end.
        eager: Parse after every read: the response is not chunked, so its end shows in no tail.
        queued: The parser has it on its list.
        exchange: The request that it carries now.
        idle_ns: Since when it carries none.
        read_lags_ms: Of a sampled socket, the kernel-to-us delay of each read.
    """

    __slots__ = (
        "_socket",
        "_tls",
        "eager",
        "error",
        "exchange",
        "fd",
        "idle_ns",
        "queued",
        "read_lags_ms",
        "reads",
        "receive_into",
        "stamps",
    )

    def __init__(self, socket: Any, tls: _Tls | None = None) -> None:
        self._socket = socket
        self._tls = tls
        self.fd: int = socket.fileno()
        self.receive_into = socket.recv_into if tls is None else tls.receive_into
        self.reads: list[bytes] = []
        self.stamps: list[int] = []
        self.error: OSError | None = None
        self.eager = True
        self.queued = False
        self.exchange: Exchange | None = None
        self.idle_ns = 0
        self.read_lags_ms: list[float] = []

    def sample_read_lag(self) -> None:
        """From now on compare the kernel's receive stamps with our own (plain sockets on Linux)."""
        if self._tls is None and hasattr(self._socket, "recvmsg") and os.uname().sysname == "Linux":
            self._socket.setsockopt(sockets.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            self.receive_into = self._receive_stamped_into

    def _receive_stamped_into(self, buffer: memoryview) -> int:
        size, extra, _, _ = self._socket.recvmsg_into((buffer,), 64)
        for level, kind, value in extra:
            if level == sockets.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
                seconds, nanoseconds = _TIMESPEC.unpack(value[: _TIMESPEC.size])
                lag = time.time_ns() - (seconds * NS_PER_S + nanoseconds)
                self.read_lags_ms.append(lag / 1e6)
        return size

    def quiet(self) -> bool:
        """Whether the peer has neither spoken nor closed, so that a request may be sent."""
        if self.reads:
            return False
        try:
            self._socket.recv(1, sockets.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def write(self, data: bytes) -> bool:
        """Hand the bytes of `exchange` to the kernel, in as many parts as it takes.

        The caller's greenlet waits while the kernel's buffer is full; the response is read
        meanwhile.

        Returns:
            False if the request ended before all was taken.

        Raises:
            OSError: The connection broke.
        """
        if self._tls is not None:
            data = self._tls.encrypt(data)
        view = memoryview(data)
        while view:
            try:
                view = view[self._socket.send(view) :]
            except BlockingIOError:
                self.exchange.wait_writable(self.fd)
                if self.exchange.ended:
                    return False
        return True

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class _Tls:
    """TLS over memory buffers, so that the event loop's callback can read it without blocking."""

    def __init__(self, socket: Any, context: ssl.SSLContext, hostname: str) -> None:
        self._socket = socket
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._session = context.wrap_bio(self._incoming, self._outgoing, server_hostname=hostname)

    def handshake(self) -> None:
        while True:
            try:
                self._session.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                _wait(self._socket.fileno(), _READ)
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
                _wait(self._socket.fileno(), _WRITE)

    def encrypt(self, data: bytes) -> bytes:
        self._session.write(data)
        return self._outgoing.read()

    def receive_into(self, buffer: memoryview) -> int:
        """Put everything that can be decrypted now into the buffer; 0 at the end of the stream.

        No more is taken from the socket than the buffer holds beside the part of a record that
        waits for its end: nothing decrypted stays behind, where no event would fetch it.
        """
        data = self._socket.recv(len(buffer) - _TLS_RECORD)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
        size = 0
        try:
            while count := self._session.read(len(buffer) - size, buffer[size:]):
                size += count
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


def open_connection(target: Target, allowed_s: float) -> Connection:
    """Connect to the first of the target's addresses that answers, TLS included.

    Args:
        target: Where to.
        allowed_s: How long all of it may take.

    Raises:
        ConnectFailed: None answered; it says how far the last one came.
    """
    timeout = gevent.Timeout(allowed_s)
    phase = Phase.CONNECT
    socket = None
    done = False
    timeout.start()
    try:
        socket = _connect(target)
        tls = None
        if target.tls is not None:
            phase = Phase.TLS
            tls = _Tls(socket, target.tls, target.hostname)
            tls.handshake()
        done = True
        return Connection(socket, tls)
    except gevent.Timeout as expired:
        if expired is not timeout:
            raise
        message = f"no connection to {target.netloc} in {allowed_s:g} s"
        raise ConnectFailed(phase, message, timed_out=True) from None
    except (OSError, ssl.SSLError) as error:
        raise ConnectFailed(phase, f"{target.netloc}: {_words(error)}") from None
    finally:
        timeout.close()
        if socket is not None and not done:
            socket.close()


def _connect(target: Target) -> Any:
    failure: OSError | None = None
    for family, address in target.addresses:
        socket = _plain_socket(family, sockets.SOCK_STREAM)
        try:
            _connect_to(socket, address)
            return socket
        except OSError as error:
            failure = error
            socket.close()
        except BaseException:
            socket.close()
            raise
    raise failure or OSError(errno.EADDRNOTAVAIL, "no address")


def _connect_to(socket: Any, address: tuple[Any, ...]) -> None:
    socket.setblocking(False)
    socket.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_NODELAY, 1)
    code = socket.connect_ex(address)
    if code in _IN_PROGRESS:
        if _connected(socket):
            return  # on loopback at once: to wait a turn of the loop would count as latency
        _wait(socket.fileno(), _WRITE)
        code = socket.getsockopt(sockets.SOL_SOCKET, sockets.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))


def _connected(socket: Any) -> bool:
    try:
        socket.getpeername()
    except OSError:
        return False
    return True


def _wait(fd: int, events: int) -> None:
    hub = get_hub()
    watcher = hub.loop.io(fd, events)
    try:
        hub.wait(watcher)
    finally:
        watcher.close()


def _words(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate not trusted: {error.verify_message}"
    return error.strerror or str(error)


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
