"""The kinds of faults that a script may name: where each can act, and what it may be told.

A table and the checks of its values; nothing here does any harm. `KINDS` is what a rule is checked
against, and what docs/simulator.md describes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from sagellm_benchmark.protocol.errors import ErrorCode

MIB = 1 << 20
_BYTES_MAX = 1 << 40


class Reach(Enum):
    """The requests that a kind can act on."""

    ANY = "any"
    TEXT = "text"
    STREAM = "stream"
    CHAT_STREAM = "stream, chat"


@dataclass(frozen=True, slots=True)
class Number:
    """A number from `least` to `most`; whole unless `whole` is off."""

    default: float | None
    least: float = 0
    most: float = float("inf")
    whole: bool = False

    def problem(self, value: Any) -> str | None:
        """Say what is wrong with a value, if anything is."""
        kinds = int if self.whole else (int, float)
        if (
            type(value) is not bool
            and isinstance(value, kinds)
            and self.least <= value <= self.most
        ):
            return None
        most = "" if self.most == float("inf") else f" to {self.most:g}"
        return f"give a {'whole ' if self.whole else ''}number from {self.least:g}{most}"


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false."""

    default: bool

    def problem(self, value: Any) -> str | None:
        """Say what is wrong with a value, if anything is."""
        return None if type(value) is bool else "give true or false"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words; the first is the default."""

    words: tuple[str, ...]

    @property
    def default(self) -> str:
        """The word that holds where none is given."""
        return self.words[0]

    def problem(self, value: Any) -> str | None:
        """Say what is wrong with a value, if anything is."""
        return None if value in self.words else f"choose one of {', '.join(self.words)}"


@dataclass(frozen=True, slots=True)
class Text:
    """A text of one line that is not empty; null where `absent` allows it."""

    default: str
    absent: bool = False

    def problem(self, value: Any) -> str | None:
        """Say what is wrong with a value, if anything is."""
        if value is None and self.absent:
            return None
        if isinstance(value, str) and value and value.isprintable() and value.isascii():
            return None
        return "give a plain text of one line" + (" or null" if self.absent else "")


Parameter = Number | Flag | Choice | Text


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault.

    Attributes:
        reach: What it can act on.
        parameters: What it may be told.
        place: Whether `after_bytes` may say where it acts.
    """

    reach: Reach
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    place: bool = False


def _whole(default: float | None, least: float = 1, most: float = float("inf")) -> Number:
    return Number(default, least, most, whole=True)


_BYTES = _whole(2 * MIB, 1, _BYTES_MAX)
_SECONDS = Number(None)
_TOKEN = {"after_tokens": _whole(1, 0)}
_PLACE = {"after_tokens": _whole(None, 0), "after_bytes": _whole(None, 0)}

KINDS: Mapping[str, Kind] = {
    "refuse": Kind(Reach.ANY, {"seconds": Number(1.0)}),
    "reset": Kind(Reach.ANY, _PLACE, place=True),
    "close": Kind(Reach.ANY, {**_PLACE, "half": Flag(False)}, place=True),
    "stall": Kind(Reach.ANY, {**_PLACE, "seconds": _SECONDS}, place=True),
    "drip": Kind(Reach.ANY, {**_PLACE, "interval_ms": Number(10.0)}, place=True),
    "split": Kind(Reach.ANY, {"bytes": _whole(7), "interval_ms": Number(0.0)}),
    "comments": Kind(
        Reach.STREAM, {"after_tokens": _whole(0, 0), "interval_ms": Number(100.0, 1)}, place=True
    ),
    "no_done": Kind(Reach.STREAM, {"finish": Flag(True)}),
    "open_after_done": Kind(Reach.STREAM, {"seconds": _SECONDS}),
    "status": Kind(
        Reach.ANY,
        {
            "code": _whole(500, 400, 599),
            "body": Choice(("json", "html", "empty")),
            "retry_after": _whole(None, 0),
        },
    ),
    "html": Kind(Reach.ANY),
    "redirect": Kind(Reach.ANY, {"location": Text("/v1/elsewhere")}),
    "not_http": Kind(Reach.ANY),
    "gzip": Kind(Reach.ANY),
    "gzip_bomb": Kind(Reach.ANY, {"bytes": _whole(1024 * MIB, 1, _BYTES_MAX)}),
    "http10": Kind(Reach.ANY),
    "close_delimited": Kind(Reach.ANY, {"finish": Flag(True)}),
    "trailers": Kind(Reach.ANY),
    "informational": Kind(Reach.ANY),
    "line_ending": Kind(
        Reach.STREAM,
        {
            "ending": Choice(("lf", "cr", "crlf", "mixed")),
            "bom": Flag(False),
            "space": Flag(True),
            "fields": Flag(False),
            "multiline": Flag(False),
            "split": Flag(False),
        },
    ),
    "giant_frame": Kind(Reach.STREAM, {**_TOKEN, "bytes": _BYTES}),
    "no_newline": Kind(Reach.STREAM, {**_TOKEN, "bytes": _BYTES}),
    "bad_json": Kind(Reach.TEXT, _TOKEN),
    "null": Kind(Reach.TEXT, _TOKEN),
    "wrong_type": Kind(Reach.TEXT, _TOKEN),
    "depth_bomb": Kind(Reach.TEXT, {**_TOKEN, "depth": _whole(100_000, 1, 10_000_000)}),
    "nan": Kind(Reach.TEXT, {**_TOKEN, "value": Choice(("NaN", "Infinity", "1e999"))}),
    "invalid_utf8": Kind(Reach.TEXT, _TOKEN),
    "split_character": Kind(Reach.STREAM, {**_TOKEN, "interval_ms": Number(20.0)}),
    "lone_surrogate": Kind(Reach.TEXT, _TOKEN),
    "line_separator": Kind(Reach.TEXT, _TOKEN),
    "duplicate_finish": Kind(Reach.STREAM),
    "data_after_done": Kind(Reach.STREAM),
    "error_frame": Kind(
        Reach.STREAM,
        {
            **_TOKEN,
            "form": Choice(("openai", "event", "gateway")),
            "code": Text(ErrorCode.UNAVAILABLE.value, absent=True),
        },
    ),
    "short": Kind(Reach.TEXT, {"tokens": _whole(1)}),
    "empty": Kind(Reach.TEXT),
    "wrong_usage": Kind(Reach.TEXT, {"completion_tokens": _whole(999_999, 0)}),
    "reasoning": Kind(Reach.CHAT_STREAM, {"tokens": _whole(1)}),
    "tool_calls": Kind(Reach.CHAT_STREAM),
    "batch": Kind(Reach.STREAM, {"tokens": _whole(2)}),
}
"""Every kind by its name."""


def problem_between(name: str, values: Mapping[str, Any]) -> str | None:
    """Say what is wrong with values that are each right by themselves."""
    if values.get("after_tokens") is not None and values.get("after_bytes") is not None:
        return "give after_tokens or after_bytes, not both"
    if name == "error_frame" and values["form"] == "gateway":
        known = {None, *(code.value for code in ErrorCode)}
        if values["code"] not in known:
            return f"code: form gateway takes a Protocol code such as {ErrorCode.UNAVAILABLE.value}"
    return None
