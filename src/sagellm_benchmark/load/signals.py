"""SIGINT and SIGTERM: the first ends the run in good order, the second at once.

Locust installs a SIGTERM handler of its own after ours, and both run: ours notes the signal, so
that the run counts as interrupted, Locust's shuts down through `quitting`, where the barrier waits.
"""

from __future__ import annotations

import os
import signal
import sys
import termios
from typing import TYPE_CHECKING, Any, NoReturn

import gevent

from sagellm_benchmark.load.departure import leave
from sagellm_benchmark.load.files import write_html
from sagellm_benchmark.load.finish import EXIT_UNUSABLE

if TYPE_CHECKING:
    from sagellm_benchmark.load.coordinator import Coordinator


class Signals:
    """Listens for the two signals.

    Args:
        coordinator: Whose run they end.

    Attributes:
        received: Name of the first signal that came while a run was on, None before.
    """

    def __init__(self, coordinator: Coordinator) -> None:
        self.received: str | None = None
        self._coordinator = coordinator
        self._count = 0
        self._terminal: list[Any] | None = None

    def install(self) -> None:
        """Take both signals from now on."""
        if sys.stdin is not None and sys.stdin.isatty():
            self._terminal = termios.tcgetattr(sys.stdin)
        gevent.signal_handler(signal.SIGINT, self._interrupt)
        gevent.signal_handler(signal.SIGTERM, self._terminate)

    def _interrupt(self) -> None:
        if self._note("SIGINT"):
            self._call_off()
            leave(self._coordinator.environment)

    def _terminate(self) -> None:
        self._note("SIGTERM")
        self._call_off()
        if self._coordinator.environment.shape_class is not None:
            leave(
                self._coordinator.environment
            )  # Locust takes SIGTERM only after the shape has ended

    def _note(self, name: str) -> bool:
        """Count the signal.

        Returns:
            True for the first; the second does not return.
        """
        self._count += 1
        run = self._coordinator.run
        if self._count > 1:
            self._leave(name)
        if run is not None:
            self.received = name
            flying = run.in_flight
            self._coordinator.clear_line()
            print(
                f"{name}: no more requests; waiting up to {run.settings.stop_timeout_s:g} s for "
                f"{flying} on the wire (again: leave at once)",
                file=sys.stderr,
                flush=True,
            )
        return True

    def _call_off(self) -> None:
        """End a run that waits for its workers: Locust would go on to wait for them."""
        self._coordinator.waiting.call_off("interrupted before any load was sent")

    def _leave(self, name: str) -> NoReturn:
        """Leave at once: what is recorded is kept, and the terminal is as Locust found it."""
        run = self._coordinator.run
        if run is not None:
            run.recorder.close()
        if self._terminal is not None:
            termios.tcsetattr(sys.stdin, termios.TCSANOW, self._terminal)
        print(f"{name} again: leaving at once", file=sys.stderr, flush=True)
        sys.stdout.flush()
        os._exit(EXIT_UNUSABLE)

    def write_skipped_files(self) -> None:
        """Locust writes no HTML report on SIGTERM."""
        if self.received == "SIGTERM":
            write_html(self._coordinator.environment)
