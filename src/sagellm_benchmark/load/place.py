"""Where a process stands among those that share a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sagellm_benchmark.clock import Anchor


@dataclass(frozen=True)
class Place:
    """Where a process stands among those that share a run.

    Attributes:
        worker: Its name.
        records: Where its segment lies.
        anchor: The run's tie between this process's clock and the wall.
        first_seq: Number of its first request, where no plan numbers them.
        stride: From one such number to the next.
    """

    worker: str
    records: Path
    anchor: Anchor
    first_seq: int = 0
    stride: int = 1
