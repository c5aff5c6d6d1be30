"""Who looks on while a run is on, such as the live page: what a coordinator tells."""

from __future__ import annotations

from typing import Protocol

from sagellm_benchmark.load.carried import Carried
from sagellm_benchmark.record.record import RequestRecord


class Watcher(Protocol):
    """Is told of every run of a process, one after the other, and may hold none of it up."""

    def preparing(self) -> None:
        """A start was asked for: the target is asked and the trace read."""

    def refused(self, why: str) -> None:
        """That run cannot be; no load was sent."""

    def began(self, run: Carried) -> None:
        """It is on."""

    def add(self, record: RequestRecord) -> None:
        """One of its requests has ended."""

    def ending(self) -> None:
        """No more is sent; what flies may land."""

    def ended(self, run: Carried) -> None:
        """Its summary is written."""
