"""Conversations in ShareGPT's form: texts without times and without token counts.

In: a JSON array of `{"id", "conversations": [{"from", "value"}]}` up to 256 MB, or one of these
objects a line. Out: one row for each time that the human spoke, with the new messages only
(`message_mode` delta): the replies in between are those of the model under test. A first turn
arrives at 0; a later one waits for the turn before it. What a model said before the human's first
word (a conversation that was split) is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from sagellm_benchmark.trace.fields import decoded, identifier
from sagellm_benchmark.trace.formats.document import records
from sagellm_benchmark.trace.formats.format import Format, Lines, Options, Reading, takes_no_map
from sagellm_benchmark.trace.formats.head import Head
from sagellm_benchmark.trace.order import Timed
from sagellm_benchmark.trace.row import SCHEMA, Header, Row, Source
from sagellm_benchmark.trace.tally import BadRowError, DroppedError

_ROLES = {
    **dict.fromkeys(("human", "user"), "user"),
    **dict.fromkeys(("gpt", "chatgpt", "bing", "bard", "assistant", "model"), "assistant"),
    "system": "system",
}


class _Said(msgspec.Struct, rename={"speaker": "from"}):
    speaker: str
    value: str


class _Conversation(msgspec.Struct):
    conversations: list[_Said]
    id: str | int | None = None


@dataclass(frozen=True)
class _Turn:
    """What is new in one request; the turns of a conversation come one after another."""

    session_id: str
    index: int
    messages: list[dict[str, Any]]


_decode = msgspec.json.Decoder(_Conversation).decode


def _matches(head: Head) -> bool:
    return bool(head.objects) and all("conversations" in each for each in head.objects)


def _start(path: Path, lines: Lines, options: Options) -> Reading:
    takes_no_map("sharegpt", options)
    header = Header(schema=SCHEMA, source=Source(name=options.name, format="sharegpt"))
    found = records(path, lines, "jq -c '.[]' FILE > FILE.jsonl")
    return Reading(header, _turns(found), _Parser().row)


def _turns(
    found: Iterator[tuple[int, bytes | bytearray]],
) -> Iterator[tuple[int, _Turn | Exception]]:
    """Spread conversations over their turns; one that has none is still one record."""
    for number, (line, text) in enumerate(found, 1):
        try:
            conversation = decoded(_decode, text)
            session_id = identifier("id", str(conversation.id or f"conversation-{number}"))
            turns = _asked(conversation.conversations)
        except BadRowError as bad:
            yield line, bad
            continue
        if not turns:
            yield line, DroppedError("no_human_turn")
        for index, messages in enumerate(turns):
            yield line, _Turn(session_id, index, messages)


def _asked(said: list[_Said]) -> list[list[dict[str, Any]]]:
    """The messages of each turn: what came since the last reply, the human's word last."""
    turns: list[list[dict[str, Any]]] = []
    new: list[dict[str, Any]] = []
    for place, each in enumerate(said):
        role = _ROLES.get(each.speaker)
        if role is None:
            raise BadRowError(
                f"conversations[{place}].from", f"{each.speaker[:40]!r} is no speaker"
            )
        if role != "assistant":
            new.append({"role": role, "content": each.value})
        elif _has_question(new):
            turns.append(new)
            new = []
    return [*turns, new] if _has_question(new) else turns


def _has_question(messages: list[dict[str, Any]]) -> bool:
    return any(message["role"] == "user" for message in messages)


class _Parser:
    """Turns become rows; remembers the conversation's last row, for which the next one waits."""

    def __init__(self) -> None:
        self._last: str | None = None

    def row(self, number: int, turn: _Turn | Exception) -> Timed:
        if isinstance(turn, Exception):
            raise turn
        if turn.index == 0:
            self._last = None
        if not any(message["content"].strip() for message in turn.messages):
            raise DroppedError("empty_prompt")
        row = Row(
            request_id=f"row-{number}",
            session_id=turn.session_id,
            turn_index=turn.index,
            messages=turn.messages,
            message_mode="delta",
            source_row=number,
        )
        if self._last is not None:
            row.depends_on = [self._last]
            row.relation = "continue"
        self._last = row.request_id
        return (None if row.depends_on else 0), row


FORMAT = Format(
    name="sharegpt",
    about="ShareGPT conversations (a JSON array, or JSON lines)",
    matches=_matches,
    start=_start,
    window=256,
    documents=True,
)
