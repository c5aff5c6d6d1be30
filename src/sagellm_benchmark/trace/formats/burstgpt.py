"""BurstGPT traces, with sessions (the third file) and without (the first two).

In: CSV with the columns Timestamp (seconds, whole ones), Model, Request tokens, Response tokens and
Log Type, found by name; Session ID and Elapsed time where the file has them. Out: rows on a grid of
one second. A reply of zero tokens is a failed request: it is kept, with `recorded.failed`. The
turns of a session wait for one another: their think time is the gap less what the turn before took.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from sagellm_benchmark.trace.fields import count, identifier, input_count, string, time_ns
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
from sagellm_benchmark.trace.formats.turns import Turns
from sagellm_benchmark.trace.instant import seconds_ns
from sagellm_benchmark.trace.order import Timed
from sagellm_benchmark.trace.row import SCHEMA, Header, Row, Source

_TIME, _MODEL, _CLASS = "Timestamp", "Model", "Log Type"
_INPUT, _OUTPUT = "Request tokens", "Response tokens"
_SESSION, _ELAPSED = "Session ID", "Elapsed time"
_NEEDED = (_TIME, _MODEL, _INPUT, _OUTPUT, _CLASS)


def _matches(head: Head) -> bool:
    return set(_NEEDED) <= set(head.columns)


def _start(path: Path, lines: Lines, options: Options) -> Reading:
    takes_no_map("burstgpt", options)
    rows = rows_only(lines)
    table = Table(path, rows, _NEEDED, (_SESSION, _ELAPSED))
    header = Header(
        schema=SCHEMA,
        source=Source(name=options.name, format="burstgpt"),
        time_resolution_s=1.0,
    )
    return Reading(header, rows, _Parser(table).row, link=Turns().link)


class _Parser:
    def __init__(self, table: Table) -> None:
        self._table = table

    def row(self, number: int, line: bytes) -> Timed:
        time, model, tokens_in, tokens_out, kind, session, elapsed = self._table.cells(line)
        row = Row(
            request_id=f"row-{number}",
            model=_label(_MODEL, model),
            input_tokens=input_count(_INPUT, tokens_in),
            output_tokens=count(_OUTPUT, tokens_out),
            request_class=_label(_CLASS, kind),
            source_row=number,
        )
        if session:
            row.session_id = identifier(_SESSION, string(_SESSION, session))
        if elapsed:
            row.recorded = {"e2e_latency_s": _elapsed_s(elapsed)}
        if row.output_tokens == 0:
            row.recorded = {**(row.recorded or {}), "failed": True}
        return time_ns(_TIME, time, seconds_ns), row


@lru_cache(maxsize=64)
def _label(field: str, cell: bytes) -> str | None:
    """The text of a column with few different ones; None where the cell is empty."""
    return identifier(field, string(field, cell)) if cell else None


@lru_cache(maxsize=1024)
def _elapsed_s(cell: bytes) -> float:
    """Whole seconds for the most part, and few different ones."""
    return time_ns(_ELAPSED, cell, seconds_ns) / 1e9


FORMAT = Format(
    name="burstgpt",
    about="BurstGPT traces (CSV)",
    matches=_matches,
    start=_start,
    window=256,
)
