"""The formats that can be read, found by name or by a file's content.

In: a name, or the path of a file. Out: its Format. A new format is one module and one line of
FORMATS. A file that no format or more than one recognises is refused with what was seen in it.
"""

from __future__ import annotations

from pathlib import Path

from sagellm_benchmark.errors import InputError, UsageError
from sagellm_benchmark.trace.formats import (
    azure,
    bailian,
    burstgpt,
    columns,
    litellm,
    mooncake,
    native,
    openai_batch,
    otel,
    ragpulse,
    sharegpt,
)
from sagellm_benchmark.trace.formats.format import Format, listed
from sagellm_benchmark.trace.formats.head import Head, read_head

FORMATS: tuple[Format, ...] = (
    native.FORMAT,
    mooncake.FORMAT,
    azure.FORMAT,
    burstgpt.FORMAT,
    bailian.FORMAT,
    ragpulse.FORMAT,
    sharegpt.FORMAT,
    openai_batch.FORMAT,
    otel.FORMAT,
    litellm.FORMAT,
    columns.FORMAT,
)


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
    head = read_head(path)
    found = [each for each in FORMATS if each.matches(head) and each.documents >= head.document]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(each.name for each in found)
        raise InputError(f"could be {names}: say which with --format", path)
    raise InputError(f"no known trace format; the file has {_seen(head)}. {_way(head)}", path)


def _seen(head: Head) -> str:
    kind = "a JSON document" if head.document else "JSON lines"
    if head.objects:
        return f"{kind} with the keys {listed(head.objects[0])}"
    if head.columns:
        return f"a table with the columns {listed(head.columns)}"
    return f"{head.text!r} in its first line"


def _way(head: Head) -> str:
    names = ", ".join(each.name for each in FORMATS if each is not columns.FORMAT)
    if head.document or not (head.objects or head.columns):
        return f"Formats are {names}: say which with --format"
    return (
        f"Formats are {names}; or --format columns --map arrival=COLUMN,input_tokens=COLUMN,"
        "output_tokens=COLUMN --time-unit s|ms|rfc3339"
    )
