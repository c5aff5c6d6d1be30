"""Where a loop takes its requests from: a plan of its own, or rows that are handed to it.

Out comes the next request, or None where there is none now; `over` tells whether there will be one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from sagellm_benchmark.schedule.planned import Planned


class Supply(Protocol):
    """Requests, in the order in which they are to be sent.

    Attributes:
        over: There will be no more.
        grows: Requests may come in while the load is on.
    """

    grows: bool

    @property
    def over(self) -> bool: ...  # noqa: D102

    def take(self) -> Planned | None:
        """The next request; None where there is none now."""


class Pass:
    """One pass over a plan.

    Args:
        planned: Its requests.
    """

    grows = False

    def __init__(self, planned: Iterator[Planned]) -> None:
        self._planned = planned
        self.over = False

    def take(self) -> Planned | None:
        """The next request; None behind the last."""
        planned = next(self._planned, None)
        self.over = planned is None
        return planned
