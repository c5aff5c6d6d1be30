"""The turns of sessions."""

from __future__ import annotations

import pytest

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.formats.turns import Turns
from sagellm_benchmark.trace.row import Row

S = 1_000_000_000


def turn(name, session, *, lasted_s=None, source_row=None):
    """A row of a session."""
    recorded = None if lasted_s is None else {"e2e_latency_s": lasted_s}
    return Row(request_id=name, session_id=session, recorded=recorded, source_row=source_row)


def linked(*rows):
    """Rows that come a second apart, put behind one another."""
    turns = Turns()
    for at_s, row in enumerate(rows):
        turns.link(at_s * S, row)
    return rows


def test_a_turn_waits_for_the_one_before():
    """Whatever the rows are named after: their number, a name of their own, or both by turns."""
    rows = linked(
        turn("row-1", "a", source_row=1),
        turn("x", "b", source_row=2),
        turn("row-9", "a", source_row=3),
        turn("y", "b", source_row=4),
        turn("row-5", "a", source_row=5),
        turn("row-6", "b", source_row=6),
        turn("row-7", "b", source_row=7),
    )
    assert [row.depends_on for row in rows] == [
        [],
        [],
        ["row-1"],
        ["x"],
        ["row-9"],
        ["y"],
        ["row-6"],
    ]
    assert [row.turn_index for row in rows] == [0, 0, 1, 1, 2, 2, 3]
    assert [row.relation for row in rows] == [None, None, *["continue"] * 5]


def test_the_user_thinks_from_the_end_of_the_reply():
    """What the reply took is no thinking; where nobody knows, there is no think time."""
    rows = linked(
        turn("row-1", "a", lasted_s=0.25), turn("row-2", "a"), turn("row-3", "a", lasted_s=5.0),
        turn("row-4", "a"),
    )  # fmt: skip
    assert [row.think_time_s for row in rows] == [None, 0.75, None, 0.0]


def test_a_row_of_no_session_is_nobodys_turn():
    """It stays as it is, and so does one without a time."""
    alone = turn("row-1", None)
    linked(alone)
    assert (alone.turn_index, alone.depends_on) == (None, [])
    late = turn("row-2", "a")
    Turns().link(None, late)
    assert (late.turn_index, late.depends_on) == (None, [])


def test_a_reply_that_ends_in_centuries_is_refused():
    """The unit of the times is wrong: the error names the row."""
    with pytest.raises(UsageError, match="request row-1 ends over 292 years"):
        Turns().link(0, turn("row-1", "a", lasted_s=1e11))
