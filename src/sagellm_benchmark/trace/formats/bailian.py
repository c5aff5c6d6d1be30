"""Alibaba's Qwen-Bailian usage traces.

In: JSON lines of `chat_id`, `parent_chat_id` (-1 at a root), `timestamp` (seconds), `input_length`,
`output_length`, `type`, `turn` (from 1) and `hash_ids` (16-token blocks of the whole prompt,
history included). Out: rows whose block ids cover the prompt exactly. A request waits for its
parent, and has the root's chat as its session; where the parent lies before the trace's first row
it waits for nothing. The end of the replies was not recorded, so there is no think time.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from pathlib import Path
from typing import Annotated

import msgspec

from sagellm_benchmark.trace.fields import (
    blocks,
    bounded,
    decoded,
    identifier,
    some_input,
    time_ns,
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
from sagellm_benchmark.trace.instant import seconds_ns
from sagellm_benchmark.trace.order import Timed
from sagellm_benchmark.trace.row import SCHEMA, Header, Row, Source
from sagellm_benchmark.trace.tally import BadRowError

BLOCK_SIZE = 16
_NEEDED = {"chat_id", "parent_chat_id", "timestamp", "input_length", "output_length"}
_ROOT = -1
_Chat = Annotated[int, msgspec.Meta(ge=_ROOT, le=(1 << 63) - 1)]


class _Record(msgspec.Struct):
    chat_id: _Chat
    parent_chat_id: _Chat
    timestamp: msgspec.Raw
    input_length: int
    output_length: int
    turn: int = 1
    type: str | None = None
    hash_ids: list[int] | None = None


_decode = msgspec.json.Decoder(_Record).decode


def _matches(head: Head) -> bool:
    return bool(head.objects) and all(each.keys() >= _NEEDED for each in head.objects)


def _start(path: Path, lines: Lines, options: Options) -> Reading:
    takes_no_map("bailian", options)
    header = Header(
        schema=SCHEMA,
        source=Source(name=options.name, format="bailian"),
        time_resolution_s=1e-3,
        block_size=BLOCK_SIZE,
        hash_scope="file",
        partial_tail_hashed=True,
    )
    return Reading(header, rows_only(lines), _row, link=_Chats().link)


def _row(number: int, line: bytes) -> Timed:
    record = decoded(_decode, line)
    if record.turn < 1:
        raise BadRowError("turn", f"{record.turn} is not 1 or more")
    row = Row(
        request_id=str(record.chat_id),
        turn_index=bounded("turn", record.turn - 1),
        input_tokens=some_input("input_length", record.input_length),
        output_tokens=bounded("output_length", record.output_length),
        prefix_block_ids=record.hash_ids,
        source_row=number,
    )
    if record.type is not None:
        row.request_class = identifier("type", record.type)
    if record.parent_chat_id != _ROOT:
        row.depends_on = [str(record.parent_chat_id)]
        row.relation = "continue"
    blocks(row, "hash_ids", BLOCK_SIZE, partial_tail_hashed=True)
    return time_ns("timestamp", bytes(record.timestamp), seconds_ns), row


class _Chats:
    """Finds the session of each chat; remembers the root of every one that came before.

    Kept are 16 bytes a chat where their numbers ascend, about 100 of each that does not.
    """

    def __init__(self) -> None:
        self._chats, self._roots = array("q"), array("q")
        self._others: dict[int, int] = {}

    def link(self, _: int | None, row: Row) -> None:
        chat = root = int(row.request_id)
        for name in row.depends_on:
            parent = int(name)
            found = self._root(parent)
            root = parent if found is None else found
            if found is None:
                row.source_fields = {"parent_chat_id": parent}
                row.depends_on = []
                row.relation = None
        row.session_id = str(root)
        last = self._chats[-1] if self._chats else -1
        if chat > last:
            self._chats.append(chat)
            self._roots.append(root)
        else:
            self._others[chat] = root

    def _root(self, chat: int) -> int | None:
        place = bisect_left(self._chats, chat)
        if place < len(self._chats) and self._chats[place] == chat:
            return self._roots[place]
        return self._others.get(chat)


FORMAT = Format(
    name="bailian",
    about="Qwen-Bailian usage traces (JSON lines)",
    matches=_matches,
    start=_start,
    window=2048,
)
