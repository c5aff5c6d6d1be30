"""Faults of a single request: what is done to it, and what must come of it.

A `Group` is one run against one simulated gateway: every other request meets a fault, in the order
of the list, and those between meet none. `docs/faults.md` is made from these tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TOKENS = 5
CONNECTION = "Connection"
HTTP = "HTTP framing"
EVENTS = "Event stream and JSON"
STATUS = "Status codes"

UNAVAILABLE = "unavailable"
BROKEN = "distributed_runtime_error"
INVALID = "invalid_argument"
EXHAUSTED = "resource_exhausted"
LATE = "deadline_exceeded"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One request that something is done to.

    Attributes:
        name: What the test is called.
        section: Where it stands in the document.
        told: What is done, for the document.
        do: The rule of the fault script, without its selector.
        status: What the request must count as.
        phase: Where it failed.
        reason: One word for why.
        code: The Protocol's error code.
        chunks: Token frames that are kept: a number, or the least and the most.
        flags: What the record must note, and nothing else; None where chance has a say.
        says: What the message must hold, or the text where it is kept.
        facts: Further fields of the record, by name.
    """

    name: str
    section: str
    told: str
    do: Mapping[str, Any]
    status: str = "ok"
    phase: str | None = None
    reason: str | None = None
    code: str | None = None
    chunks: int | tuple[int, int] = TOKENS
    flags: tuple[str, ...] | None = ()
    says: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Group:
    """One run, with its faults.

    Attributes:
        name: What the run is called.
        faults: What is done to every other request.
        exit: The code that the program must leave with.
        options: Of the load.
        target: Of the simulated gateway.
        tokens: What every request asks for.
        chunks: Token frames of a request that nothing is done to.
        locust: The load is `locust -f`, not `sagellm-benchmark run`.
        note: What sets these requests apart, for the document.
    """

    name: str
    faults: tuple[Fault, ...]
    exit: int
    options: tuple[str, ...] = ()
    target: tuple[str, ...] = ("--dialect", "openai", "--model", "sim-llm")
    tokens: int = TOKENS
    chunks: int = TOKENS
    locust: bool = False
    note: str = ""


def fine(section: str, name: str, told: str, kind: str, flags: str = "", **more: Any) -> Fault:
    """A fault that the request survives; what is no field of `Fault` is the rule's."""
    return _fault(section, name, told, kind, tuple(flags.split()), more)


def cut(section: str, name: str, told: str, kind: str, end: str, chunks: int, **more: Any) -> Fault:
    """A fault that leaves the answer incomplete; `end` is phase and reason."""
    phase, reason = end.split()
    known = {"status": "incomplete", "phase": phase, "reason": reason, "code": UNAVAILABLE}
    return _fault(section, name, told, kind, (), {**known, "chunks": chunks, **more})


def malformed(
    name: str, told: str, kind: str, end: str = "body json", chunks: int = 1, **more: Any
) -> Fault:
    """A fault that makes the answer no answer; `end` is phase and reason."""
    phase, reason = end.split()
    known = {"status": "malformed", "phase": phase, "reason": reason, "code": BROKEN}
    section = more.pop("section", EVENTS)
    return _fault(section, name, told, kind, (), {**known, "chunks": chunks, **more})


def refused(name: str, told: str, becomes: str, code: int, **rule: Any) -> Fault:
    """An HTTP status that is no success, and the Protocol's code that it becomes."""
    wait = rule.get("retry_after")
    return Fault(
        name=name,
        section=STATUS,
        told=told,
        do={"do": "status", "code": code, **rule},
        status="http_error",
        phase="headers",
        reason="status",
        code=becomes,
        chunks=0,
        flags=() if wait is None else (f"retry_after={wait}",),
        says=f"HTTP {code}",
        facts={"http_status": code},
    )


def reported(name: str, told: str, becomes: str, chunks: int = 1, **rule: Any) -> Fault:
    """An error that the server reports inside a successful response, and the code it becomes."""
    return Fault(
        name=name,
        section=EVENTS,
        told=told,
        do={"do": "error_frame", **rule},
        status="stream_error",
        phase="body",
        reason="in_band",
        code=becomes,
        chunks=chunks,
        facts={"http_status": 200},
    )


def timed_out(name: str, told: str, kind: str, end: str, chunks: Any = 0, **more: Any) -> Fault:
    """A deadline that passes; `end` is phase and reason."""
    phase, reason = end.split()
    known = {"status": "timeout", "phase": phase, "reason": reason, "code": LATE, "chunks": chunks}
    return _fault(CONNECTION, name, told, kind, (), {**known, **more})


_OURS = frozenset(Fault.__dataclass_fields__)


