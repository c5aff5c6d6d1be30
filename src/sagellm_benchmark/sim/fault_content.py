"""Faults in what a stream says, event by event well formed: how much, as what, counted how."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sagellm_benchmark.sim.engine import Job
from sagellm_benchmark.sim.fault_events import DONE, event, finishes, value_of
from sagellm_benchmark.sim.fault_json import (
    Json,
    Values,
    text_of,
    with_completion_tokens,
    with_finish,
    with_text,
)
from sagellm_benchmark.sim.fault_reply import Parts
from sagellm_benchmark.sim.fault_wire import Part
from sagellm_benchmark.sim.service import usage

_CALL = {"id": "call_sim", "type": "function"}


async def short(parts: Parts, values: Values, job: Job) -> Parts:
    """Say that the model ended of its own will: it was asked for no more than the script allows."""
    async for part in parts:
        value = value_of(part)
        yield Part(data=event(with_finish(value, "stop"))) if finishes(value) else part


async def empty(parts: Parts, values: Values, job: Job) -> Parts:
    """Leave out every token."""
    async for part in short(parts, values, job):
        value = value_of(part)
        if value.get("usage"):
            part = Part(data=event(with_completion_tokens(value, 0)))
        if not part.tokens:
            yield part


async def wrong_usage(parts: Parts, values: Values, job: Job) -> Parts:
    """Tell a wrong count, also where none would be told."""
    count, told = values["completion_tokens"], False
    last: dict[str, Any] = {}
    async for part in parts:
        value = value_of(part)
        if value.get("usage"):
            told = True
            part = Part(data=event(with_completion_tokens(value, count)))
        elif part.data == DONE and not told and finishes(last):
            frame = {**last, "choices": [], "usage": usage(job)}
            yield Part(data=event(with_completion_tokens(frame, count)))
        last = value
        yield part


async def reasoning(parts: Parts, values: Values, job: Job) -> Parts:
    """Call the first tokens reasoning."""
    left = values["tokens"]
    async for part in parts:
        if part.tokens and left:
            left -= 1
            value = value_of(part)
            part = _with_delta(part, value, {"reasoning_content": text_of(value)})
        yield part


async def tool_calls(parts: Parts, values: Values, job: Job) -> Parts:
    """Make the tokens the arguments of a call, valid JSON when put together."""
    count = 0
    async for part in parts:
        value = value_of(part)
        if part.tokens:
            count += 1
            text = text_of(value) or ""
            first, last = count == 1, count == job.output_tokens
            piece = ('{"text":"' if first else "") + text + ('"}' if last else "")
            function = {"name": "lookup", "arguments": piece} if first else {"arguments": piece}
            call = {"index": 0, **(_CALL if first else {}), "function": function}
            part = _with_delta(part, value, {"tool_calls": [call]})
        elif finishes(value):
            part = Part(data=event(with_finish(value, "tool_calls")))
        yield part


async def batch(parts: Parts, values: Values, job: Job) -> Parts:
    """Send several tokens at once, when the last of them is made."""
    texts: list[str] = []
    value: Json = {}
    async for part in parts:
        if part.tokens:
            value = value_of(part)
            texts.append(text_of(value) or "")
        if texts and (len(texts) == values["tokens"] or not part.tokens):
            yield Part(data=event(with_text(value, "".join(texts))), tokens=len(texts))
            texts = []
        if not part.tokens:
            yield part


def _with_delta(part: Part, value: Json, said: Json) -> Part:
    """Copy a token's event; it says something else than content."""
    (choice,) = value["choices"]
    # One dialect writes what is null, the other leaves it out.
    delta = dict.fromkeys(choice["delta"]) if "role" in choice["delta"] else {}
    changed = {**value, "choices": [{**choice, "delta": {**delta, **said}}]}
    return Part(data=event(changed), tokens=part.tokens)


CONTENT: Mapping[str, Callable[[Parts, Values, Job], Parts]] = {
    "short": short,
    "empty": empty,
    "wrong_usage": wrong_usage,
    "reasoning": reasoning,
    "tool_calls": tool_calls,
    "batch": batch,
}
