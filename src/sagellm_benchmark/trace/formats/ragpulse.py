"""RAGPulse traces: questions to a university's assistant that looks things up.

In: JSON lines of `timestamp` (whole seconds, as a string), `input_length`, `output_length`,
`session_id` and `hash_ids`, an object of five lists. Out: rows on a grid of one second; the turns
of a session wait for one another, without a think time, since the end of the replies was not
recorded. The ids name parts of a prompt (system prompt, passages, history, …) whose lengths are
not in the file, and no prefixes: they are kept as `source_fields`, and no prefix blocks are made.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from sagellm_benchmark.trace.fields import bounded, decoded, identifier, some_input, time_ns
from sagellm_benchmark.trace.formats.format import (
    Format,
    Lines,
    Options,
    Reading,
    rows_only,
    takes_no_map,
)
from sagellm_benchmark.trace.formats.head import Head
from sagellm_benchmark.trace.formats.turns import Turns
from sagellm_benchmark.trace.instant import seconds_ns
from sagellm_benchmark.trace.order import Timed
from sagellm_benchmark.trace.row import SCHEMA, Header, Row, Source

_NEEDED = {"timestamp", "input_length", "output_length", "hash_ids"}


class _Record(msgspec.Struct):
    timestamp: str | int
    input_length: int
    output_length: int
    hash_ids: dict[str, list[int]]
    session_id: str | None = None


_decode = msgspec.json.Decoder(_Record).decode


def _matches(head: Head) -> bool:
    return bool(head.objects) and all(
        each.keys() >= _NEEDED and isinstance(each["hash_ids"], dict) for each in head.objects
    )


def _start(path: Path, lines: Lines, options: Options) -> Reading:
    takes_no_map("ragpulse", options)
    header = Header(
        schema=SCHEMA,
        source=Source(name=options.name, format="ragpulse"),
        time_resolution_s=1.0,
    )
    return Reading(header, rows_only(lines), _row, link=Turns().link)


def _row(number: int, line: bytes) -> Timed:
    record = decoded(_decode, line)
    row = Row(
        request_id=f"row-{number}",
        input_tokens=some_input("input_length", record.input_length),
        output_tokens=bounded("output_length", record.output_length),
        source_row=number,
        source_fields={"hash_ids": record.hash_ids},
    )
    if record.session_id is not None:
        row.session_id = identifier("session_id", record.session_id)
    return time_ns("timestamp", str(record.timestamp).encode(), seconds_ns), row


FORMAT = Format(
    name="ragpulse",
    about="RAGPulse traces (JSON lines)",
    matches=_matches,
    start=_start,
    window=2048,
)
