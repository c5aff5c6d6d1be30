"""The turns of a session, each behind the one before it.

In: rows with a session id, in order of time, and when their replies ended where that was recorded.
Out: `turn_index`, and on every turn but the first `depends_on` and `relation`; `think_time_s` where
the end of the turn before is known. Held: one entry a session.
"""

from __future__ import annotations

from sagellm_benchmark.trace.row import Row

_NS_PER_S = 1_000_000_000


class Turns:
    """Links the rows of one pass."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[str, int, int | None]] = {}

    def link(self, time_ns: int | None, row: Row) -> None:
        """Put a row behind the last one of its session; each row must come once, in order."""
        if row.session_id is None or time_ns is None:
            return
        before = self._last.get(row.session_id)
        row.turn_index = 0
        if before is not None:
            request_id, turn, ended_ns = before
            row.turn_index = turn + 1
            row.depends_on = [request_id]
            row.relation = "continue"
            if ended_ns is not None:
                row.think_time_s = max(0, time_ns - ended_ns) / _NS_PER_S
        self._last[row.session_id] = (row.request_id, row.turn_index, _ended_ns(time_ns, row))


def _ended_ns(time_ns: int, row: Row) -> int | None:
    lasted_s = (row.recorded or {}).get("e2e_latency_s")
    return None if lasted_s is None else time_ns + round(lasted_s * _NS_PER_S)
