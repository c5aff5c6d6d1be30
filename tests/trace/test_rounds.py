"""Repeated traces."""

from __future__ import annotations

from sagellm_benchmark.trace.changes.rounds import moved, round_salt
from sagellm_benchmark.trace.row import Row


def test_a_row_is_moved_to_its_round():
    """Later rounds come one period behind the other; ids stay unique, and what waits follows."""
    row = {"request_id": "r1", "arrival_time_s": 3.0, "session_id": "s", "depends_on": ["r0", "q"]}
    assert moved(Row(**row), 0, 6.0) == Row(**row)
    assert moved(Row(**row), 2, 6.0) == Row(
        request_id="r1+2", arrival_time_s=15.0, session_id="s+2", depends_on=["r0+2", "q+2"]
    )
    untimed = moved(Row(request_id="r2", depends_on=["r0"]), 1, 6.0)
    assert (untimed.arrival_time_s, untimed.session_id) == (None, None)


def test_every_round_has_a_salt_of_its_own():
    """The first keeps the run's; no later one lives off what an earlier one left in a cache."""
    assert [round_salt("x", number) for number in range(3)] == ["x", "x+1", "x+2"]
    assert round_salt("", 1) == "+1"
