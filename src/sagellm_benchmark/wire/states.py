"""The states that a planned request can end in, and what each means to the Protocol.

`Ending` is how the conversation with the server stopped as the wire saw it; `ENDINGS` says what a
request that stopped there counts as, `CODES` what the Protocol is told. Every planned row ends in
exactly one `Status`. Rule: whatever turns what was seen into a state stands in this module.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

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


class End(NamedTuple):
    """What a request counts as.

    Attributes:
        status: Its state.
        phase: Where it failed; None where it did not, or where no connection was tried.
        reason: One word for why.
    """

    status: Status
    phase: Phase | None = None
    reason: str | None = None


class Ending(Enum):
    """How the conversation stopped. `ENDINGS` gives the state of each."""

    ANSWERED = "the whole answer came"
    EMPTY = "a normal end without any token where some were expected"
    SHORT = "a normal end with fewer tokens than the run demanded"
    UNFINISHED = "the body ended with neither finish_reason nor [DONE]"
    REFUSED = "an HTTP status that is no success"
    REDIRECTED = "a redirect, which is never followed"
    ERROR_FRAME = "the server reported an error inside a successful response"
    CLOSED_HEADERS = "the peer closed before the headers were complete"
    CLOSED_BODY = "the peer closed inside the body"
    BROKEN_HEADERS = "the connection broke before the headers were complete"
    BROKEN_BODY = "the connection broke inside the body"
    NOT_HTTP = "bytes that are no HTTP, before the headers were complete"
    BAD_FRAMING = "a body whose framing is no HTTP"
    LARGE_HEADERS = "headers beyond all measure"
    LARGE_BODY = "a frame or a body beyond all measure"
    NOT_JSON = "data that is not the JSON it should be"
    CONTENT_TYPE = "another kind of body than was asked for"
    ENCODING = "a content encoding that cannot be undone"
    DROPPED = "due, but the in-flight cap stood in the way"
    SKIPPED = "what it depended on failed"
    LOST = "its worker died and nobody knows"


ENDINGS: dict[Ending, End] = {
    Ending.ANSWERED: End(Status.OK),
    Ending.EMPTY: End(Status.INCOMPLETE, Phase.BODY, "empty"),
    Ending.SHORT: End(Status.INCOMPLETE, Phase.BODY, "short"),
    Ending.UNFINISHED: End(Status.INCOMPLETE, Phase.BODY, "unfinished"),
    Ending.REFUSED: End(Status.HTTP_ERROR, Phase.HEADERS, "status"),
    Ending.REDIRECTED: End(Status.HTTP_ERROR, Phase.HEADERS, "redirect"),
    Ending.ERROR_FRAME: End(Status.STREAM_ERROR, Phase.BODY, "in_band"),
    Ending.CLOSED_HEADERS: End(Status.INCOMPLETE, Phase.HEADERS, "closed"),
    Ending.CLOSED_BODY: End(Status.INCOMPLETE, Phase.BODY, "closed"),
    Ending.BROKEN_HEADERS: End(Status.INCOMPLETE, Phase.HEADERS, "broken"),
    Ending.BROKEN_BODY: End(Status.INCOMPLETE, Phase.BODY, "broken"),
    Ending.NOT_HTTP: End(Status.MALFORMED, Phase.HEADERS, "http"),
    Ending.BAD_FRAMING: End(Status.MALFORMED, Phase.BODY, "http"),
    Ending.LARGE_HEADERS: End(Status.MALFORMED, Phase.HEADERS, "too_large"),
    Ending.LARGE_BODY: End(Status.MALFORMED, Phase.BODY, "too_large"),
    Ending.NOT_JSON: End(Status.MALFORMED, Phase.BODY, "json"),
    Ending.CONTENT_TYPE: End(Status.MALFORMED, Phase.HEADERS, "content_type"),
    Ending.ENCODING: End(Status.MALFORMED, Phase.BODY, "encoding"),
    Ending.DROPPED: End(Status.DROPPED, None, "max_in_flight"),
    Ending.SKIPPED: End(Status.SKIPPED, None, "dependency"),
    Ending.LOST: End(Status.LOST, None, "worker"),
}
"""What each ending counts as. What the load ends (deadlines, cancels) it names with an `End`."""


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

SHORT_BY_CHUNKS = 0.8
"""Chunks are no tokens: where only they were counted, short is under this share of the asked."""


LEFT = "user"
"""Why a request was `cancelled` whose user left, as the run had asked for, and why those behind it
in its session were `skipped`: no failures."""


def has_left(status: str, reason: str | None) -> bool:
    """Whether the simulated user left, rather than the run ended or something failed."""
    return reason == LEFT and status in (Status.CANCELLED.value, Status.SKIPPED.value)


def http_code(http_status: int) -> ErrorCode:
    """Derive the Protocol's code from an HTTP status that is not a success."""
    if http_status == 429:
        return ErrorCode.RESOURCE_EXHAUSTED
    if 400 <= http_status < 500:
        return ErrorCode.INVALID_ARGUMENT
    return ErrorCode.UNAVAILABLE


def is_short(asked: int, output_tokens: int | None, chunks: int | None) -> bool:
    """Whether fewer tokens came than asked: by the server's usage, else estimated by chunks."""
    if output_tokens is not None:
        return output_tokens < asked
    return chunks is not None and chunks < SHORT_BY_CHUNKS * asked


def settled(
    *,
    answered: bool,
    empty: bool,
    asked: int | None,
    exact: bool,
    output_tokens: int | None,
    chunks: int | None,
) -> Ending:
    """How a conversation ended that nothing broke off.

    Args:
        answered: The server said that the answer was complete.
        empty: The answer held nothing.
        asked: Output tokens that were asked for; None where nobody knows, which still expects some.
        exact: Fewer than asked is a failure.
        output_tokens: By the server's usage.
        chunks: Token frames; None where the reply was not streamed.
    """
    if not answered:
        return Ending.UNFINISHED
    if empty and asked != 0:
        return Ending.EMPTY
    if exact and asked is not None and is_short(asked, output_tokens, chunks):
        return Ending.SHORT
    return Ending.ANSWERED
