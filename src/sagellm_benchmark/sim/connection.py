"""A client's connection: bytes in, one `Exchange` at a time out.

Requests that arrive while one is being answered wait their turn, in order. An idle connection is
closed after `keep_alive_s`, as uvicorn does; bytes that are no HTTP get its 400.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING
from urllib.parse import unquote

import httptools

from sagellm_benchmark.clock import now
from sagellm_benchmark.sim.exchange import Exchange
from sagellm_benchmark.sim.http import HttpRequest, response_head

if TYPE_CHECKING:
    from sagellm_benchmark.sim.server import Server

_INVALID = b"Invalid HTTP request received."


class Connection(asyncio.Protocol):
    """The asyncio protocol of one connection.

    Args:
        server: Whose connection this is.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[HttpRequest] = deque()
        self._exchange: Exchange | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._read_ns = 0
        self._leaving = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start reading, or start late where the configuration says so."""
        self._transport = transport
        self._accepted_ns = now()
        # So that pause_writing tells of the first byte that the kernel did not take at once.
        transport.set_write_buffer_limits(high=0)
        self._server.connections.add(self)
        delay = self._server.config.accept_delay_ms / 1000
        if delay:
            # Not at once: Python 3.10 starts reading after this call, paused or not.
            self._loop.call_soon(transport.pause_reading)
            self._loop.call_later(delay, self._start_late)

    def _start_late(self) -> None:
        if not self._transport.is_closing():
            self._accepted_ns = now()
            self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """End what was being answered."""
        self._server.connections.discard(self)
        self._stay()
        self._waiting.clear()
        if self._exchange is not None:
            self._exchange.lost("stopped" if self._server.stopping else "client_closed")

    def close(self) -> None:
        """Drop the connection and what it carries."""
        self._transport.abort()

    def leave(self) -> None:
        """Close once nothing is being answered: at once if the connection is idle."""
        self._leaving = True
        if self._exchange is not None:
            self._exchange.request.keep_alive = False
        elif self._idle is not None:
            self._transport.close()

    def pause_writing(self) -> None:
        """Note that the client does not keep up."""
        if self._exchange is not None:
            self._exchange.backlogged = True

    def data_received(self, data: bytes) -> None:
        """Feed the parser, then answer: its callbacks would swallow our own errors."""
        self._read_ns = now()
        self._stay()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # An offered upgrade is not taken; the request stands as it is.
        except httptools.HttpParserError:
            self._refuse()
            return
        self._answer_next()

    def _refuse(self) -> None:
        fields = b"content-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n" % len(
            _INVALID
        )
        head = response_head(400, b"uvicorn", fields, close=True, chunked=False)
        self._transport.write(head + _INVALID)
        self._transport.close()

    def _answer_next(self) -> None:
        while self._exchange is None and self._waiting and not self._transport.is_closing():
            request = self._waiting.popleft()
            head = self._server.dialect.head
            self._exchange = Exchange(request, self._transport, head, self._ended)
            self._server.answer(self._exchange)

    def _ended(self, exchange: Exchange) -> None:
        self._exchange = None
        self._server.ended(exchange)
        if exchange.end != "complete":
            return
        if not exchange.request.keep_alive:
            self._transport.close()
        elif self._waiting:
            self._loop.call_soon(self._answer_next)
        else:
            self._idle = self._loop.call_later(
                self._server.config.keep_alive_s, self._transport.close
            )

    def _stay(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    # What httptools calls, in this order.

    def on_message_begin(self) -> None:
        """Start a request."""
        self._received_ns = self._read_ns
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []

    def on_url(self, url: bytes) -> None:
        """Take a piece of the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Invite the body of a client that waits to be asked for it."""
        self._keep_alive = (
            not self._leaving
            and self._parser.should_keep_alive()
            and self._parser.get_http_version() != "1.0"
        )
        if self._headers.get("expect", "").lower() == "100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Queue the request."""
        self._waiting.append(
            HttpRequest(
                method=self._parser.get_method().decode("latin-1"),
                path=unquote(self._url.partition(b"?")[0].decode("latin-1")),
                headers=self._headers,
                body=b"".join(self._body),
                keep_alive=self._keep_alive,
                accepted_ns=self._accepted_ns,
                received_ns=self._received_ns,
                body_ns=self._read_ns,
            )
        )
