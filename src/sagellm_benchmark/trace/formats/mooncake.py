"""Mooncake traces, and the extensions that other tools write into them.

In: JSON lines of `timestamp` (ms), `input_length`, `output_length` and `hash_ids` (512-token
blocks; equal ids mean equal prefixes within the file). Also `text_input`, `messages` or `payload`
(a request body) instead of `input_length`; `session_id`; `request_id`; and instead of a timestamp
`delay` (behind the session's last row) or `wait_for`, with `tool_wait_ms`, which become
`depends_on` and `think_time_s`. Out: rows whose block ids cover the prompt exactly: `len ==
ceil(input/512)`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec

from sagellm_benchmark.trace.fields import (
    MAX_TOKENS,
    blocks,
    bounded,
    decoded,
    digits,
    identifier,
    some_input,
    time_ns,
)
from sagellm_benchmark.trace.formats.body import take_body, take_messages
from sagellm_benchmark.trace.formats.format import (
    Format,
    Lines,
    Options,
    Reading,
    rows_only,
    takes_no_map,
)
from sagellm_benchmark.trace.formats.head import Head
from sagellm_benchmark.trace.instant import number_ns
from sagellm_benchmark.trace.order import Timed
from sagellm_benchmark.trace.row import SCHEMA, Header, Row, Source
from sagellm_benchmark.trace.tally import BadRowError

BLOCK_SIZE = 512
_CONTENTS = ("input_length", "text_input", "messages", "payload")
_TIMES = ("timestamp", "delay", "delay_ms", "wait_for")
_NS_PER_MS = 1_000_000
_MAX_MS = 10**15
_UNNAMED = ("strict_priority", "policy_class")


class _Record(msgspec.Struct, omit_defaults=True):
    timestamp: msgspec.Raw = msgspec.Raw()
    input_length: int | None = None
    output_length: int | None = None
    hash_ids: list[int] | None = None
    text_input: str | None = None
    messages: list[dict[str, Any]] | None = None
    payload: dict[str, Any] | None = None
    message_mode: Literal["history", "delta"] | None = None
    request_id: str | int | None = None
    session_id: str | None = None
    delay: float | None = None
    delay_ms: float | None = None
    wait_for: list[str] | None = None
    tool_wait_ms: float | None = None
    tools: list[dict[str, Any]] | None = None
    extra: dict[str, Any] | None = None
    priority: int | None = None
    strict_priority: Any = None
    policy_class: Any = None


class _Plain(msgspec.Struct, forbid_unknown_fields=True):
    """A row as Mooncake itself writes it: a third of the work of the full form."""

    timestamp: int
    input_length: int
    output_length: int
    hash_ids: list[int]


_KEYS = frozenset(_Record.__struct_fields__)
_decode = msgspec.json.Decoder(_Record).decode
_decode_plain = msgspec.json.Decoder(_Plain).decode


def _matches(head: Head) -> bool:
    return bool(head.objects) and all(_looks_like_a_row(each) for each in head.objects)


def _looks_like_a_row(record: dict[str, Any]) -> bool:
    return (
        record.keys() <= _KEYS
        and any(key in record for key in _CONTENTS)
        and any(key in record for key in _TIMES)
        and isinstance(record.get("hash_ids", []), list)
        and not isinstance(record.get("timestamp", 0), str)
    )


def _start(path: Path, lines: Lines, options: Options) -> Reading:
    takes_no_map("mooncake", options)
    header = Header(
        schema=SCHEMA,
        source=Source(name=options.name, format="mooncake"),
        time_resolution_s=1e-3,
        block_size=BLOCK_SIZE,
        hash_scope="file",
        partial_tail_hashed=True,
    )
    return Reading(header, rows_only(lines), _Parser().row)


class _Parser:
    """Turns lines into rows; remembers each session's last row, behind which a `delay` counts."""

    def __init__(self) -> None:
        self._plain = True
        self._sessions: dict[str, tuple[str, int]] = {}

    def row(self, number: int, line: bytes) -> Timed:
        if self._plain:
            try:
                record = _decode_plain(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                self._plain = False  # extended, or bad: the full form says which
            else:
                return _plain_row(number, record)
        return self._extended(number, decoded(_decode, line))

    def _extended(self, number: int, record: _Record) -> Timed:
        row = _content(_request_id(record, number), record, number)
        if record.session_id is not None:
            row.session_id = identifier("session_id", record.session_id)
        self._dependencies(row, record)
        if row.session_id is not None:
            turn = self._sessions[row.session_id][1] + 1 if row.session_id in self._sessions else 0
            self._sessions[row.session_id] = (row.request_id, turn)
            row.turn_index = turn
        return _time(record, row), row

    def _dependencies(self, row: Row, record: _Record) -> None:
        if record.wait_for:
            row.depends_on = [identifier("wait_for", each) for each in record.wait_for]
        elif _delay_ms(record) is not None and row.session_id in self._sessions:
            row.depends_on = [self._sessions[row.session_id][0]]
            row.relation = "continue"
        if row.depends_on:
            row.think_time_s = _wait_s(record)


def _plain_row(number: int, record: _Plain) -> Timed:
    asked, replied, stamp_ms = record.input_length, record.output_length, record.timestamp
    if not 0 < asked <= MAX_TOKENS:
        some_input("input_length", asked)
    if not 0 <= replied <= MAX_TOKENS:
        bounded("output_length", replied)
    row = Row(
        request_id=f"row-{number}",
        input_tokens=asked,
        output_tokens=replied,
        prefix_block_ids=record.hash_ids,
        source_row=number,
    )
    if len(record.hash_ids) != -(-asked // BLOCK_SIZE):
        blocks(row, "hash_ids", BLOCK_SIZE, partial_tail_hashed=True)
    if not 0 <= stamp_ms <= _MAX_MS:
        raise BadRowError("timestamp", f"{digits(stamp_ms)} is not between 0 and {_MAX_MS}")
    return stamp_ms * _NS_PER_MS, row


def _request_id(record: _Record, number: int) -> str:
    if record.request_id is None:
        return f"row-{number}"
    return identifier("request_id", str(record.request_id))


def _content(request_id: str, record: _Record, number: int) -> Row:
    given = [name for name in _CONTENTS if getattr(record, name) is not None]
    if len(given) != 1:
        raise BadRowError("row", f"needs exactly one of {', '.join(_CONTENTS)}")
    row = Row(
        request_id=request_id,
        output_tokens=record.output_length,
        prefix_block_ids=record.hash_ids,
        prompt=record.text_input,
        message_mode=record.message_mode,
        tools=record.tools,
        extra_body=record.extra,
        priority=record.priority,
        source_row=number,
    )
    unnamed = {name: getattr(record, name) for name in _UNNAMED}
    row.source_fields = {key: value for key, value in unnamed.items() if value is not None} or None
    take_messages(row, record.messages)
    if record.payload is not None:
        tools = {"tools": record.tools} if record.tools else {}
        take_body(row, {**record.payload, **tools, **(record.extra or {})}, "payload")
    if record.output_length is not None:
        bounded("output_length", record.output_length)
    if record.input_length is not None:
        row.input_tokens = some_input("input_length", record.input_length)
    blocks(row, "hash_ids", BLOCK_SIZE, partial_tail_hashed=True)
    return row


def _time(record: _Record, row: Row) -> int | None:
    timestamp = bytes(record.timestamp)
    if timestamp and timestamp != b"null":
        return time_ns("timestamp", timestamp, _milliseconds)
    if row.depends_on:
        return None
    raise BadRowError("timestamp", "missing, and there is no row to wait for")


def _milliseconds(text: bytes) -> int:
    return number_ns(text, 6)


def _delay_ms(record: _Record) -> float | None:
    return record.delay if record.delay is not None else record.delay_ms


def _wait_s(record: _Record) -> float:
    wait_ms = (_delay_ms(record) or 0.0) + (record.tool_wait_ms or 0.0)
    if wait_ms < 0:
        raise BadRowError("delay", f"{wait_ms} is negative")
    return wait_ms / 1000


FORMAT = Format(
    name="mooncake",
    about="Mooncake traces and their extensions (JSON lines)",
    matches=_matches,
    start=_start,
    window=256,
)
