"""A run on its way to its first request, which somebody may interrupt.

Locust knows of no test before `test_start` has returned, and its Stop does nothing until then. What
is done inside the block of a `Start` is thrown out of it, where it waits, by `interrupt`.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

import gevent

from sagellm_benchmark.errors import UsageError


class Start:
    """The block in which a run is prepared; one at a time."""

    def __init__(self) -> None:
        self._greenlet: Any = None

    def __enter__(self) -> None:
        """From here on it can be interrupted."""
        self._greenlet = gevent.getcurrent()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """The run is on, or cannot be."""
        self._greenlet = None

    @property
    def on(self) -> bool:
        """Whether a run is being prepared."""
        return self._greenlet is not None

    def interrupt(self) -> None:
        """End it with a `UsageError`, and wait until that is dealt with."""
        greenlet = self._greenlet
        if greenlet is not None:
            gevent.get_hub().loop.run_callback(self._throw)
            greenlet.join()

    def _throw(self) -> None:
        # From the hub, where nobody else runs: it waits inside the block, or has left it.
        if self._greenlet is not None:
            self._greenlet.throw(UsageError("stopped before any load was sent"))
