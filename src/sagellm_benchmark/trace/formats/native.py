"""The native format `sagellm.trace/1`, read and written.

In: JSON lines, gzipped or not; line 1 is the header, then one request a line, in order of arrival.
Out: the same header and rows, checked: an id, a time unless the row waits for others, at most one
kind of content, counts within bounds, block ids that cover the prompt. Unknown keys are left to
newer versions; an unknown schema is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from operator import attrgetter
from pathlib import Path

import msgspec

from sagellm_benchmark.errors import InputError
from sagellm_benchmark.jsonl import write_lines
from sagellm_benchmark.trace.fields import (
    MAX_ID,
    MAX_TOKENS,
    blocks,
    bounded,
    decoded,
    identifier,
    some_input,
    take_token_ids,
)
from sagellm_benchmark.trace.formats.format import (
    Format,
    Lines,
    Options,
    Reading,
    rows_only,
    takes_no_map,
)
from sagellm_benchmark.trace.formats.head import Head
from sagellm_benchmark.trace.order import Timed
from sagellm_benchmark.trace.row import SCHEMA, Header, Row
from sagellm_benchmark.trace.tally import BadRowError

_CONTENTS = ("messages", "prompt", "prompt_token_ids")
_RARE_COUNTS = (
    "new_input_tokens",
    "cached_input_tokens",
    "reasoning_output_tokens",
    "max_tokens",
)
_MAX_TIME_S = 1e12

_rare = attrgetter(*_CONTENTS, *_RARE_COUNTS)
_NOTHING_RARE = (None,) * (len(_CONTENTS) + len(_RARE_COUNTS))

_decode_row = msgspec.json.Decoder(Row).decode
_encode = msgspec.json.Encoder().encode


def write(path: str | Path, header: Header, rows: Iterable[Row]) -> None:
    """Write a trace to a new file, gzipped where its name ends in `.gz`.

    Raises:
        UsageError: The file exists or cannot be written.
    """
    write_lines(path, lines(header, rows))


def lines(header: Header, rows: Iterable[Row]) -> Iterator[bytes]:
    """Encode a trace line by line."""
    return map(_encode, chain([header], rows))


def _matches(head: Head) -> bool:
    schema = head.objects[0].get("schema") if head.objects else None
    return isinstance(schema, str) and schema.startswith("sagellm.trace/")


def _start(path: Path, source: Lines, options: Options) -> Reading:
    takes_no_map("native", options)
    rows = rows_only(source)
    number, first = next(rows, (1, b""))
    try:
        schema = msgspec.json.decode(first, type=_Schema).schema
        if schema != SCHEMA:  # before the rest, which it may have changed
            raise InputError(f"{schema!r} is not {SCHEMA!r}", path, number)
        header = msgspec.json.decode(first, type=Header)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"no trace header: {error}", path, number) from None
    if header.block_size is not None and not 1 <= header.block_size <= 1 << 20:
        raise InputError(f"block_size {header.block_size} is not 1 to 2**20", path, number)
    return Reading(header, rows, _Parser(header).row)


class _Schema(msgspec.Struct):
    schema: str


class _Parser:
    """Decodes and checks rows; remembers the last arrival, since the file has to be in order."""

    def __init__(self, header: Header) -> None:
        self._header = header
        self._last_s = 0.0

    def row(self, _: int, line: bytes) -> Timed:
        # Checked in line, and again by the function that says what is wrong: a call for each field
        # of a million rows takes longer than it takes to decode them.
        row = decoded(_decode_row, line)
        arrival_s, replied, asked = row.arrival_time_s, row.output_tokens, row.input_tokens
        name, session, turn = row.request_id, row.session_id, row.turn_index
        if not 0 < len(name) <= MAX_ID or not name.isprintable():
            identifier("request_id", name)
        if session is not None and not (0 < len(session) <= MAX_ID and session.isprintable()):
            identifier("session_id", session)
        if arrival_s is None or not self._last_s <= arrival_s <= _MAX_TIME_S:
            self._check_time(row)
        else:
            self._last_s = arrival_s
        if replied is not None and not 0 <= replied <= MAX_TOKENS:
            bounded("output_tokens", replied)
        if asked is not None and not 0 < asked <= MAX_TOKENS:
            some_input("input_tokens", asked)
        if turn is not None and not 0 <= turn <= MAX_TOKENS:
            bounded("turn_index", turn)
        if row.think_time_s is not None and not 0 <= row.think_time_s <= _MAX_TIME_S:
            raise BadRowError("think_time_s", f"{row.think_time_s} is not 0 or more")
        if _rare(row) != _NOTHING_RARE:  # one look at what most rows have nothing of
            _check_rare(row)
        if row.prefix_block_ids is not None:
            self._blocks(row)
        return None, row

    def _check_time(self, row: Row) -> None:
        arrival_s = row.arrival_time_s
        if arrival_s is None:
            if not row.depends_on:
                raise BadRowError("arrival_time_s", "missing, and there is no depends_on")
        elif not 0 <= arrival_s <= _MAX_TIME_S:
            raise BadRowError("arrival_time_s", f"{arrival_s} is not 0 or more")
        else:
            raise BadRowError(
                "arrival_time_s",
                f"{arrival_s} is earlier than {self._last_s} before it; sort the rows by time",
            )

    def _blocks(self, row: Row) -> None:
        if self._header.block_size is None:
            raise BadRowError("prefix_block_ids", "line 1 has no block_size")
        blocks(
            row,
            "prefix_block_ids",
            self._header.block_size,
            partial_tail_hashed=self._header.partial_tail_hashed,
        )


def _check_rare(row: Row) -> None:
    for name in _RARE_COUNTS:
        if (value := getattr(row, name)) is not None:
            bounded(name, value)
    if sum(getattr(row, name) is not None for name in _CONTENTS) > 1:
        raise BadRowError("row", f"has more than one of {', '.join(_CONTENTS)}")
    if row.prompt_token_ids is not None:
        take_token_ids(row, "prompt_token_ids", row.prompt_token_ids)


FORMAT = Format(
    name="native",
    about="sagellm.trace/1 (JSON lines with a header)",
    matches=_matches,
    start=_start,
    window=0,
)