def _fault(
    section: str, name: str, told: str, kind: str, flags: tuple[str, ...], more: dict[str, Any]
) -> Fault:
    rule = {key: value for key, value in more.items() if key not in _OURS}
    known = {"flags": flags} | {key: value for key, value in more.items() if key in _OURS}
    return Fault(name=name, section=section, told=told, do={"do": kind, **rule}, **known)


HARMLESS = (
    fine(CONNECTION, "silent", "silence of 0.3 s before the headers", "stall", seconds=0.3),
    fine(CONNECTION, "pause", "silence between tokens", "stall", seconds=0.3, after_tokens=2),
    fine(CONNECTION, "split", "the response comes byte by byte", "split", bytes=1),
    fine(
        CONNECTION,
        "held-open",
        "the connection is held open after `[DONE]`: dropped within a second or so, and the clock "
        "stops at the last token",
        "open_after_done",
        "cut_after_answer",
    ),
    fine(HTTP, "http10", "HTTP/1.0, ended by the close", "http10", "close_delimited"),
    fine(
        HTTP,
        "close-delimited",
        "a body that only the close ends, with a finish_reason or `[DONE]`",
        "close_delimited",
        "close_delimited",
    ),
    fine(HTTP, "trailers", "fields behind the last chunk", "trailers"),
    fine(HTTP, "informational", "1xx responses before the response", "informational"),
    fine(HTTP, "gzip", "gzip, though `identity` was asked for", "gzip", "gzip"),
    fine(EVENTS, "cr", "lines that end in CR", "line_ending", ending="cr"),
    fine(EVENTS, "crlf", "lines that end in CRLF", "line_ending", ending="crlf"),
    fine(
        *(EVENTS, "cut-crlf", "a CRLF that comes in two reads", "line_ending"),
        ending="crlf",
        split=True,
    ),
    fine(EVENTS, "mixed", "CR, LF and CRLF mixed", "line_ending", ending="mixed"),
    fine(EVENTS, "bom", "a byte order mark", "line_ending", bom=True),
    fine(EVENTS, "no-space", "`data:` without a space", "line_ending", space=False),
    fine(EVENTS, "fields", "`event`, `id` and `retry` fields", "line_ending", fields=True),
    fine(EVENTS, "multiline", "JSON over two `data` lines", "line_ending", multiline=True),
    fine(EVENTS, "separators", "U+2028, U+2029 and U+0085 inside JSON", "line_separator"),
    fine(EVENTS, "character", "a character that comes in two reads", "split_character"),
    fine(EVENTS, "utf8", "invalid UTF-8: read as U+FFFD", "invalid_utf8", "invalid_utf8=1"),
    fine(
        *(EVENTS, "surrogate", "half of a surrogate pair, `\\ud83d`: read as U+FFFD"),
        *("lone_surrogate", "lone_surrogate=1"),
    ),
    fine(EVENTS, "no-done", "a finish_reason and no `[DONE]`", "no_done", "no_done"),
    fine(
        *(EVENTS, "second-finish", "a second finish_reason: the first stands"),
        *("duplicate_finish", "second_finish=1"),
        facts={"finish_reason": "length"},
    ),
    fine(
        *(EVENTS, "after-done", "data behind `[DONE]`", "data_after_done", "data_after_done=1"),
    ),
    fine(
        *(EVENTS, "usage", "usage that disagrees with the frames: both are kept, usage counts"),
        "wrong_usage",
        completion_tokens=999,
        facts={"output_tokens": 999, "token_source": "usage"},
    ),
    fine(
        *(EVENTS, "short", "fewer tokens than asked for: counted under `short_output`"),
        *("short", "short_output"),
        tokens=2,
        chunks=2,
        facts={"output_tokens": 2, "finish_reason": "stop"},
    ),
    fine(
        *(EVENTS, "reasoning", "reasoning before the answer", "reasoning"),
        tokens=2,
    ),
    fine(
        *(EVENTS, "tool-calls", "a tool call instead of text", "tool_calls"),
        facts={"finish_reason": "tool_calls"},
    ),
    fine(
        *(EVENTS, "batch", "several tokens in a frame", "batch"),
        tokens=2,
        chunks=3,
        facts={"output_tokens": TOKENS},
    ),
)

ELSEWHERE = "{elsewhere}"
"""In a rule: a URL at which the test listens."""

