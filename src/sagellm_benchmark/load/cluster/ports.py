"""What a crew needs of the world: somebody who carries letters, somebody who keeps records."""

from __future__ import annotations

from typing import Protocol

from sagellm_benchmark.load.cluster.member import Member
from sagellm_benchmark.schedule.planned import Planned


class Post(Protocol):
    """Carries letters to workers."""

    def send(self, key: str, data: bytes) -> bool | None:
        """Send one; False where that worker is not connected any more, None where it must wait."""

    def gone(self, key: str) -> None:
        """A worker is lost."""


class Keeper(Protocol):
    """Keeps what comes of the rows."""

    def keep(self, line: bytes) -> int:
        """Keep a record, as it was written; its number."""

    def lose(self, planned: Planned, member: Member) -> None:
        """A row's worker is gone, and nobody knows what became of it."""
