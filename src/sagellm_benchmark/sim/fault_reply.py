"""A reply between the dialect that made it and the socket, taken apart so that a fault can act.

`Tap` stands where an exchange expects its transport and takes its bytes apart: a `Head`, then one
`Part` an event, or the whole body as one. `Framing` says how head and body are put on the
connection again; unchanged, the bytes are those that came in.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

from sagellm_benchmark.sim.exchange import Exchange
from sagellm_benchmark.sim.fault_wire import Part
from sagellm_benchmark.sim.http import chunk

Parts = AsyncIterator[Part]


@dataclass(slots=True)
class Head:
    """A response head: status line without its version, and header lines.

    Attributes:
        status: Such as `200 OK`.
        fields: Whole lines without their ends.
    """

    status: bytes
    fields: list[bytes]

    def drop(self, *names: bytes) -> None:
        """Take header lines out; names are lower case."""
        self.fields = [line for line in self.fields if line.partition(b":")[0] not in names]


@dataclass(slots=True, kw_only=True)
class Framing:
    """How a reply is put on the connection.

    Attributes:
        delimiter: What ends the body: "chunked", "length" or "close".
        version: Of HTTP.
        before: What goes out before the head.
        encoder: Compresses the body, or None.
        trailer: Header lines after the last chunk.
    """

    delimiter: str
    version: bytes = b"HTTP/1.1"
    before: bytes = b""
    encoder: Any = None
    trailer: bytes = b""

    def head(self, head: Head, size: int) -> Part:
        """Build the head; `size` is the body's, for the delimiter that names it."""
        lines = [b"%b %b" % (self.version, head.status), *head.fields]
        if self.delimiter == "length":
            # Where the dialects put it: right before the type.
            place = next(k for k, line in enumerate(lines) if line.startswith(b"content-type:"))
            lines.insert(place, b"content-length: %d" % size)
        elif self.delimiter == "chunked":
            lines.append(b"transfer-encoding: chunked")
        return Part(data=self.before + b"".join(b"%b\r\n" % line for line in lines) + b"\r\n")

    def frame(self, part: Part) -> Part:
        """Frame a part of the body, which is compressed already where it is to be."""
        if self.delimiter != "chunked" or not part.data:
            return part
        data = chunk(part.data)
        before = len(data) - len(part.data) - 2
        cut = None if part.cut is None else part.cut + before
        return Part(data=data, tokens=part.tokens, tail=2, cut=cut, pause_s=part.pause_s)

    def end(self) -> Part:
        """Build the end of the body."""
        if self.delimiter != "chunked":
            return Part(data=b"")
        return Part(data=b"0\r\n%b\r\n" % self.trailer)

    async def encoded(self, parts: Parts) -> Parts:
        """Compress the parts, each flushed so that none waits for the next."""
        async for part in parts:
            data = self.encoder.compress(part.data) + self.encoder.flush(zlib.Z_SYNC_FLUSH)
            yield Part(data=data, tokens=part.tokens)
        yield Part(data=self.encoder.flush())


@dataclass(slots=True, kw_only=True)
class Reply:
    """One reply.

    Attributes:
        head: Its head, without what `framing` adds.
        parts: Its body, as the dialect makes it.
        framing: How both go out.
        streamed: Whether the body is events.
        exchange: Whose answer it is.
    """

    head: Head
    parts: Parts
    framing: Framing
    streamed: bool
    exchange: Exchange = field(repr=False)


class Tap:
    """What an exchange with a fault writes to.

    Args:
        exchange: The exchange.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._head: asyncio.Future[Head] = asyncio.get_running_loop().create_future()
        self._parts: asyncio.Queue[Part | None] = asyncio.Queue()
        self._chunked = False
        self._tokens = 0

    def write(self, data: bytes) -> None:
        """Take what the exchange sends: the head first, then whole chunks or the whole body."""
        if not self._head.done():
            head, _, data = data.partition(b"\r\n\r\n")
            self._take_head(head)
        made = len(self._exchange.token_ns)
        fresh, self._tokens = made - self._tokens, made
        if not self._chunked:
            self._parts.put_nowait(Part(data=data))
            return
        events = list(_chunks(data))
        for place, event in enumerate(events, 1):
            # Only the last event of a write is the token's: what goes before it introduces it.
            self._parts.put_nowait(Part(data=event, tokens=fresh if place == len(events) else 0))

    def close(self) -> None:
        """Note that the exchange has written everything."""
        self._parts.put_nowait(None)

    async def reply(self) -> Reply:
        """Wait for the head."""
        head = await self._head
        return Reply(
            head=head,
            parts=self._read(),
            framing=Framing(delimiter="chunked" if self._chunked else "length"),
            streamed=self._chunked,
            exchange=self._exchange,
        )

    def _take_head(self, raw: bytes) -> None:
        line, *fields = raw.split(b"\r\n")
        head = Head(status=line.partition(b" ")[2], fields=fields)
        self._chunked = b"transfer-encoding: chunked" in fields
        head.drop(b"transfer-encoding", b"content-length")
        self._head.set_result(head)

    async def _read(self) -> Parts:
        while (part := await self._parts.get()) is not None:
            yield part


def _chunks(data: bytes) -> Iterator[bytes]:
    """Take whole chunks out of their framing; the last chunk, which is empty, is none."""
    position = 0
    while position < len(data):
        start = data.index(b"\r\n", position) + 2
        end = start + int(data[position : start - 2], 16)
        if end > start:
            yield data[start:end]
        position = end + 2