HARMFUL = (
    cut(CONNECTION, "reset", "reset before the headers", "reset", "headers broken", 0),
    cut(CONNECTION, "closed", "closed before the headers", "close", "headers closed", 0),
    cut(
        *(CONNECTION, "reset-head", "reset inside the headers", "reset", "headers broken", 0),
        after_bytes=40,
    ),
    cut(
        *(CONNECTION, "closed-head", "closed inside the headers", "close", "headers closed", 0),
        after_bytes=40,
    ),
    cut(
        *(CONNECTION, "reset-body", "reset midstream", "reset", "body broken", 2),
        after_tokens=2,
    ),
    cut(
        *(CONNECTION, "closed-body", "closed midstream", "close", "body closed", 2),
        after_tokens=2,
    ),
    cut(
        *(CONNECTION, "half-closed", "half-closed midstream, then silence", "close"),
        *("body closed", 3),
        after_tokens=3,
        half=True,
    ),
    cut(
        *(HTTP, "unfinished-close", "a body that only the close ends, without a finish_reason"),
        *("close_delimited", "body unfinished", TOKENS),
        finish=False,
        flags=("close_delimited",),
    ),
    malformed(*("not-http", "bytes that are no HTTP", "not_http", "headers http", 0), section=HTTP),
    malformed(
        *("bomb", "a gzip bomb: 1 GiB in 1 MiB", "gzip_bomb", "body too_large", 0),
        section=HTTP,
        flags=("gzip", "unterminated_frame"),
    ),
    Fault(
        name="redirect",
        section=HTTP,
        told="a redirect: never followed",
        do={"do": "redirect", "location": ELSEWHERE},
        status="http_error",
        phase="headers",
        reason="redirect",
        code=UNAVAILABLE,
        chunks=0,
        says="HTTP 307 to http://127.0.0.1:",
        facts={"http_status": 307},
    ),
    malformed("giant", "a frame over 1 MiB", "giant_frame", "body too_large"),
    malformed("endless", "1 MiB without a line break", "no_newline", "body too_large"),
    malformed("bad-json", "data that is no JSON", "bad_json", says="frame at body byte "),
    malformed("null", "`null` for a frame", "null", says="frame at body byte "),
    malformed("type", "a value of the wrong type", "wrong_type", says="frame at body byte "),
    malformed("depth", "100,000 nested lists", "depth_bomb", says="frame at body byte "),
    malformed("nan", "NaN for a count", "nan", says="frame at body byte "),
    malformed("infinity", "Infinity for a count", "nan", value="Infinity", says="frame at body"),
    malformed("1e999", "1e999 for a count", "nan", value="1e999", says="frame at body byte "),
    malformed(
        *("html", "HTTP 200 with an HTML page", "html", "headers content_type", 0),
        says="text/html instead of text/event-stream: <",
    ),
    reported(
        "error", "an `error` frame: its code, if it is one of the Protocol's", LATE, code=LATE
    ),
    reported("odd-code", "an `error` frame with another code", UNAVAILABLE, code="kaput"),
    reported("no-code", "an `error` frame without a code", UNAVAILABLE, code=None),
    reported("event", "an `event: error`", EXHAUSTED, form="event", code=EXHAUSTED),
    reported(
        "error-first", "an `error` frame before any token", LATE, 0, code=LATE, after_tokens=0
    ),
    cut(
        *(EVENTS, "unfinished", "neither a finish_reason nor `[DONE]`", "no_done"),
        *("body unfinished", TOKENS),
        finish=False,
    ),
    cut(
        *(EVENTS, "empty", "a normal end without a token, where some were asked for", "empty"),
        *("body empty", 0),
    ),
    refused("429", "429: Retry-After is noted, never slept on", EXHAUSTED, 429, retry_after=7),
    refused("400", "400 with JSON", INVALID, 400),
    refused("404", "404 with an HTML page: quoted in a line, capped", INVALID, 404, body="html"),
    refused("500", "500 with JSON", UNAVAILABLE, 500),
    refused("502", "502 with an HTML page", UNAVAILABLE, 502, body="html"),
    refused("503", "503 without a body", UNAVAILABLE, 503, body="empty"),
)

KEPT = (
    fine(
        *(EVENTS, "separators", "U+2028, U+2029 and U+0085 inside JSON", "line_separator"),
        says="\u2028\u2029\x85",
    ),
    fine(
        *(EVENTS, "character", "a character that comes in two reads", "split_character"),
        says="\U0001f642",
    ),
    fine(
        *(EVENTS, "utf8", "invalid UTF-8: read as U+FFFD", "invalid_utf8", "invalid_utf8=1"),
        says="\ufffd",
    ),
    fine(
        *(EVENTS, "surrogate", "half of a surrogate pair", "lone_surrogate", "lone_surrogate=1"),
        says="\ufffd",
    ),
)

