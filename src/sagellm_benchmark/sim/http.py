"""HTTP/1.1 as the server side needs it: a request that was read, the bytes of a response head.

Header names are lower case here as on the wire. A head always ends in an empty line.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus

JSON = b"application/json"

_STATUS_LINES = {
    int(status): b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode()) for status in HTTPStatus
}
# Python 3.13 renamed this one; the servers we imitate have not.
_STATUS_LINES[422] = b"HTTP/1.1 422 Unprocessable Entity\r\n"


@dataclass(slots=True, kw_only=True)
class HttpRequest:
    """A request as it arrived, with its stamps (monotonic nanoseconds).

    Attributes:
        method: Upper case.
        path: Decoded target without its query.
        headers: By lower-case name; of several with one name the last counts.
        body: The whole body.
        keep_alive: Whether the connection may carry another request.
        accepted_ns: When the connection was made.
        received_ns: When the read that brought the request line returned.
        body_ns: When the read that brought the last byte returned.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    keep_alive: bool
    accepted_ns: int
    received_ns: int
    body_ns: int


class DateHeader:
    """The date header, formatted once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._line = b""

    def line(self) -> bytes:
        """Return the header line for now."""
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._line = b"date: %b\r\n" % formatdate(second, usegmt=True).encode()
        return self._line


_date = DateHeader()


def response_head(
    status: int, server: bytes, fields: bytes, *, close: bool, chunked: bool
) -> bytes:
    """Build a response head; `fields` are whole header lines in the order in which they go out."""
    return b"%b%bserver: %b\r\n%b%b%b\r\n" % (
        _STATUS_LINES.get(status) or b"HTTP/1.1 %d Unknown\r\n" % status,
        _date.line(),
        server,
        fields,
        b"connection: close\r\n" if close else b"",
        b"transfer-encoding: chunked\r\n" if chunked else b"",
    )


def chunk(data: bytes) -> bytes:
    """Frame one piece of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"
