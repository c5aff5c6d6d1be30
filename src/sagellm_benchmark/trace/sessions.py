"""Conversations: how many, how long, and how long their users think.

In: rows. Out: the turns of each session, and the recorded think times. Kept are 8 bytes of each
row in a session, and of each think time.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable

import numpy as np

from sagellm_benchmark.trace.row import Row
from sagellm_benchmark.trace.samples import Sample


class Sessions:
    """The sessions of a trace or a run."""

    def __init__(self) -> None:
        self._rows = array("q")  # hashes: a million sessions' names would take 100 MB
        self._think = array("d")

    def add(self, rows: Iterable[Row]) -> None:
        """Take the next rows."""
        for row in rows:
            if row.session_id is not None:
                self._rows.append(hash(row.session_id))
            if row.think_time_s is not None:
                self._think.append(row.think_time_s)

    def turns(self) -> Sample:
        """Rows of each session; empty without sessions."""
        _, counts = np.unique(np.array(self._rows), return_counts=True)
        return Sample.of(counts.astype(np.float64))

    def think_times(self) -> Sample:
        """Seconds from the end of what a row waits for to the row; empty where none is known."""
        return Sample.of(self._think)
