"""The turns of a session, each behind the one before it.

In: rows with a session id, in order of time, and when their replies ended where that was recorded.
Out: `turn_index`, and on every turn but the first `depends_on` and `relation`; `think_time_s` where
the end of the turn before is known. Held: some 50 bytes a session, and the name of its last row
where that is not made of the row's number.
"""

from __future__ import annotations

from array import array

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.formats.numbering import Numbering
from sagellm_benchmark.trace.row import Row

_NS_PER_S = 1_000_000_000
_UNKNOWN = -1


class Turns:
    """Links the rows of one pass."""

    def __init__(self) -> None:
        self._session = Numbering().number
        # Of each session's last row:
        self._indexes = array("i")
        self._ends_ns = array("q")
        self._rows = array("q")
        self._names: dict[int, str] = {}

    def link(self, time_ns: int | None, row: Row) -> None:
        """Put a row behind the last one of its session; each row must come once, in order.

        Raises:
            UsageError: It ended centuries from now.
        """
        if row.session_id is None or time_ns is None:
            return
        session, indexes = self._session(hash(row.session_id)), self._indexes
        if session == len(indexes):
            row.turn_index = 0
            indexes.append(0)
            self._ends_ns.append(_UNKNOWN)
            self._rows.append(_UNKNOWN)
        else:
            row.turn_index = indexes[session] = indexes[session] + 1
            number, ended_ns = self._rows[session], self._ends_ns[session]
            row.depends_on = [self._names[session] if number == _UNKNOWN else f"row-{number}"]
            row.relation = "continue"
            if ended_ns != _UNKNOWN:
                row.think_time_s = max(0, time_ns - ended_ns) / _NS_PER_S
        try:
            self._ends_ns[session] = _ended_ns(time_ns, row)
        except OverflowError:
            raise UsageError(
                f"request {row.request_id} ends over 292 years after the epoch: is the unit of "
                "the trace's times right?"
            ) from None
        if row.source_row is not None and row.request_id == f"row-{row.source_row}":
            self._rows[session] = row.source_row
        else:
            self._rows[session] = _UNKNOWN
            self._names[session] = row.request_id


def _ended_ns(time_ns: int, row: Row) -> int:
    if row.recorded is None or "e2e_latency_s" not in row.recorded:
        return _UNKNOWN
    return time_ns + round(row.recorded["e2e_latency_s"] * _NS_PER_S)
