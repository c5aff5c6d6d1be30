"""A worker's records on their way: its segment on disk is what waits, so nothing grows in memory.

In: the segment as it grows, and how much of it the coordinator has. Out: letters with its bytes, in
order, a bounded number of them under way. What was sent and not acknowledged can be sent again, and
is known there by its place.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from sagellm_benchmark.load.cluster.letters import LETTER_BYTES, Batch

UNDER_WAY = 8 * LETTER_BYTES


class Outbox:
    """Sends one segment.

    Args:
        run: Name of the run.
        path: The segment.
        send: Sends a letter.

    Attributes:
        there: Bytes that have arrived.
    """

    def __init__(self, run: str, path: Path, send: Callable[[Batch], None]) -> None:
        self._run = run
        self._send = send
        self._file = os.open(path, os.O_RDONLY)
        self._sent = 0
        self.there = 0

    @property
    def size(self) -> int:
        """Bytes that are on disk."""
        return os.fstat(self._file).st_size

    @property
    def waiting(self) -> int:
        """Bytes that have not been sent."""
        return self.size - self._sent

    @property
    def empty(self) -> bool:
        """Whether the coordinator has all that is on disk."""
        return self.there == self.size

    def post(self) -> None:
        """Send what is new, as much of it as may be under way."""
        size = self.size
        while self._sent < size and self._sent - self.there < UNDER_WAY:
            data = os.pread(self._file, LETTER_BYTES, self._sent)
            self._send(Batch(run=self._run, offset=self._sent, data=data))
            self._sent += len(data)

    def acknowledged(self, offset: int, *, again: bool = False) -> None:
        """The coordinator has so many bytes, and may have lost what was sent behind them."""
        self.there = max(self.there, offset)
        if again:
            self._sent = self.there

    def repeat(self) -> None:
        """Send again what has not been acknowledged."""
        self._sent = self.there

    def close(self) -> None:
        """Give the file back."""
        os.close(self._file)
