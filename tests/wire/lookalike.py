"""Bytes as the gateway sends them, written by hand, and a reply that was fed with them."""

from __future__ import annotations

import json
from typing import Any

from sagellm_benchmark.wire.openai import Endpoint
from sagellm_benchmark.wire.outcome import Outcome
from sagellm_benchmark.wire.reply import Reply
from sagellm_benchmark.wire.timeline import Timeline

SENT = 1_000
FIRST = 2_000
END = 9_000_000
DONE = b"data: [DONE]\n\n"
SSE = "text/event-stream; charset=utf-8"


def head(
    status: str = "200 OK", kind: str | None = SSE, version: str = "1.1", **headers: object
) -> bytes:
    """A response's head; `_` in a header's name stands for `-`."""
    lines = [f"HTTP/{version} {status}", "date: Mon, 23 Nov 2026 06:45:49 GMT", "server: uvicorn"]
    if kind is not None:
        lines.append(f"content-type: {kind}")
    lines += ["vary: Origin", "x-request-id: 0f2e04cc-0cd1-428c-ad45-6c2ac814a9fa"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


STREAM_HEAD = head(cache_control="no-cache", transfer_encoding="chunked")


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"


def event(value: Any) -> bytes:
    """A data frame of compact JSON."""
    return b"data: " + json.dumps(value, separators=(",", ":")).encode() + b"\n\n"


def frame(
    delta: dict[str, Any] | None = None,
    finish: str | None = None,
    *,
    index: int = 0,
    text: str | None = None,
    **top: Any,
) -> bytes:
    """One chat chunk, or with `text` a completions chunk."""
    choice: dict[str, Any] = {"index": index}
    if text is None:
        choice["delta"] = delta if delta is not None else {"role": None, "content": None}
    else:
        choice["text"] = text
    choice["finish_reason"] = finish
    kind = "chat.completion.chunk"
    return event(
        {"id": "chatcmpl-75ca", "object": kind, "created": 1795416350, "model": "fake-llm"}
        | {"choices": [choice]}
        | top
    )


def token(text: str, finish: str | None = None, **more: Any) -> bytes:
    """A frame with content, as the gateway writes it."""
    return frame({"role": None, "content": text}, finish, **more)


ROLE = frame({"role": "assistant", "content": None})
STOP = frame(finish="stop")


def streamed(*events: bytes, end: bytes = LAST_CHUNK) -> list[bytes]:
    """The reads of a stream: the head with the first event, then one chunk a read."""
    reads = [chunk(one) for one in events]
    reads[0] = STREAM_HEAD + reads[0]
    reads[-1] += end
    return reads


def usual(*texts: str) -> list[bytes]:
    """A whole gateway stream."""
    return streamed(ROLE, *(token(text) for text in texts), STOP, DONE)


def body(value: Any, status: str = "200 OK", kind: str | None = "application/json") -> bytes:
    """A response with a JSON body, or with the given bytes."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return head(status, kind, content_length=len(data)) + data


def new_reply(**options: Any) -> Reply:
    """A reply whose request was sent at `SENT`."""
    timeline = Timeline(500)
    timeline.sent_ns = SENT
    return Reply(timeline, **({"endpoint": Endpoint.CHAT, "stream": True} | options))


def fed(*reads: bytes, eof: bool = False, **options: Any) -> Reply:
    """A reply that got these reads at `FIRST`, `FIRST + 1` and so on."""
    reply = new_reply(**options)
    for stamp, read in enumerate(reads, FIRST):
        reply.feed(read, stamp)
    if eof:
        reply.eof(FIRST + len(reads))
    return reply


def outcome(*reads: bytes, eof: bool = False, **options: Any) -> Outcome:
    """What becomes of a request whose response is these reads."""
    return fed(*reads, eof=eof, **options).outcome(END)


def told(result: Outcome) -> tuple[str, str | None, str | None, str | None]:
    """The state in words: status, phase, reason, code."""
    return (
        result.status.value,
        result.phase and result.phase.value,
        result.reason,
        result.code and result.code.value,
    )
