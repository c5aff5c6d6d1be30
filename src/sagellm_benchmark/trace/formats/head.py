"""The start of a trace file, as far as recognising its format takes.

In: a path. Out: the first lines as JSON objects, or the names of a table's columns, or what the
head of a single JSON document has: the first elements of an array, or the first keys of an object.
Nothing is held but the head, however long the file and its lines.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from sagellm_benchmark.errors import InputError
from sagellm_benchmark.jsonl import read_chunks

_LINES = 8
_MAX_BYTES = 4 << 20
_MAX_LINE = 16 << 20
_PEEKED = 1 << 20
_GAP = re.compile(r"[\s,]*")

_decoder = json.JSONDecoder()


@dataclass(frozen=True)
class Head:
    """The start of a file.

    Attributes:
        objects: Its first JSON objects; of an object that is not whole, the keys so far.
        columns: The names in its first line if that reads as a table's header, else empty.
        text: Its first line, cut, for a person.
        document: The file is a single JSON document, not lines of them.
    """

    objects: tuple[dict[str, Any], ...]
    columns: tuple[str, ...]
    text: str
    document: bool = False


def read_head(path: Path) -> Head:
    """Read the start of a file.

    Raises:
        InputError: The file is empty or cannot be read.
    """
    start = _start(path)
    lines = [line for line in start.splitlines() if line.strip()][:_LINES]
    if not lines:
        raise InputError("the file is empty", path)
    text = lines[0].strip()[:80].decode("utf-8", "replace")
    first = _object(lines[0])
    if first is not None:
        rest = (_object(line) for line in lines[1:])
        return Head((first, *(each for each in rest if each is not None)), (), text)
    if lines[0].lstrip()[:1] in (b"[", b"{"):
        objects = _elements(start.lstrip()[:_PEEKED].decode("utf-8", "replace"))
        return Head(objects, (), text, document=True)
    cells = lines[0].decode("utf-8", "replace").split(separator(lines[0]).decode())
    table = len(cells) > 1 and all(cell.isprintable() for cell in cells)
    return Head((), tuple(cells) if table else (), text)


def separator(line: bytes) -> bytes:
    """Find what separates the cells of a table's first line: a comma, a semicolon or a tab."""
    return max((b",", b";", b"\t"), key=line.count)


def _start(path: Path) -> bytes:
    """The first lines; more than 16 MiB without a line's end are no lines."""
    start, ends = bytearray(), 0
    for chunk in read_chunks(path):
        start += chunk
        ends += chunk.count(b"\n")
        if ends > 2 * _LINES or len(start) > (_MAX_BYTES if ends else _MAX_LINE):
            break
    return bytes(start)


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        value = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _elements(text: str) -> tuple[dict[str, Any], ...]:
    """The first objects of an array, or the one object that the text is the start of."""
    if text[0] == "{":
        return (_partial(text, 0),)
    found: list[dict[str, Any]] = []
    at = 1
    for _ in range(_LINES):
        at = _behind(text, at)
        if text[at : at + 1] != "{":
            break
        value, at = _value(text, at)
        found.append(_partial(text, at) if value is None else value)
        if value is None:
            break
    return tuple(found)


def _partial(text: str, at: int) -> dict[str, Any]:
    """The keys of an object as far as the text has them, None for a value that is not whole."""
    found: dict[str, Any] = {}
    at = _behind(text, at + 1)
    while text.startswith('"', at):
        key, at = _value(text, at)
        colon = _behind(text, at)
        if key is None or text[colon : colon + 1] != ":":
            break
        found[key], end = _value(text, value := _behind(text, colon + 1))
        if end == value:
            break
        at = _behind(text, end)
    return found


def _value(text: str, at: int) -> tuple[Any, int]:
    """A JSON value and where it ends; None and the same place where it is not whole."""
    try:
        return _decoder.raw_decode(text, at)
    except (ValueError, RecursionError):
        return None, at


def _behind(text: str, at: int) -> int:
    """The place of the first character from `at` on that is neither space nor a comma."""
    gap = _GAP.match(text, at)
    return gap.end() if gap else at
