"""The port that is served: bound for as long as the server lives, closed for a while on demand.

While nobody listens the port stays bound, so that nobody else can take it: a connection that is
tried then is refused, and the server comes back where it was.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from sagellm_benchmark.errors import UsageError

_BACKLOG = 4096


class Listener:
    """A listening port.

    Args:
        host: Address to bind.
        port: Port to bind; 0 lets the system choose.

    Raises:
        UsageError: It cannot be bound.
    """

    def __init__(self, host: str, port: int) -> None:
        try:
            self._socket = _bound(host, port)
        except (OSError, OverflowError) as error:
            where = f"--host {host} --port {port}"
            raise UsageError(f"{where}: cannot listen there: {error}") from error
        self._host = host
        self.port: int = self._socket.getsockname()[1]
        self._serving: asyncio.Server | None = None
        self._reopening: asyncio.TimerHandle | None = None

    async def open(self, protocol: Callable[[], asyncio.Protocol]) -> None:
        """Take connections."""
        self._protocol = protocol
        loop = asyncio.get_running_loop()
        self._serving = await loop.create_server(protocol, sock=self._socket, backlog=_BACKLOG)

    def refuse(self, seconds: float) -> None:
        """Refuse connections from now on, so long; asked again, so long from then."""
        if self._serving is not None:
            self._serving.close()
            self._serving = None
            self._socket = _bound(self._host, self.port)
        if self._reopening is not None:
            self._reopening.cancel()
        loop = asyncio.get_running_loop()
        self._reopening = loop.call_later(seconds, self._reopen)

    def _reopen(self) -> None:
        self._task = asyncio.create_task(self.open(self._protocol))

    def close(self) -> None:
        """Take no more connections and give the port back."""
        if self._reopening is not None:
            self._reopening.cancel()
        if self._serving is not None:
            self._serving.close()
        self._socket.close()


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends small writes at once only where the socket names its protocol; else a token
    # waits up to 40 ms for the client's acknowledgement of what was sent before it.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((host, port))
    except BaseException:
        bound.close()
        raise
    return bound
