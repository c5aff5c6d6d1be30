"""HTTP/1.1 as one request needs it: the bytes of a request, the framing of its response.

`request_bytes` makes a head and body ready for the socket. `Framing` cuts a response into its head
and its body parts with llhttp. `Inflater` undoes a content encoding that nobody asked for, in steps
and up to a limit. No sockets here.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httptools

from sagellm_benchmark.errors import UsageError

HTTP_ERRORS = (httptools.HttpParserError, httptools.HttpParserUpgrade)
"""What `Framing.feed` raises on bytes that are no HTTP."""

HEAD_LIMIT = 256 * 1024
"""Most bytes of a response's head."""

INFLATED_LIMIT = 64 * 1024 * 1024
"""Most bytes that one compressed body may grow to."""

_GROWTH = 400
_GROWTH_FROM = 512 * 1024
"""Beyond so many bytes a body may be no more than `_GROWTH` times what came of it. Frames that are
all alike stay under that; what unfolds a thousandfold would hold up everybody else's tokens."""

_STEP = 64 * 1024
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_TARGET = re.compile(r"[\x21-\x7e]+")
_OURS = (
    "content-length",
    "transfer-encoding",
    "connection",
    "accept-encoding",
    "expect",
    "upgrade",
)
_KEPT = frozenset(
    (
        b"content-type",
        b"content-encoding",
        b"retry-after",
        b"location",
        b"content-length",
        b"transfer-encoding",
    )
)


def request_bytes(
    path: str, host_header: str, headers: Mapping[str, str], body: bytes, method: str = "POST"
) -> bytes:
    """Write one request.

    Args:
        path: The request target, such as `/v1/chat/completions`.
        host_header: `host:port` of the target.
        headers: The caller's; they win over the defaults, in any case of letters.
        body: What to send; for a GET empty.
        method: The method.

    Raises:
        UsageError: A header that would break the request apart, or one that belongs to the framing.
    """
    if not _TARGET.fullmatch(path):
        raise UsageError(
            f"the path {path!r} cannot be sent: percent-encode what is not plain ASCII"
        )
    merged = {
        "host": ("Host", host_header),
        "user-agent": ("User-Agent", "sagellm-benchmark"),
        "accept": ("Accept", "text/event-stream, application/json"),
        "content-type": ("Content-Type", "application/json"),
    }
    if method == "GET":
        del merged["content-type"]
    merged.update((name.lower(), (name, value)) for name, value in headers.items())
    lines = [f"{method} {path} HTTP/1.1"]
    for name, value in merged.values():
        if flaw := header_flaw(name, value):
            raise UsageError(f"--header {name!r} {flaw}")
        lines.append(f"{name}: {value}")
    lines.append("Accept-Encoding: identity")
    if method != "GET":
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def header_flaw(name: str, value: str) -> str | None:
    """Say why a header cannot be sent, to stand behind its name; None for a good one."""
    if not _NAME.fullmatch(name):
        return "is not a header name"
    if not _VALUE.fullmatch(value):
        return "has a value with a line break, NUL or character beyond Latin-1"
    if name.lower() in _OURS:
        return "is set by the client itself; leave it out"
    return None


class Framing:
    """One response, cut into head and body parts.

    Attributes:
        feed: Takes the next bytes; raises one of `HTTP_ERRORS` where they are no HTTP.
        parts: Body bytes that `feed` has brought and nobody has taken yet.
        extent: How many of `parts` belong to this response once it has ended.
        status: The status code once the head is complete, else 0; a 1xx response is none.
        chunked: The body comes in chunks.
        headers: The few that matter, names in lower case.
        ended: The response is complete.
        keep_alive: The connection may carry another request, so far as the response says.
        beyond: Bytes of something else followed the response.
    """

    __slots__ = (
        "_parser",
        "beyond",
        "chunked",
        "ended",
        "extent",
        "feed",
        "headers",
        "keep_alive",
        "on_body",
        "parts",
        "status",
    )

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.extent = 0
        self.status = 0
        self.chunked = False
        self.headers: dict[str, str] = {}
        self.ended = False
        self.keep_alive = False
        self.beyond = False
        self.on_body = self.parts.append  # called by the parser, with no Python code between
        self._parser: Any = httptools.HttpResponseParser(self)
        self.feed: Callable[[bytes], None] = self._parser.feed_data

    def release(self) -> None:
        """Let go of the parser, which holds this object: no cycle is left to collect."""
        self.feed = _deaf
        self._parser = None

    @property
    def delimited(self) -> bool:
        """Whether the head says where the body ends; else the close of the connection does."""
        return "content-length" in self.headers or self.chunked

    def on_message_begin(self) -> None:
        """Called by the parser."""
        if self.ended:
            self.beyond = True
        else:
            self.headers = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser, for trailers too."""
        key = name.lower()
        if key in _KEPT and not self.status:
            self.headers[key.decode("latin-1")] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Called by the parser."""
        status = self._parser.get_status_code()
        if status >= 200 and not self.ended:
            self.status = status
            self.chunked = "chunked" in self.headers.get("transfer-encoding", "").lower()

    def on_message_complete(self) -> None:
        """Called by the parser, also after a 1xx response."""
        if self.status and not self.ended:
            self.ended = True
            self.extent = len(self.parts)
            self.keep_alive = self._parser.should_keep_alive()


def _deaf(data: bytes) -> None:
    """Stand in for the parser of a response that is over."""


class TooLarge(Exception):
    """A compressed body grew beyond all measure."""


class Inflater:
    """Undoes gzip and deflate, step by step."""

    __slots__ = ("_decoder", "_packed", "_total")

    def __init__(self) -> None:
        self._decoder = _decoder()
        self._packed = 0
        self._total = 0

    @property
    def ended(self) -> bool:
        """Whether the compressed data came to its own end."""
        return self._decoder.eof

    def inflate(self, data: bytes) -> Iterator[bytes]:
        """Yield what the bytes unfold to, in pieces of at most 64 KiB.

        Raises:
            zlib.error: They are not what the header says.
            TooLarge: Beyond `INFLATED_LIMIT`, or out of all proportion to what came.
        """
        while data:
            before = len(data)
            if self._decoder.eof:  # members may follow one another
                self._decoder = _decoder()
            piece = self._decoder.decompress(data, _STEP)
            self._total += len(piece)
            data = self._decoder.unused_data if self._decoder.eof else self._decoder.unconsumed_tail
            self._packed += before - len(data)
            if self._total > min(INFLATED_LIMIT, _GROWTH_FROM + _GROWTH * self._packed):
                raise TooLarge(f"{self._packed} bytes unfold to {self._total} and more")
            if piece:
                yield piece


def _decoder() -> zlib._Decompress:
    return zlib.decompressobj(zlib.MAX_WBITS | 32)
