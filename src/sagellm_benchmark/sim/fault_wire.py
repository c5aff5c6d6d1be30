"""The last step before the socket, for a reply with a fault: what goes out when, in which writes.

`Wire.write` hands bytes to the transport, whole or in steps, and stamps each token right before the
write that completes its event. At one place in the response, a `Place`, it lets the fault act.
Nothing piles up here: a client that does not read keeps the writer waiting.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sagellm_benchmark.clock import now

_HELD_MAX = 64 * 1024
_POLL_S = 0.005


class Cut(Exception):
    """The connection was ended on purpose; nothing more can be sent."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a fault acts: once so many tokens, or so many bytes of the response, are out."""

    tokens: int | None = None
    bytes: int | None = None


@dataclass(slots=True, kw_only=True)
class Part:
    """Some of a reply's body: one event of a stream, or the whole body.

    Attributes:
        data: The bytes.
        tokens: Tokens of the model in it.
        tail: How many of the bytes, at the end, are framing that no token waits for.
        cut: Where it is to be cut in two writes, or None.
        pause_s: How long to wait between these.
    """

    data: bytes
    tokens: int = 0
    tail: int = 0
    cut: int | None = None
    pause_s: float = 0.0


class Wire:
    """One response on its way out.

    Args:
        transport: The connection's.

    Attributes:
        token_ns: Stamp of every token sent.
        first_ns: Stamp of the first write, 0 before it.
        last_ns: Stamp of the last write.
        sent: Bytes sent.
        step: Bytes a write from now on; None for all at once.
        pause_s: Wait after each of these.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self.token_ns: list[int] = []
        self.first_ns = self.last_ns = self.sent = 0
        self.step: int | None = None
        self.pause_s = 0.0
        self._transport = transport
        self._place: Place | None = None

    def arm(self, place: Place, act: Callable[[], Awaitable[None]]) -> None:
        """Let `act` be called at this place, once."""
        self._place = place
        self._act = act

    async def write(self, part: Part) -> None:
        """Send some of the response.

        Raises:
            Cut: The fault ended the connection.
        """
        place = self._place
        if place is not None and place.tokens is not None and self.token_ns and not part.tokens:
            # The reply has fewer tokens than the place names: this is right after its last one.
            await self._arrive()
        position, size = 0, len(part.data)
        while position < size:
            if self._place is not None and self._place.bytes == self.sent:
                await self._arrive()
            position = await self._step(part, position)
        place = self._place
        if place is not None and self._reached(place):
            await self._arrive()

    async def finish(self) -> None:
        """End the response: a place that was never reached is here.

        Raises:
            Cut: The fault ended the connection.
        """
        if self._place is not None:
            await self._arrive()

    async def reset(self) -> None:
        """End the connection by a TCP reset.

        Raises:
            Cut: Always.
        """
        await self._drain(0)
        sock: socket.socket = self._transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()
        raise Cut

    async def close(self, *, half: bool = False) -> None:
        """End the connection in order, or our side of it alone, and then be silent.

        Raises:
            Cut: It is closed, and not by half.
        """
        if not half:
            self._transport.close()
            raise Cut
        self._transport.write_eof()
        await silence(None)

    def _reached(self, place: Place) -> bool:
        if place.tokens is not None:
            return len(self.token_ns) >= place.tokens
        return place.bytes == self.sent

    async def _arrive(self) -> None:
        self._place = None
        await self._act()

    async def _step(self, part: Part, position: int) -> int:
        """Write once and return where the next write begins."""
        size, whole = len(part.data), len(part.data) - part.tail
        end = size if self.step is None else min(size, position + self.step)
        cut = part.cut is not None and position < part.cut <= end
        if cut:
            end = part.cut
        if self._place is not None and self._place.bytes is not None:
            end = min(end, position + self._place.bytes - self.sent)
        stamp = now()
        if part.tokens and position < whole <= end:
            self.token_ns += [stamp] * part.tokens
        self.first_ns = self.first_ns or stamp
        self.last_ns = stamp
        self._transport.write(part.data[position:end])
        self.sent += end - position
        # Without a pause too, others have their turn: even a kernel that takes everything at once
        # must not keep them, or the news that the client has left, waiting.
        await asyncio.sleep(part.pause_s if cut else self.pause_s)
        await self._drain(_HELD_MAX)
        return end

    async def _drain(self, held: int) -> None:
        while self._transport.get_write_buffer_size() > held:
            await asyncio.sleep(_POLL_S)


async def silence(seconds: float | None) -> None:
    """Do nothing for so long; None: until cancelled."""
    if seconds is None:
        await asyncio.get_running_loop().create_future()
    else:
        await asyncio.sleep(seconds)
