"""Open a connection: the addresses tried in turn, TLS where the target wants it, all within a time.

It happens in the greenlet of the request that needs the connection, and is part of its latency.
"""

from __future__ import annotations

import errno
import os
import socket as sockets
import ssl
from contextlib import ExitStack
from typing import Any

import gevent
from gevent import monkey

from sagellm_benchmark.load.connection import Connection
from sagellm_benchmark.load.target import Target
from sagellm_benchmark.load.tls import WRITE, TlsSession, wait_for
from sagellm_benchmark.wire.states import Phase

_plain_socket = monkey.get_original("socket", "socket")
_IN_PROGRESS = (errno.EINPROGRESS, errno.EWOULDBLOCK)
_OUR_WANT = {
    errno.EMFILE: "no_files",
    errno.ENFILE: "no_files",
    errno.EADDRNOTAVAIL: "no_ports",
}
"""What this machine, and not the target, lacked: the verdict must not blame the target."""


class ConnectFailed(Exception):
    """A connection could not be made.

    Attributes:
        phase: How far it came.
        timed_out: The time allowed ran out; else the other side refused.
        reason: `no_files` or `no_ports`, where it was this machine that had none left.
    """

    def __init__(
        self, phase: Phase, message: str, *, timed_out: bool = False, reason: str | None = None
    ) -> None:
        super().__init__(message)
        self.phase = phase
        self.timed_out = timed_out
        self.reason = reason


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
        socket, peer = _connect(target)
        tls = None
        if target.tls is not None:
            phase = Phase.TLS
            tls = TlsSession(socket, target.tls, target.hostname)
            tls.handshake()
        done = True
        return Connection(socket, tls, peer)
    except gevent.Timeout as expired:
        if expired is not timeout:
            raise
        message = f"no connection to {target.netloc} in {allowed_s:g} s"
        raise ConnectFailed(phase, message, timed_out=True) from None
    except (OSError, ssl.SSLError) as error:
        reason = _OUR_WANT.get(error.errno)
        raise ConnectFailed(phase, f"{target.netloc}: {_words(error)}", reason=reason) from None
    finally:
        timeout.close()
        if socket is not None and not done:
            socket.close()


def _connect(target: Target) -> tuple[Any, str]:
    failure: OSError | None = None
    for family, address in target.addresses:
        with ExitStack() as undo:
            socket = _plain_socket(family, sockets.SOCK_STREAM)
            undo.callback(socket.close)
            try:
                _connect_to(socket, address)
            except OSError as error:
                failure = error
            else:
                undo.pop_all()
                return socket, str(address[0])
    raise failure or OSError(errno.EDESTADDRREQ, "no address")


def _connect_to(socket: Any, address: tuple[Any, ...]) -> None:
    socket.setblocking(False)
    socket.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_NODELAY, 1)
    code = socket.connect_ex(address)
    if code in _IN_PROGRESS:
        if _connected(socket):
            return  # on loopback at once: to wait a turn of the loop would count as latency
        wait_for(socket.fileno(), WRITE)
        code = socket.getsockopt(sockets.SOL_SOCKET, sockets.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))


def _connected(socket: Any) -> bool:
    try:
        socket.getpeername()
    except OSError:
        return False
    return True


def _words(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate not trusted: {error.verify_message}"
    return error.strerror or str(error)
