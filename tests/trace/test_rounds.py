"""Repeated traces."""

from __future__ import annotations

from itertools import islice

import pytest
from files import native

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.changes.rounds import round_salt, rounds
from sagellm_benchmark.trace.source import open_trace
from sagellm_benchmark.trace.synthesis import uniform


def test_rounds_come_one_behind_the_other(tmp_path):
    """Each round begins one mean gap behind the last; ids stay unique, and what waits follows."""
    rows = [{"session_id": "s"}, {"arrival_time_s": 3.0}]
    waits = {"arrival_time_s": None, "depends_on": ["r0"]}
    found = list(rounds(open_trace(native(tmp_path / "t.jsonl", *rows, waits)), 2).rows())
    assert [(number, row.request_id, row.arrival_time_s) for number, row in found] == [
        (0, "r0", 0.0), (0, "r1", 3.0), (0, "r2", None),
        (1, "r0+1", 6.0), (1, "r1+1", 9.0), (1, "r2+1", None),
    ]  # fmt: skip
    assert (found[3][1].session_id, found[5][1].depends_on) == ("s+1", ["r0+1"])


def test_a_loop_for_ever_has_no_end():
    """Without a number of rounds rows never end, in order of time."""
    rows = list(islice(rounds(uniform(9, 9, 10, rate=5.0), None).rows(), 1000))
    times = [row.arrival_time_s for _, row in rows]
    assert (rows[-1][0], times) == (99, sorted(times))


def test_every_round_has_a_salt_of_its_own():
    """The first keeps the run's; no later one lives off what an earlier one left in a cache."""
    assert [round_salt("x", number) for number in range(3)] == ["x", "x+1", "x+2"]
    assert round_salt("", 1) == "+1"


def test_a_trace_without_a_span_has_no_rounds():
    """Rows that all arrive at once have no length to repeat."""
    with pytest.raises(UsageError, match="--loop: all rows arrive at one instant"):
        rounds(uniform(9, 9, 10, rate=None), 2)
