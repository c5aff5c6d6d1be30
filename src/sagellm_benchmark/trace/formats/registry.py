"""The formats that can be read, found by name or by a file's content.

In: a name, or the path of a file. Out: its Format. A new format is one module and one line of
FORMATS. A file that no format or more than one recognises is refused with what was seen in it.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from sagellm_benchmark.errors import InputError, UsageError
from sagellm_benchmark.jsonl import read_lines
from sagellm_benchmark.trace.formats import azure, columns, mooncake, native
from sagellm_benchmark.trace.formats.format import Format, Head, listed, rows_only, separator

FORMATS: tuple[Format, ...] = (
    native.FORMAT,
    mooncake.FORMAT,
    azure.FORMAT,
    columns.FORMAT,
)

_HEAD_LINES = 8


def named(name: str) -> Format:
    """Find a format by its name.

    Raises:
        UsageError: There is none.
    """
    for each in FORMATS:
        if each.name == name:
            return each
    raise UsageError(f"--format: no {name!r}; there are {', '.join(each.name for each in FORMATS)}")


def sniffed(path: Path) -> Format:
    """Find the one format that a file's first lines are of.

    Raises:
        InputError: The file is empty, or its first lines are of no format or of several.
    """
    lines = [line for _, line in islice(rows_only(read_lines(path)), _HEAD_LINES)]
    if not lines:
        raise InputError("the file is empty", path)
    head = _head(lines)
    found = [each for each in FORMATS if each.matches(head)]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(each.name for each in found)
        raise InputError(f"could be {names}: say which with --format", path)
    raise InputError(
        f"no known trace format; the file has {_seen(head)}. Say --format NAME, or "
        "--format columns --map arrival=COLUMN,input_tokens=COLUMN,output_tokens=COLUMN "
        "--time-unit s|ms|rfc3339",
        path,
    )


def _head(lines: list[bytes]) -> Head:
    text = lines[0][:80].decode("utf-8", "replace")
    first = _object(lines[0])
    if first is not None:
        rest = (_object(line) for line in lines[1:])
        return Head((first, *(each for each in rest if each is not None)), (), text)
    cells = lines[0].decode("utf-8", "replace").split(separator(lines[0]).decode())
    table = len(cells) > 1 and all(cell.isprintable() for cell in cells) and cells[0][:1] != "["
    return Head((), tuple(cells) if table else (), text)


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        value = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _seen(head: Head) -> str:
    if head.objects:
        return f"JSON lines with the keys {listed(head.objects[0])}"
    if head.columns:
        return f"a table with the columns {listed(head.columns)}"
    return f"{head.text!r} in its first line"
