"""Any table: CSV or JSON lines, by the columns that the user names.

In: `--map arrival=ts,input_tokens=p,…` (row field = column) and `--time-unit s|ms|rfc3339`. Out:
rows of the mapped fields; an empty cell or a null is absent. Quoted cells may hold separators and
line ends. Names match to the letter, spaces included. Numbers are taken from their text, so no
digit of a time is lost.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from sagellm_benchmark.errors import InputError, UsageError
from sagellm_benchmark.trace.fields import (
    count,
    decoded,
    identifier,
    input_count,
    string,
    time_ns,
)
from sagellm_benchmark.trace.formats.format import (
    Format,
    Lines,
    Options,
    Reading,
    listed,
    rows_only,
)
from sagellm_benchmark.trace.formats.head import Head, separator
from sagellm_benchmark.trace.instant import instant_ns, number_ns, seconds_ns
from sagellm_benchmark.trace.order import Timed
from sagellm_benchmark.trace.row import SCHEMA, Header, Row, Source
from sagellm_benchmark.trace.tally import BadRowError

Cells = dict[str, bytes]
"""The text of each mapped field that a record has."""

_TIME_UNITS: Mapping[str, Callable[[bytes], int]] = {
    "s": seconds_ns,
    "ms": lambda text: number_ns(text, 6),
    "rfc3339": instant_ns,
}
_COUNTS = ("output_tokens", "max_tokens", "turn_index")
_TEXTS = ("session_id", "tenant_id", "user_id", "request_class", "model")
_CONTENTS = ("input_tokens", "prompt", "messages")
FIELDS = ("arrival", "request_id", *_CONTENTS, *_COUNTS, *_TEXTS)

_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode
_decode_messages = msgspec.json.Decoder(list[dict]).decode


def parse_map(text: str) -> dict[str, str]:
    """Read `field=column,field=column`.

    Raises:
        UsageError: It has another form, an unknown field, or one field twice.
    """
    mapping: dict[str, str] = {}
    for pair in text.split(","):
        name, equals, column = pair.partition("=")
        name = name.strip()
        if not equals or not column:
            raise UsageError(f"--map: {pair!r} is not FIELD=COLUMN")
        if name not in FIELDS:
            raise UsageError(f"--map: no field {name!r}; there are {', '.join(FIELDS)}")
        if name in mapping:
            raise UsageError(f"--map: {name} is named twice")
        mapping[name] = column
    return mapping


def _start(path: Path, lines: Lines, options: Options) -> Reading:
    time_of = _checked(options)
    first = next(lines, (1, b""))
    from_objects = first[1].lstrip().startswith(b"{")
    table = _objects if from_objects else _cells
    header = Header(schema=SCHEMA, source=Source(name=options.name, format="columns"))
    records = table(path, _chained(first, lines), options.mapping)
    return Reading(header, records, _Parser(time_of).row, wall=options.time_unit == "rfc3339")


def _checked(options: Options) -> Callable[[bytes], int]:
    """Refuse a mapping that cannot make a row, and give the reader of its times."""
    mapping = options.mapping
    if "arrival" not in mapping or not any(name in mapping for name in _CONTENTS):
        raise UsageError(
            "--format columns: --map must name arrival and one of input_tokens, prompt, messages, "
            "such as arrival=ts,input_tokens=prompt_len"
        )
    if options.time_unit is None or options.time_unit not in _TIME_UNITS:
        raise UsageError(f"--format columns: say --time-unit {'|'.join(_TIME_UNITS)}")
    return _TIME_UNITS[options.time_unit]


def _chained(first: tuple[int, bytes], lines: Lines) -> Lines:
    yield first
    yield from lines


def _objects(path: Path, lines: Lines, mapping: Mapping[str, str]) -> Iterator[tuple[int, object]]:
    """Give each JSON line with the mapping; it is decoded where a bad one can be counted."""
    return ((number, (line, mapping)) for number, line in rows_only(lines))


def _cells(path: Path, lines: Lines, mapping: Mapping[str, str]) -> Iterator[tuple[int, object]]:
    """Split a table into the mapped cells of each row."""
    first = next(lines)
    reader = csv.reader(
        _texts(path, _chained(first, lines)), delimiter=separator(first[1]).decode()
    )
    try:
        columns = next(reader)
        missing = [column for column in mapping.values() if column not in columns]
        if missing:
            raise InputError(
                f"no column {listed(missing)}; there are {listed(columns)}", path, first[0]
            )
        at = {name: columns.index(column) for name, column in mapping.items()}
        for row in reader:
            if row:
                yield reader.line_num, _picked(row, at, len(columns))
    except csv.Error as error:
        raise InputError(f"no table: {error}", path, reader.line_num) from None


def _picked(row: list[str], at: Mapping[str, int], width: int) -> Cells | int:
    """The mapped cells, or the row's width where it is not the header's."""
    if len(row) != width:
        return len(row)
    return {name: row[index].encode() for name, index in at.items() if row[index]}


def _texts(path: Path, lines: Lines) -> Iterator[str]:
    return (_decoded_text(path, number, line) for number, line in lines)


def _decoded_text(path: Path, number: int, line: bytes) -> str:
    try:
        return line.decode() + "\n"
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8: {error.reason}", path, number) from None


class _Parser:
    """Turns a record into a row."""

    def __init__(self, time_of: Callable[[bytes], int]) -> None:
        self._time_of = time_of

    def row(self, number: int, record: object) -> Timed:
        cells = _fields(record)
        if "arrival" not in cells:
            raise BadRowError("arrival", "missing")
        if not any(name in cells for name in _CONTENTS):
            raise BadRowError("input_tokens", "missing, and so is any content")
        return time_ns("arrival", cells["arrival"], self._time_of), _row(number, cells)


def _fields(record: Any) -> Cells:
    if isinstance(record, dict):
        return record
    if isinstance(record, int):
        raise BadRowError("columns", f"{record} cells, which is not what the header has")
    line, mapping = record
    values = decoded(_decode_object, line)
    texts = {name: _text(name, values[col]) for name, col in mapping.items() if col in values}
    return {name: text for name, text in texts.items() if text}


def _text(name: str, raw: msgspec.Raw) -> bytes:
    value = bytes(raw)
    if value == b"null":
        return b""
    return decoded(_decode_text, value).encode() if value.startswith(b'"') else value


def _row(number: int, cells: Cells) -> Row:
    row = Row(request_id=f"row-{number}", source_row=number)
    if "request_id" in cells:
        row.request_id = identifier("request_id", string("request_id", cells["request_id"]))
    if "input_tokens" in cells:
        row.input_tokens = input_count("input_tokens", cells["input_tokens"])
    for name in _COUNTS:
        if name in cells:
            setattr(row, name, count(name, cells[name]))
    for name in _TEXTS:
        if name in cells:
            setattr(row, name, identifier(name, string(name, cells[name])))
    if "messages" in cells:
        row.messages = decoded(_decode_messages, cells["messages"])
    elif "prompt" in cells:
        row.prompt = string("prompt", cells["prompt"])
    return row


def _matches(head: Head) -> bool:
    """Nothing is of this format by itself: it takes a mapping."""
    return False


FORMAT = Format(
    name="columns",
    about="any CSV or JSON lines, by --map and --time-unit",
    matches=_matches,
    start=_start,
    window=16384,
)
