"""A socket to the target: written in parts, read by the receiver, encrypted where asked.

A connection carries one request at a time. What arrives lies in `reads`, with the stamp of each
read in `stamps`, until the parser takes it. Writing happens in the request's own greenlet; reading
never does.
"""

from __future__ import annotations

import os
import socket as sockets
import struct
import time
from typing import TYPE_CHECKING, Any

from sagellm_benchmark.clock import NS_PER_S
from sagellm_benchmark.load.tls import TlsSession

if TYPE_CHECKING:
    from sagellm_benchmark.load.exchange import Exchange

_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("qq")


class Connection:
    """One open socket.

    Attributes:
        receive_into: Reads what is there into a buffer and returns how much; raises what a
            non-blocking socket raises.
        reads: What was read and not parsed yet; b"" is the end of the stream.
        stamps: The stamp of each read.
        peer: The address that answered.
        error: Why reading ended, where it was no clean end.
        eager: Parse after every read: the response is not chunked, so its end shows in no tail.
        queued: The parser has it on its list.
        exchange: The request that it carries now.
        idle_ns: Since when it carries none.
        read_lags_ms: Of a sampled socket, the kernel-to-us delay of each read.
        sampled: Whether it is one.
    """

    __slots__ = (
        "_socket",
        "_tls",
        "eager",
        "error",
        "exchange",
        "fd",
        "idle_ns",
        "peer",
        "queued",
        "read_lags_ms",
        "reads",
        "receive_into",
        "sampled",
        "stamps",
    )

    def __init__(self, socket: Any, tls: TlsSession | None = None, peer: str = "") -> None:
        self._socket = socket
        self.peer = peer
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
        self.sampled = False

    def sample_read_lag(self) -> None:
        """From now on compare the kernel's receive stamps with our own (plain sockets on Linux)."""
        if self._tls is None and hasattr(self._socket, "recvmsg") and os.uname().sysname == "Linux":
            self._socket.setsockopt(sockets.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            self.receive_into = self._receive_stamped_into
            self.sampled = True

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
