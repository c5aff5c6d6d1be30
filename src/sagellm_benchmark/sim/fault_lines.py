"""Faults in the bytes of an event stream: line ends, fields, and lines without an end.

Line ends and fields change no event: a client that keeps to the event stream's rules sees the same.
What is huge is made step by step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import cycle

from sagellm_benchmark.sim.fault_events import at_token, event, value_of
from sagellm_benchmark.sim.fault_json import Values, with_text
from sagellm_benchmark.sim.fault_reply import Parts
from sagellm_benchmark.sim.fault_wire import Part

_BOM = "\ufeff".encode()
_STEP = 64 * 1024
_SPLIT_S = 0.02

_ENDINGS = {
    "lf": ((b"\n", b"\n"),),
    "cr": ((b"\r", b"\r"),),
    "crlf": ((b"\r\n", b"\r\n"),),
    # Never CR before LF: that would be one line end.
    "mixed": (
        (b"\n", b"\r\n"),
        (b"\r", b"\r"),
        (b"\r\n", b"\n"),
        (b"\n", b"\r"),
        (b"\r", b"\r\n"),
        (b"\r\n", b"\r"),
    ),
}
"""The end of an event's lines, and that of the empty line after them, in turn."""


async def line_ending(parts: Parts, values: Values) -> Parts:
    """Write the same events in other bytes."""
    endings = cycle(_ENDINGS[values["ending"]])
    number = 0
    async for part in parts:
        end, blank = next(endings)
        number += 1
        lines = _lines(part.data[len(b"data: ") : -2], number, values)
        data = b"".join(line + end for line in lines) + blank
        if values["bom"] and number == 1:
            data = _BOM + data
        cut = len(data) - 1 if values["split"] else None
        yield Part(data=data, tokens=part.tokens, cut=cut, pause_s=_SPLIT_S)


def _lines(content: bytes, number: int, values: Values) -> list[bytes]:
    name = b"data: " if values["space"] else b"data:"
    fields = [b"event: message", b"id: %d" % number, b"retry: 3000"] if values["fields"] else []
    # A line end between two members of an object is white space to JSON.
    head, comma, rest = content.partition(b'","') if values["multiline"] else (content, b"", b"")
    if comma:
        return [*fields, name + head + b'",', name + b'"' + rest]
    return [*fields, name + content]


async def giant_frame(parts: Parts, values: Values) -> Parts:
    """Add an event with very long content."""
    async for part, here in at_token(parts, values["after_tokens"]):
        if here:
            before, _, after = event(with_text(value_of(part), "@@")).partition(b"@@")
            yield Part(data=before)
            async for piece in _filled(values["bytes"]):
                yield piece
            yield Part(data=after)
        yield part


async def no_newline(parts: Parts, values: Values) -> Parts:
    """Begin a line that never ends, until the body does."""
    async for part, here in at_token(parts, values["after_tokens"]):
        if here:
            yield Part(data=b"data: ")
            async for piece in _filled(values["bytes"]):
                yield piece
            return
        yield part


async def _filled(size: int) -> Parts:
    while size > 0:
        yield Part(data=b"x" * min(size, _STEP))
        size -= _STEP


LINES: Mapping[str, Callable[[Parts, Values], Parts]] = {
    "line_ending": line_ending,
    "giant_frame": giant_frame,
    "no_newline": no_newline,
}