LATE_ONES = (
    timed_out("no-head", "silence before the headers", "stall", "headers first_token"),
    timed_out(
        *("no-token", "headers, and then silence", "stall", "body first_token"),
        after_tokens=0,
    ),
    timed_out(
        *("no-more", "silence midstream", "stall", "body idle", 2),
        after_tokens=2,
    ),
    timed_out("comments", "comments for ever, and no token", "comments", "body first_token"),
    timed_out(
        *("comments-midway", "comments for ever after some tokens", "comments", "body idle", 2),
        after_tokens=2,
    ),
    timed_out("dripping-head", "headers byte by byte", "drip", "headers first_token"),
    timed_out(
        *("dripping", "tokens byte by byte, each in time", "drip", "body total", (2, 19)),
        after_tokens=1,
        interval_ms=2,
        flags=None,
    ),
)

WHOLE = (
    fine(HTTP, "gzip", "gzip, though `identity` was asked for", "gzip", "gzip"),
    fine(HTTP, "http10", "HTTP/1.0, ended by the close", "http10", "close_delimited"),
    fine(EVENTS, "utf8", "invalid UTF-8: read as U+FFFD", "invalid_utf8", "invalid_utf8=1"),
    fine(
        *(EVENTS, "surrogate", "half of a surrogate pair", "lone_surrogate", "lone_surrogate=1"),
    ),
    cut(
        *(CONNECTION, "reset", "reset inside the body", "reset", "body broken", 0),
        after_bytes=400,
    ),
    cut(
        *(CONNECTION, "closed", "closed inside the body", "close", "body closed", 0),
        after_bytes=400,
    ),
    malformed("bad-json", "a body that is no JSON", "bad_json", says="reply of "),
    malformed("null", "`null` for a body", "null", says="reply of "),
    malformed("type", "a value of the wrong type", "wrong_type", says="reply of "),
    malformed("depth", "100,000 nested lists", "depth_bomb", says="reply of "),
    malformed("nan", "NaN for a count", "nan", says="reply of "),
    malformed(
        *("bomb", "a gzip bomb", "gzip_bomb", "body too_large"),
        section=HTTP,
        flags=("gzip",),
    ),
    malformed(
        *("html", "HTTP 200 with an HTML page", "html", "headers content_type"),
        says="text/html instead of json: <",
    ),
    cut(EVENTS, "empty", "an answer without content", "empty", "body empty", 0),
    refused("500", "500 with JSON", UNAVAILABLE, 500),
)

DEMANDED = (
    cut(
        *(EVENTS, "short", "fewer tokens than the run demands", "short", "body short", 2),
        tokens=2,
    ),
)

GATEWAY = (
    reported(
        "error", "`[Stream error: …]` as content, with a code", LATE, form="gateway", code=LATE
    ),
    reported(
        "no-code", "`[Stream error: …]` without a code", UNAVAILABLE, form="gateway", code=None
    ),
    reported(
        *("error-first", "`[Stream error: …]` before any token", UNAVAILABLE, 0),
        form="gateway",
        after_tokens=0,
    ),
    reported("proxied", "an `error` frame, as in direct-proxy mode", UNAVAILABLE, form="openai"),
    cut(EVENTS, "empty", "a normal end without a token", "empty", "body empty", 0),
    cut(
        *(CONNECTION, "died", "the gateway dies midstream", "reset", "body broken", 2),
        after_tokens=2,
    ),
    refused("429", "429: the rate limit", EXHAUSTED, 429, retry_after=60),
    fine(
        *(EVENTS, "short", "an engine that gave up, hidden behind a normal end"),
        *("short", "short_output"),
        tokens=2,
        chunks=2,
        facts={"output_tokens": 2, "token_source": "chunks"},
    ),
)

GROUPS = (
    Group(name="harmless", faults=HARMLESS, exit=0),
    Group(
        name="kept",
        faults=KEPT,
        exit=0,
        options=("--keep-content", "all"),
        note="with `--keep-content all`: so it stands in the record's text",
    ),
    Group(name="harmful", faults=HARMFUL, exit=1),
    Group(
        name="late",
        faults=LATE_ONES,
        exit=1,
        options=("--first-token-timeout", "1", "--idle-timeout", "2", "--timeout", "4"),
        tokens=20,
        chunks=20,
    ),
    Group(
        name="whole", faults=WHOLE, exit=1, options=("--no-stream",), chunks=0, note="not streamed"
    ),
    Group(
        name="demanded",
        faults=DEMANDED,
        exit=1,
        options=("--output-length", "exact"),
        note="`--output-length exact`",
    ),
    Group(
        name="gateway",
        faults=GATEWAY,
        exit=1,
        target=(),
        locust=True,
        note="as the sageLLM gateway tells it",
    ),
)
"""Every run of this room, in the order of the document."""
