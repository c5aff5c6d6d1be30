"""Records as CSV: one line a record, harmless in a spreadsheet.

In: records. Out: lines in UTF-8. Null is an empty cell, a list is JSON. Text that a spreadsheet
would take for a formula gets an apostrophe in front: names and messages come from anywhere.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from io import StringIO
from typing import Any

import msgspec

from sagellm_benchmark.record.record import RequestRecord
from sagellm_benchmark.report.export.flat import COLUMNS, row

_FORMULA = tuple("=+-@\t\r\n＝＋－＠")


def csv_lines(records: Iterable[RequestRecord]) -> Iterator[bytes]:
    """The head and a line a record, without line ends."""
    line = StringIO()
    # Older Pythons quote those of these two characters that end a line, and no others.
    writer = csv.writer(line, lineterminator="\r\n")
    for cells in _rows(records):
        writer.writerow(cells)
        yield line.getvalue()[:-2].encode()
        line.seek(0)
        line.truncate()


def _rows(records: Iterable[RequestRecord]) -> Iterator[list[Any]]:
    yield [column.name for column in COLUMNS]
    for record in records:
        yield [_cell(value) for value in row(record)]


def _cell(value: Any) -> Any:
    kind = type(value)
    if value is None or kind is float or kind is int:
        return value
    if kind is str:
        return f"'{value}" if value.startswith(_FORMULA) else value
    return msgspec.json.encode(value).decode()
