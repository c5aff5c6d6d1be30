"""Faults in the events of a stream: their number, order, content, and whether they can be read.

Each takes the events that the dialect made and gives out others. What it adds carries no token;
what it changes keeps the tokens that it had, so that the log stays true.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping

from sagellm_benchmark.protocol.errors import ErrorCode
from sagellm_benchmark.sim.fault_json import (
    BROKEN,
    CHARACTER,
    SPOILT,
    Json,
    Values,
    spoilt,
    text_of,
    with_finish,
    with_text,
)
from sagellm_benchmark.sim.fault_reply import Parts
from sagellm_benchmark.sim.fault_wire import Part, silence
from sagellm_benchmark.sim.validation import compact

DONE = b"data: [DONE]\n\n"


def event(value: object) -> bytes:
    """Write an event."""
    return b"data: %b\n\n" % compact(value)


def value_of(part: Part) -> Json:
    """Read an event's JSON; `[DONE]` has none and reads as an empty object."""
    return {} if part.data == DONE else json.loads(part.data[len(b"data: ") :])


def finishes(value: Json) -> bool:
    """Tell whether this is the finish frame of a reply that went well."""
    choices = value.get("choices")
    # The gateway tells a failure as the content of the finish frame.
    return bool(choices) and choices[0]["finish_reason"] is not None and not text_of(value)


async def at_token(parts: Parts, after_tokens: int) -> AsyncIterator[tuple[Part, bool]]:
    """Give out each event, and whether it is the one right after so many tokens."""
    tokens, waiting = 0, True
    async for part in parts:
        due = part.tokens and tokens == after_tokens
        here = bool(waiting and (due or (not part.tokens and finishes(value_of(part)))))
        waiting = waiting and not here
        yield part, here
        tokens += part.tokens


async def without_end(parts: Parts) -> Parts:
    """Leave out everything from the finish frame on."""
    async for part in parts:
        value = value_of(part)
        if not value or finishes(value) or value.get("event") == "end":
            return
        yield part


async def no_done(parts: Parts, values: Values) -> Parts:
    """Leave out `[DONE]`, and the finish frame too where that is asked for."""
    async for part in parts if values["finish"] else without_end(parts):
        if part.data != DONE:
            yield part


async def open_after_done(parts: Parts, values: Values) -> Parts:
    """Let the body go on, silently, after its last event."""
    async for part in parts:
        yield part
    await silence(values["seconds"])


async def duplicate_finish(parts: Parts, values: Values) -> Parts:
    """Finish twice, for another reason the second time."""
    async for part in parts:
        yield part
        value = value_of(part)
        if finishes(value):
            stopped = value["choices"][0]["finish_reason"] == "stop"
            yield Part(data=event(with_finish(value, "length" if stopped else "stop")))


async def data_after_done(parts: Parts, values: Values) -> Parts:
    """Say something after the end."""
    late = b""
    async for part in parts:
        if part.tokens and not late:
            late = event(with_text(value_of(part), "late "))
        yield part
    if late:
        yield Part(data=late)


async def error_frame(parts: Parts, values: Values) -> Parts:
    """Tell an error within the stream, and end the body."""
    async for part, here in at_token(parts, values["after_tokens"]):
        if here:
            for data in _error_events(value_of(part), values["form"], values["code"]):
                yield Part(data=data)
            return
        yield part


def _error_events(template: Json, form: str, code: str | None) -> list[bytes]:
    if form == "gateway":
        name = "" if code is None else f" (code: ErrorCode.{ErrorCode(code).name})"
        said = f"[Stream error: Stream execution failed: Stream error: 500{name}]"
        return [event(with_text(with_finish(template, "stop"), said)), DONE]
    message = "The simulated engine failed."
    error = {"message": message, "type": "server_error", "param": None, "code": code}
    data = event({"error": error})
    return [b"event: error\n" + data] if form == "event" else [data, DONE]


async def broken(kind: str, parts: Parts, values: Values) -> Parts:
    """Add one event whose JSON nobody can use."""
    async for part, here in at_token(parts, values["after_tokens"]):
        if here:
            data = BROKEN[kind](with_text(value_of(part), ""), values)
            yield Part(data=b"data: %b\n\n" % data)
        yield part


async def spoil(kind: str, parts: Parts, values: Values) -> Parts:
    """Put odd bytes into a token's text."""
    async for part, here in at_token(parts, values["after_tokens"]):
        if here and part.tokens:
            data = b"data: %b\n\n" % spoilt(value_of(part), SPOILT[kind])
            part = Part(data=data, tokens=part.tokens)
            if kind == "split_character":
                part.cut = data.index(CHARACTER) + 2
                part.pause_s = values["interval_ms"] / 1000
        yield part


EVENTS: Mapping[str, Callable[[Parts, Values], Parts]] = {
    "no_done": no_done,
    "open_after_done": open_after_done,
    "duplicate_finish": duplicate_finish,
    "data_after_done": data_after_done,
    "error_frame": error_frame,
}
"""The changes that no shared table holds."""
