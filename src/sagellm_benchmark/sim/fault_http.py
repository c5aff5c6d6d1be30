"""Faults in HTTP: how head and body are put on the connection, and replies that are none.

`frame` changes a dialect's reply. `instead` answers in the dialect's place.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from http import HTTPStatus

from sagellm_benchmark.protocol.errors import ErrorCode
from sagellm_benchmark.sim.exchange import Exchange
from sagellm_benchmark.sim.fault_events import without_end
from sagellm_benchmark.sim.fault_json import Values
from sagellm_benchmark.sim.fault_reply import Reply
from sagellm_benchmark.sim.fault_wire import Part
from sagellm_benchmark.sim.http import JSON
from sagellm_benchmark.sim.validation import compact

NOT_HTTP = b"SSH-2.0-OpenSSH_9.6\r\nInvalid SSH identification string.\r\n"
INFORMATIONAL = (
    b"HTTP/1.1 102 Processing\r\n\r\n"
    b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload; as=style\r\n\r\n"
)
_HTML = b"<!doctype html><html><body><h1>%b</h1><p>A page, and no answer.</p></body></html>\n"
_HTML_TYPE = b"text/html; charset=utf-8"
_GZIP = 16 + zlib.MAX_WBITS
_BLOCK = 1 << 20
_GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
INSTEAD = frozenset(("status", "html", "redirect"))


def frame(kind: str, reply: Reply, values: Values) -> None:
    """Change how a reply goes out; most kinds leave it as it is."""
    framing = reply.framing
    if kind == "gzip":
        reply.head.fields.append(b"content-encoding: gzip")
        framing.encoder = zlib.compressobj(wbits=_GZIP)
    elif kind == "gzip_bomb":
        reply.head.fields.append(b"content-encoding: gzip")
        framing.delimiter = "chunked"
        reply.parts = zeros(values["bytes"])
    elif kind == "http10":
        _close_delimit(reply)
        framing.version = b"HTTP/1.0"
    elif kind == "close_delimited":
        _close_delimit(reply)
        reply.head.fields.append(b"connection: close")
        if reply.streamed and not values["finish"]:
            reply.parts = without_end(reply.parts)
    elif kind == "trailers":
        framing.delimiter = "chunked"
        framing.trailer = b"x-sim-state: done\r\nx-sim-checksum: 0\r\n"
        reply.head.fields.append(b"trailer: x-sim-state, x-sim-checksum")
    elif kind == "informational":
        framing.before = INFORMATIONAL


def _close_delimit(reply: Reply) -> None:
    reply.framing.delimiter = "close"
    reply.head.drop(b"connection")
    reply.exchange.request.keep_alive = False


async def zeros(size: int) -> AsyncIterator[Part]:
    """Make a gzip body of so many zero bytes, a block of it at a time."""
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    block = bytes(_BLOCK)
    # A full flush lets a block stand by itself: compressed once, it can be sent again and again.
    packed = deflate.compress(block) + deflate.flush(zlib.Z_FULL_FLUSH)
    packed = deflate.compress(block) + deflate.flush(zlib.Z_FULL_FLUSH)
    yield Part(data=_GZIP_HEAD)
    checksum = 0
    for _ in range(size // _BLOCK):
        checksum = zlib.crc32(block, checksum)
        yield Part(data=packed)
    rest = bytes(size % _BLOCK)
    checksum = zlib.crc32(rest, checksum)
    tail = checksum.to_bytes(4, "little") + (size % (1 << 32)).to_bytes(4, "little")
    yield Part(data=deflate.compress(rest) + deflate.flush() + tail)


def instead(kind: str, exchange: Exchange, values: Values, dialect: str) -> None:
    """Answer with something that is no reply at all."""
    if kind == "html":
        exchange.reply(200, _HTML % b"Hello", _HTML_TYPE)
    elif kind == "redirect":
        fields = b"location: %b\r\n" % values["location"].encode()
        exchange.reply(307, b"", fields=fields)
    else:
        _status(exchange, values, dialect)


def _status(exchange: Exchange, values: Values, dialect: str) -> None:
    code, wait = values["code"], values["retry_after"]
    fields = b"" if wait is None else b"retry-after: %d\r\n" % wait
    if values["body"] == "html":
        exchange.reply(code, _HTML % phrase(code).encode(), _HTML_TYPE, fields)
    elif values["body"] == "empty":
        exchange.reply(code, b"", fields=fields)
    else:
        exchange.reply(code, compact(_error(code, dialect)), JSON, fields)


def _error(code: int, dialect: str) -> object:
    """Word an error as the dialect does."""
    message = f"The simulated server answers {code}."
    if dialect == "sagellm" and code >= 500:
        name = ErrorCode.UNAVAILABLE.name
        said = f"Engine execution failed: Engine error: {code} - simulated (code: ErrorCode.{name})"
        return {"detail": said}
    kinds = {401: "authentication_error", 429: "rate_limit_error"}
    kind = kinds.get(code, "invalid_request_error" if code < 500 else "server_error")
    slug = phrase(code).lower().replace(" ", "_")
    if dialect == "sagellm":
        return {"detail": {"error": {"message": message, "type": kind, "code": slug}}}
    return {"error": {"message": message, "type": kind, "param": None, "code": slug}}


def phrase(code: int) -> str:
    """Name a status; servers make up some that no standard knows."""
    return HTTPStatus(code).phrase if code in set(HTTPStatus) else "Unknown"
