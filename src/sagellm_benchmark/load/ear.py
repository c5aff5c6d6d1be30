"""What comes back to a question: the bytes of one response in, a page and a reply out.

A page keeps status, headers and body as they came. A reply is read by the load's own reader, and
its page kept beside it, for what only a person or `check` asks of it. No sockets here.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from sagellm_benchmark.clock import now
from sagellm_benchmark.wire.http import HTTP_ERRORS, Framing
from sagellm_benchmark.wire.reply import Reply

_PAGE_LIMIT = 4 << 20
_HEAD_LIMIT = 64 << 10


@dataclass(frozen=True)
class Page:
    """One response as it came, body and all.

    Attributes:
        status: Its status code.
        headers: Its headers, names in lower case.
        body: Its body, as much as was read.
    """

    status: int
    headers: dict[str, str]
    body: bytes

    def entries(self, key: str) -> list[dict[str, Any]]:
        """The objects in a list of the JSON body; none where there is no such list."""
        found = self.object().get(key)
        return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []

    def object(self) -> dict[str, Any]:
        """The JSON body; empty where it is no JSON object."""
        try:
            parsed = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return parsed if isinstance(parsed, dict) else {}


class Ear(Protocol):
    """Whoever listens to a connection."""

    @property
    def answered(self) -> bool:
        """All that matters has come; the rest of the response is not waited for."""

    def feed(self, data: bytes) -> bool:
        """Take what one read brought, b"" for the peer's end; True when nothing more is wanted."""


class PageEar:
    """Hears a page."""

    answered = False

    def __init__(self) -> None:
        self._framing = Framing()
        self._head = b""
        self._size = 0

    def feed(self, data: bytes) -> bool:
        """Take what one read brought; see `Ear`.

        Raises:
            ConnectionError: The peer left before the head was complete.
            httptools.HttpParserError: It is no HTTP.
        """
        framing = self._framing
        if not data:
            if not framing.status:
                raise ConnectionError("the connection was closed before an answer")
            return True
        if not framing.parts:
            self._head = (self._head + data)[:_HEAD_LIMIT]
        framing.feed(data)
        self._size += len(data)
        return framing.ended or self._size > _PAGE_LIMIT

    def page(self) -> Page:
        """What was heard so far."""
        return Page(self._framing.status, _headers(self._head), b"".join(self._framing.parts))


class ReplyEar:
    """Hears a model's answer, and keeps the page that it came as."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._page = PageEar()

    @property
    def answered(self) -> bool:
        """The answer is complete, though perhaps not the response."""
        return self._reply.answered_ns is not None

    def feed(self, data: bytes) -> bool:
        """Take what one read brought; see `Ear`."""
        if not data:
            self._reply.eof(now())
            return True
        self._reply.feed(data, now())
        with suppress(*HTTP_ERRORS):  # the reply says what is wrong with it
            self._page.feed(data)
        return self._reply.complete

    def page(self) -> Page:
        """What was heard so far."""
        return self._page.page()


def _headers(head: bytes) -> dict[str, str]:
    """The headers of a response, without those of 1xx responses before it."""
    block, _, rest = head.partition(b"\r\n\r\n")
    while block.startswith((b"HTTP/1.1 1", b"HTTP/1.0 1")):
        block, _, rest = rest.partition(b"\r\n\r\n")
    pairs = (line.partition(":") for line in block.decode("latin-1").split("\r\n")[1:])
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
