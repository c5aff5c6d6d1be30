"""One request of the plan: which row, and when."""

from __future__ import annotations

import msgspec

from sagellm_benchmark.trace.row import Row


class Planned(msgspec.Struct, frozen=True):
    """A row with its place in the run.

    Attributes:
        seq: 0, 1, 2, … in due order.
        due_ns: Nanoseconds after the run's start; None in a closed loop, where a row is due when a
            user is free.
        row: What to send.
    """

    seq: int
    due_ns: int | None
    row: Row
