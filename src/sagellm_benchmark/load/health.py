"""What the load cost the process that made it: the loop's stalls, its CPU, the lag of its reads.

In go a timer's own lateness and the samples of the engine; out comes the `generator` block of the
summary. A run that the generator itself spoiled must say so, and says it from here.
"""

from __future__ import annotations

import gc
import resource
import time
from array import array
from typing import Any

from gevent import get_hub

from sagellm_benchmark.clock import NS_PER_MS, now

BEAT_S = 0.02
STALL_MS = 100.0


class Health:
    """Watches the event loop from `start` to `stop`."""

    def __init__(self) -> None:
        self.loop_lags_ms = array("d")
        self.stalls: list[tuple[int, int]] = []
        """Start and end, in nanoseconds, of each time the loop stood still for over 100 ms."""
        self._timer = get_hub().loop.timer(BEAT_S, BEAT_S)
        self._last_ns = 0
        self._began: tuple[float, float] | None = None
        self._cost = (0.0, 0.0)

    def start(self) -> None:
        """Begin; what is loaded by now is taken out of the garbage collector's sight."""
        gc.collect()
        gc.freeze()
        self._last_ns = now()
        self._began = (time.process_time(), time.monotonic())
        self._timer.start(self._beat)

    def stop(self) -> None:
        """The load has ended, or never began; a second call changes nothing."""
        began, self._began = self._began, None
        if began is None:
            return
        self._timer.stop()
        self._timer.close()
        self._cost = (time.process_time() - began[0], time.monotonic() - began[1])
        gc.unfreeze()

    def _beat(self) -> None:
        moment = now()
        lag_ms = (moment - self._last_ns) / NS_PER_MS - BEAT_S * 1000
        self.loop_lags_ms.append(max(lag_ms, 0.0))
        if lag_ms > STALL_MS:
            self.stalls.append((self._last_ns, moment))
        self._last_ns = moment

    def figures(self) -> dict[str, Any]:
        """CPU of this process, in seconds and percent of one core, and its peak memory in MB."""
        cpu_s, wall_s = self._cost
        peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {
            "cpu_s": round(cpu_s, 6),
            "cpu_percent": 100 * cpu_s / wall_s if wall_s > 0 else None,
            "peak_memory_mb": round(peak_kb / 1024, 1),
        }


def raise_file_limit() -> None:
    """Allow as many open files, and so connections, as the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
