"""The states a planned request can end in, and what each means to the Protocol: one table, nowhere else.

`Ending` is how the conversation with the server stopped as the timeline saw it; `STATES` says what a request that
stopped there counts as. Every planned row ends in exactly one `Status`.
"""

from __future__ import annotations

from enum import Enum

from sagellm_benchmark.protocol import ErrorCode


class Status(str, Enum):
    """What a request counts as. The values are the words of the records and the summary."""

    OK = "ok"
    HTTP_ERROR = "http_error"
    STREAM_ERROR = "stream_error"
    INCOMPLETE = "incomplete"
    MALFORMED = "malformed"
    CONNECT_ERROR = "connect_error"
    TIMEOUT = "timeout"
    CANCELLED = "cancelled"
    DROPPED = "dropped"
    SKIPPED = "skipped"
    LOST = "lost"


class Phase(str, Enum):
    """Where a request was when it failed."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    WRITE = "write"
    HEADERS = "headers"
    BODY = "body"


CODES: dict[Status, ErrorCode | None] = {
    Status.OK: None,
    Status.HTTP_ERROR: None,  # by its HTTP status, see `http_code`
    Status.STREAM_ERROR: ErrorCode.UNAVAILABLE,  # unless the frame names a code
    Status.INCOMPLETE: ErrorCode.UNAVAILABLE,
    Status.MALFORMED: ErrorCode.DISTRIBUTED_RUNTIME_ERROR,
    Status.CONNECT_ERROR: ErrorCode.UNAVAILABLE,
    Status.TIMEOUT: ErrorCode.DEADLINE_EXCEEDED,
    Status.CANCELLED: None,
    Status.DROPPED: ErrorCode.RESOURCE_EXHAUSTED,
    Status.SKIPPED: None,
    Status.LOST: ErrorCode.UNAVAILABLE,
}
"""The Protocol's error code of each state; None where the Protocol is told of no error."""


def http_code(http_status: int) -> ErrorCode:
    """Derive the Protocol's code from an HTTP status that is not a success."""
    if http_status == 429:
        return ErrorCode.RESOURCE_EXHAUSTED
    if 400 <= http_status < 500:
        return ErrorCode.INVALID_ARGUMENT
    return ErrorCode.UNAVAILABLE
