"""Azure LLM inference traces of 2023 and 2024, and the multimodal one of 2025.

In: CSV with the columns TIMESTAMP, ContextTokens and GeneratedTokens, found by name; 7-digit
fractions, no fraction at all, `Z`, `+00:00` and no zone may be mixed; CRLF and a missing last line
end are fine. Out: rows with exact times from the first one on. NumImages becomes
`modalities.image_count`. There are no sessions and no prefixes in these traces.
"""

from __future__ import annotations

from pathlib import Path

from sagellm_benchmark.trace.fields import count, input_count, time_ns
from sagellm_benchmark.trace.formats.format import (
    Format,
    Lines,
    Options,
    Reading,
    rows_only,
    takes_no_map,
)
from sagellm_benchmark.trace.formats.head import Head
from sagellm_benchmark.trace.formats.table import Table
from sagellm_benchmark.trace.instant import instant_ns
from sagellm_benchmark.trace.order import Timed
from sagellm_benchmark.trace.row import SCHEMA, Header, Row, Source

_TIME, _INPUT, _OUTPUT, _IMAGES = "TIMESTAMP", "ContextTokens", "GeneratedTokens", "NumImages"
_NEEDED = (_TIME, _INPUT, _OUTPUT)


def _matches(head: Head) -> bool:
    return set(_NEEDED) <= set(head.columns)


def _start(path: Path, lines: Lines, options: Options) -> Reading:
    takes_no_map("azure", options)
    rows = rows_only(lines)
    table = Table(path, rows, _NEEDED, (_IMAGES,))
    header = Header(
        schema=SCHEMA,
        source=Source(name=options.name, format="azure"),
        time_resolution_s=1e-6,
    )
    return Reading(header, rows, _Parser(table).row, wall=True)


class _Parser:
    def __init__(self, table: Table) -> None:
        self._table = table

    def row(self, number: int, line: bytes) -> Timed:
        time, tokens_in, tokens_out, images = self._table.cells(line)
        row = Row(
            request_id=f"row-{number}",
            input_tokens=input_count(_INPUT, tokens_in),
            output_tokens=count(_OUTPUT, tokens_out),
            source_row=number,
        )
        if images and (shown := count(_IMAGES, images)):
            row.modalities = {"image_count": shown}
        return time_ns(_TIME, time, instant_ns), row


FORMAT = Format(
    name="azure",
    about="Azure LLM inference traces (CSV)",
    matches=_matches,
    start=_start,
    window=256,
)
