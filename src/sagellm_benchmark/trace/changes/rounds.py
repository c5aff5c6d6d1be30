"""A trace again and again, for runs longer than it is: what sets its rounds apart.

In: a row and the number of its round, from 0. Out: the row as it is in that round. From the second
round on ids end in `+1`, `+2`, …, so that they stay unique and no session crosses rounds. A round's
prompts need a salt of their own, or the second would live off the prefix cache that the first has
filled.
"""

from __future__ import annotations

from sagellm_benchmark.trace.row import Row


def moved(row: Row, number: int, period_s: float) -> Row:
    """Move a row to a round, in place.

    Args:
        row: As the trace has it.
        number: Of the round; the first, 0, is the trace itself.
        period_s: From the start of one round to that of the next.
    """
    if number == 0:
        return row
    if row.arrival_time_s is not None:
        row.arrival_time_s += number * period_s
    row.request_id = f"{row.request_id}+{number}"
    row.depends_on = [f"{name}+{number}" for name in row.depends_on]
    if row.session_id is not None:
        row.session_id = f"{row.session_id}+{number}"
    return row


def round_salt(salt: str, number: int) -> str:
    """The salt of a round's prompts; the first round has the run's own."""
    return f"{salt}+{number}" if number else salt
