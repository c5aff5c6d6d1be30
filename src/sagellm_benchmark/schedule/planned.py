"""One request of the plan: which row, and when."""

from __future__ import annotations

import msgspec

from sagellm_benchmark.trace.row import Row


class Planned(msgspec.Struct, frozen=True, gc=False):
    """A row with its place in the run.

    Attributes:
        seq: 0, 1, 2, … in the order of the trace.
        due_ns: Nanoseconds after the run's start; None where something else decides: in a closed
            loop a free user, for a row that waits for others the end of those.
        row: What to send.
        think_ns: How long after the end of what it waits for.
        round: Which time the trace is replayed, from 0.
        host: To which of several targets it goes, from 0.
    """

    seq: int
    due_ns: int | None
    row: Row
    think_ns: int = 0
    round: int = 0
    host: int = 0
