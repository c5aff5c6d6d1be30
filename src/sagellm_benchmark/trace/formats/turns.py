"""The turns of a session, each behind the one before it.

In: rows with a session id, in order of time, and when their replies ended where that was recorded.
Out: `turn_index`, and on every turn but the first `depends_on` and `relation`; `think_time_s` where
the end of the turn before is known. Held: one entry a session.
"""

from __future__ import annotations

import msgspec

from sagellm_benchmark.trace.row import Row

_NS_PER_S = 1_000_000_000


class _Turn(msgspec.Struct, gc=False):
    """The last row of a session."""

    request_id: str
    index: int
    ended_ns: int | None


class Turns:
    """Links the rows of one pass."""

    def __init__(self) -> None:
        self._last: dict[int, _Turn] = {}  # by hashes: a million sessions' names take 100 MB

    def link(self, time_ns: int | None, row: Row) -> None:
        """Put a row behind the last one of its session; each row must come once, in order."""
        if row.session_id is None or time_ns is None:
            return
        session, ended_ns = hash(row.session_id), _ended_ns(time_ns, row)
        before = self._last.get(session)
        if before is None:
            row.turn_index = 0
            self._last[session] = _Turn(row.request_id, 0, ended_ns)
            return
        row.turn_index = before.index + 1
        row.depends_on = [before.request_id]
        row.relation = "continue"
        if before.ended_ns is not None:
            row.think_time_s = max(0, time_ns - before.ended_ns) / _NS_PER_S
        before.request_id, before.index, before.ended_ns = row.request_id, row.turn_index, ended_ns


def _ended_ns(time_ns: int, row: Row) -> int | None:
    lasted_s = row.recorded.get("e2e_latency_s") if row.recorded else None
    return None if lasted_s is None else time_ns + round(lasted_s * _NS_PER_S)
