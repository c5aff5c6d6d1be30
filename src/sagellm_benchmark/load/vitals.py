"""How the process that makes the load is doing, while it does.

In goes a run; out come, whenever somebody asks, its counters, a line a worker for people, and the
`generator` block that a verdict rests on, as far as the run has come. Nobody asks, nothing is
computed.
"""

from __future__ import annotations

import os
import time
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagellm_benchmark.metrics.histogram import Histogram
from sagellm_benchmark.metrics.series import Counters

if TYPE_CHECKING:
    from sagellm_benchmark.load.run import Run

RECENT_LAGS = 500
"""Worker lines tell the p99 of so many: of the loop's beats these are ten seconds."""
_PAGES = Path("/proc/self/statm")


class Vitals:
    """Of one run in this process.

    Args:
        run: Whose.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._loop_lags, self._read_lags = _Lags(), _Lags()
        self._cpu = (time.process_time(), time.monotonic())

    def counters(self) -> Counters:
        """What is counted now."""
        run = self._run
        return Counters(run.recorder.planned, run.sent, run.in_flight, run.tokens_in_flight)

    def stalls(self) -> list[tuple[float, float, str]]:
        """Each time the loop stood still: [start, end] in seconds of the run, and who did."""
        run = self._run
        return run.health.spans(run.origin_ns, run.place.worker)

    def workers(self) -> list[dict[str, Any]]:
        """A line for this process; its CPU is that since somebody last asked."""
        run, (cpu_s, at_s) = self._run, self._cpu
        self._cpu = (time.process_time(), time.monotonic())
        elapsed_s = self._cpu[1] - at_s
        return [
            {
                "name": run.place.worker,
                "state": "running",
                "cpu_percent": 100 * (self._cpu[0] - cpu_s) / elapsed_s if elapsed_s else None,
                "loop_lag_ms": _recent(run.health.loop_lags_ms),
                "read_lag_ms": _recent(run.engine.read_lags_ms),
                "in_flight": run.in_flight,
                "sent": run.sent,
                "memory_mb": _memory_mb(),
            }
        ]

    def generator(self) -> dict[str, Any]:
        """The summary's block of that name, as far as it is known."""
        run = self._run
        return {
            **run.health.figures(),
            "loop_lag_ms": self._loop_lags.upto_now(run.health.loop_lags_ms),
            "read_lag_ms": self._read_lags.upto_now(run.engine.read_lags_ms),
            "recorder": run.recorder.figures(),
        }


class _Lags:
    """Counts the values of a growing list, each once."""

    def __init__(self) -> None:
        self._histogram = Histogram()
        self._counted = 0

    def upto_now(self, lags_ms: array[float]) -> dict[str, Any]:
        """Their statistics."""
        self._histogram.add(max(lag, 0.0) for lag in lags_ms[self._counted :])
        self._counted = len(lags_ms)
        return self._histogram.block()


def _recent(lags_ms: Sequence[float]) -> float | None:
    lags = sorted(lags_ms[-RECENT_LAGS:])
    return lags[min(int(len(lags) * 0.99), len(lags) - 1)] if lags else None


def _memory_mb() -> float | None:
    """What this process has in memory now; None where the system does not tell."""
    try:
        pages = int(_PAGES.read_text(encoding="ascii").split()[1])
    except OSError:
        return None
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1024 / 1024, 1)
