"""A trace again and again, for runs longer than it is.

In: a Trace. Out: rounds of its rows, one behind the other, one mean gap between, without an end if
none is asked for. From the second round on ids end in `+1`, `+2`, …, so that they stay unique. A
round's prompts need a salt of their own, or the second would live off the prefix cache that the
first has filled: `round_salt`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.row import Row
from sagellm_benchmark.trace.source import Trace


@dataclass(frozen=True)
class Rounds:
    """A repeated trace.

    Attributes:
        trace: What is repeated.
        times: How often; None for ever.
        period_s: From the start of one round to that of the next.
    """

    trace: Trace
    times: int | None
    period_s: float

    def rows(self) -> Iterator[tuple[int, Row]]:
        """Begin a new pass: the round, counted from 0, and the row."""
        for number in count() if self.times is None else range(self.times):
            for row in self.trace.counted(self.trace.tally()):
                yield number, self._moved(row, number)

    def _moved(self, row: Row, number: int) -> Row:
        if number == 0:
            return row
        if row.arrival_time_s is not None:
            row.arrival_time_s += number * self.period_s
        row.request_id = f"{row.request_id}+{number}"
        row.depends_on = [f"{name}+{number}" for name in row.depends_on]
        if row.session_id is not None:
            row.session_id = f"{row.session_id}+{number}"
        return row


def rounds(trace: Trace, times: int | None) -> Rounds:
    """Repeat a trace; its length takes a pass.

    Raises:
        UsageError: It has no length: all rows arrive at one instant.
    """
    rows, first_s, last_s = 0, 0.0, 0.0
    for row in trace.counted(trace.tally()):
        if row.arrival_time_s is not None:
            last_s = row.arrival_time_s
            first_s = first_s if rows else last_s
            rows += 1
    if last_s <= first_s:
        raise UsageError("--loop: all rows arrive at one instant, so a round has no length")
    return Rounds(trace, times, (last_s - first_s) * rows / (rows - 1))


def round_salt(salt: str, number: int) -> str:
    """The salt of a round's prompts; the first round has the run's own."""
    return f"{salt}+{number}" if number else salt
