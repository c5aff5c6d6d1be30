"""The JSON of a reply, an event's or a whole body's: read, changed, and spoilt on purpose.

Values keep the order of their keys, so that what is written again differs only where it should.
`BROKEN` holds the kinds whose JSON nobody can use; `SPOILT` the bytes that kinds put into a text.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from sagellm_benchmark.sim.validation import compact

Values = Mapping[str, Any]
Json = dict[str, Any]

_MARK = "@@"


def text_of(value: Json) -> str | None:
    """Read the text of the one choice."""
    holder, key = _text_place(value)
    return holder.get(key)


def with_text(value: Json, text: Any) -> Json:
    """Copy a value with another text."""
    value = copy.deepcopy(value)
    holder, key = _text_place(value)
    holder[key] = text
    return value


def with_finish(value: Json, reason: str) -> Json:
    """Copy a value with another finish reason."""
    (choice,) = value["choices"]
    return {**value, "choices": [{**choice, "finish_reason": reason}]}


def with_completion_tokens(value: Json, count: int) -> Json:
    """Copy a value whose usage counts so many tokens; usage must be there."""
    usage = value["usage"]
    total = usage["prompt_tokens"] + count
    return {**value, "usage": {**usage, "completion_tokens": count, "total_tokens": total}}


def spoilt(value: Json, raw: bytes) -> bytes:
    """Write a value with raw bytes before the last space of its text."""
    text = (text_of(value) or "").rstrip()
    return compact(with_text(value, f"{text}{_MARK} ")).replace(_MARK.encode(), raw)


def _text_place(value: Json) -> tuple[Json, str]:
    choice = value["choices"][0]
    if "text" in choice:
        return choice, "text"
    return choice["delta" if "delta" in choice else "message"], "content"


def _bad_json(value: Json, values: Values) -> bytes:
    whole = compact(value)
    return whole[: len(whole) // 2]


def _null(value: Json, values: Values) -> bytes:
    return b"null"


def _wrong_type(value: Json, values: Values) -> bytes:
    return compact(with_text(value, 7))


def _depth_bomb(value: Json, values: Values) -> bytes:
    depth = values["depth"]
    # Under a key that nobody reads: who skips it has to go down all the same.
    return b'%b,"nested":%b%b}' % (compact(value)[:-1], b"[" * depth, b"]" * depth)


def _nan(value: Json, values: Values) -> bytes:
    usage = dict.fromkeys(("prompt_tokens", "completion_tokens", "total_tokens"), _MARK)
    quoted = f'"{_MARK}"'.encode()
    return compact({**value, "usage": usage}).replace(quoted, values["value"].encode())


BROKEN: Mapping[str, Callable[[Json, Values], bytes]] = {
    "bad_json": _bad_json,
    "null": _null,
    "wrong_type": _wrong_type,
    "depth_bomb": _depth_bomb,
    "nan": _nan,
}

CHARACTER = "\U0001f642".encode()
"""What `split_character` cuts."""

SPOILT: Mapping[str, bytes] = {
    "invalid_utf8": b"\xff\xfe",
    "split_character": CHARACTER,
    "lone_surrogate": rb"\ud83d",
    "line_separator": "\u2028\u2029\u0085".encode(),
}
