"""Azure LLM inference traces of 2023 and 2024, and the multimodal one of 2025.

In: CSV with the columns TIMESTAMP, ContextTokens and GeneratedTokens, found by name; 7-digit
fractions, no fraction at all, `Z`, `+00:00` and no zone may be mixed; CRLF and a missing last line
end are fine. Out: rows with exact times from the first one on. NumImages becomes
`modalities.image_count`. There are no sessions and no prefixes in these traces.
"""

from __future__ import annotations

from pathlib import Path

from sagellm_benchmark.errors import InputError
from sagellm_benchmark.trace.fields import count, some_input, time_ns
from sagellm_benchmark.trace.formats.format import (
    Format,
    Head,
    Lines,
    Options,
    Reading,
    rows_only,
    separator,
    takes_no_map,
)
from sagellm_benchmark.trace.instant import instant_ns
from sagellm_benchmark.trace.order import Timed
from sagellm_benchmark.trace.row import SCHEMA, Header, Row, Source
from sagellm_benchmark.trace.tally import BadRowError

_TIME, _INPUT, _OUTPUT, _IMAGES = "TIMESTAMP", "ContextTokens", "GeneratedTokens", "NumImages"
_NEEDED = (_TIME, _INPUT, _OUTPUT)


def _matches(head: Head) -> bool:
    return set(_NEEDED) <= set(head.columns)


def _start(path: Path, lines: Lines, options: Options) -> Reading:
    takes_no_map("azure", options)
    rows = rows_only(lines)
    number, first = next(rows, (1, b""))
    columns = first.decode("utf-8", "replace").split(separator(first).decode())
    missing = [name for name in _NEEDED if name not in columns]
    if missing:
        raise InputError(f"no column {', '.join(missing)} in an Azure trace", path, number)
    header = Header(
        schema=SCHEMA,
        source=Source(name=options.name, format="azure"),
        time_resolution_s=1e-6,
    )
    return Reading(header, rows, _Parser(columns, separator(first)).row, wall=True)


class _Parser:
    def __init__(self, columns: list[str], cell_end: bytes) -> None:
        self._cell_end = cell_end
        self._width = len(columns)
        self._at = [columns.index(name) for name in _NEEDED]
        self._images = columns.index(_IMAGES) if _IMAGES in columns else None

    def row(self, number: int, line: bytes) -> Timed:
        cells = line.split(self._cell_end)
        if len(cells) != self._width:
            raise BadRowError("columns", f"{len(cells)} where the header has {self._width}")
        time, tokens_in, tokens_out = (cells[at] for at in self._at)
        row = Row(
            request_id=f"row-{number}",
            input_tokens=some_input(_INPUT, count(_INPUT, tokens_in)),
            output_tokens=count(_OUTPUT, tokens_out),
            source_row=number,
        )
        if self._images is not None and (images := count(_IMAGES, cells[self._images])):
            row.modalities = {"image_count": images}
        return time_ns(_TIME, time, instant_ns), row


FORMAT = Format(
    name="azure",
    about="Azure LLM inference traces (CSV)",
    matches=_matches,
    start=_start,
    window=2048,
)
