"""What each call of an agent's session waited for, found from its spans.

In: rows in order of time, when each ended, and what it answered. Out: `depends_on`, the earlier
calls of the session whose answers stand in the messages; where none does, the call that ended last
before this one began; where none had ended, nothing. Calls that another dependency waits for
already are not named again. `think_time_s` runs from the end of the last one. Held: one entry a
call.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import msgspec

from sagellm_benchmark.trace.row import Row

_NS_PER_S = 1_000_000_000

_encode = msgspec.json.Encoder(order="deterministic").encode


@dataclass
class _Session:
    ended_ns: dict[str, int] = field(default_factory=dict)
    depends_on: dict[str, list[str]] = field(default_factory=dict)
    answers: dict[bytes, str] = field(default_factory=dict)


class Causes:
    """Links the rows of one pass."""

    def __init__(self) -> None:
        self._sessions: dict[str, _Session] = {}
        self._replies: dict[int, tuple[int | None, bytes | None]] = {}

    def expect(self, row: Row, end_ns: int | None, answer: dict[str, Any] | None) -> None:
        """Remember how a row ended until it is linked."""
        if row.source_row is not None:
            self._replies[row.source_row] = (end_ns, _digest(answer) if answer else None)

    def link(self, time_ns: int | None, row: Row) -> None:
        """Find what a row waited for; each row must come once, in order."""
        end_ns, answer = self._replies.pop(row.source_row or 0, (None, None))
        if row.session_id is None or time_ns is None:
            return
        session = self._sessions.setdefault(row.session_id, _Session())
        row.turn_index = len(session.depends_on)
        causes = _quoted(session, row) or _latest(session, time_ns)
        if causes:
            row.depends_on = _nearest(session, causes)
            last_ns = max(session.ended_ns.get(each, time_ns) for each in row.depends_on)
            row.think_time_s = max(0, time_ns - last_ns) / _NS_PER_S
        session.depends_on[row.request_id] = row.depends_on
        if end_ns is not None:
            session.ended_ns[row.request_id] = end_ns
        if answer is not None:
            session.answers[answer] = row.request_id


def _quoted(session: _Session, row: Row) -> list[str]:
    """The calls whose answers the messages repeat."""
    said = (each for each in row.messages or () if each.get("role") == "assistant")
    found = (session.answers.get(_digest(each)) for each in said)
    return list(dict.fromkeys(each for each in found if each is not None))


def _latest(session: _Session, time_ns: int) -> list[str]:
    """The call that ended last before a time."""
    ended = [(end, each) for each, end in session.ended_ns.items() if end <= time_ns]
    return [max(ended)[1]] if ended else []


def _nearest(session: _Session, causes: list[str]) -> list[str]:
    """Those of the calls that no other of them waited for, directly or not."""
    behind: set[str] = set()
    for cause in causes:
        waiting = list(session.depends_on[cause])
        while waiting:
            each = waiting.pop()
            if each not in behind:
                behind.add(each)
                waiting += session.depends_on[each]
    return [each for each in causes if each not in behind]


def _digest(message: dict[str, Any]) -> bytes:
    """Tells what an assistant said apart from anything else that one could say."""
    said = [message.get("content"), message.get("tool_calls")]
    return hashlib.blake2b(_encode(said), digest_size=16).digest()
