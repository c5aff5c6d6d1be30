"""What the load cost the process that made it: the loop's lag, pauses, CPU, memory, files, ports.

In go a timer's own lateness and what the system tells; out comes the `generator` block of the
summary. A run that the generator itself spoiled must say so, and says it from here. Nothing here
runs once a token or once a request.
"""

from __future__ import annotations

import gc
import resource
import sys
import time
from array import array
from typing import Any

from gevent import get_hub

from sagellm_benchmark.clock import NS_PER_MS, NS_PER_S, now
from sagellm_benchmark.load.limits import Limits

BEAT_S = 0.02
STALL_MS = 100.0
BEATS_A_LOOK_AT_PORTS = 25
_BEAT_NS = round(BEAT_S * 1000) * NS_PER_MS


class Health:
    """Watches this process from `start` to `stop`."""

    def __init__(self) -> None:
        self.loop_lags_ms = array("d")
        self.stalls: list[tuple[int, int]] = []
        """Start and end, in nanoseconds, of each time the loop stood still for over 100 ms."""
        self._timer = get_hub().loop.timer(BEAT_S, BEAT_S)
        self._last_ns = 0
        self._beats = 0
        self._began: tuple[float, float] | None = None
        self._cost = (0.0, 0.0)
        self._limits = Limits()
        self._collections = Collections()

    def prepare(self) -> None:
        """Take what is loaded by now out of the garbage collector's sight.

        It takes a fifth of a second: before it is known when the first request is due.
        """
        gc.collect()
        gc.freeze()

    def start(self) -> None:
        """Begin."""
        self._collections.watch()
        self._limits.start()
        self._last_ns = now()
        self._began = (time.process_time(), time.monotonic())
        self._timer.again(self._beat, update=True)

    def stop(self) -> None:
        """The load has ended, or never began; a second call changes nothing."""
        if self._began is None:
            return
        self._timer.stop()
        self._timer.close()
        self._cost, self._began = self._spent(), None
        self._collections.unwatch()
        gc.unfreeze()

    def spans(self, origin_ns: int, worker: str) -> list[tuple[float, float, str]]:
        """The stalls: start and end in seconds since the origin, and whose they are."""
        return [
            ((began - origin_ns) / NS_PER_S, (ended - origin_ns) / NS_PER_S, worker)
            for began, ended in self.stalls
        ]

    def _beat(self) -> None:
        moment = now()
        # Each beat is timed from the end of the last: a loop that is late by the same amount every
        # time is late. A repeating timer keeps its own pace, and would hide that.
        lag_ms = (moment - self._last_ns - _BEAT_NS) / NS_PER_MS
        self._note(lag_ms)
        if lag_ms > STALL_MS:
            self.stalls.append((self._last_ns, moment))
        self._limits.look_at_files()
        self._beats += 1
        if self._beats % BEATS_A_LOOK_AT_PORTS == 0:
            self._limits.look_at_ports()
        self._last_ns = now()
        self._timer.again(self._beat, update=True)

    def _note(self, lag_ms: float) -> None:
        """Note a beat's lag, and that of every beat which should have been in the meantime.

        Otherwise a second at a standstill would count no more than a quiet 20 ms.
        """
        self.loop_lags_ms.append(max(lag_ms, 0.0))
        while (lag_ms := lag_ms - BEAT_S * 1000) > 0:
            self.loop_lags_ms.append(lag_ms)

    def _spent(self) -> tuple[float, float]:
        """Seconds of CPU and of time since the start, or from start to stop."""
        if self._began is None:
            return self._cost
        return time.process_time() - self._began[0], time.monotonic() - self._began[1]

    def figures(self) -> dict[str, Any]:
        """What was found so far, by its name in the summary's `generator`."""
        cpu_s, wall_s = self._spent()
        return {
            "cpu_s": round(cpu_s, 6),
            "cpu_percent": 100 * cpu_s / wall_s if wall_s > 0 else None,
            "peak_memory_mb": round(_peak_bytes() / 1024 / 1024, 1),
            "gc": self._collections.figures(),
            **self._limits.figures(),
        }


class Collections:
    """The garbage collector's pauses: nothing else runs meanwhile, no socket is read."""

    def __init__(self) -> None:
        self._count = 0
        self._total_ns = 0
        self._longest_ns = 0
        self._began_ns = 0

    def watch(self) -> None:
        """Count from now on."""
        gc.callbacks.append(self._pass)

    def unwatch(self) -> None:
        """Count no more."""
        gc.callbacks.remove(self._pass)

    def _pass(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self._began_ns = now()
            return
        took_ns = now() - self._began_ns
        self._count += 1
        self._total_ns += took_ns
        self._longest_ns = max(self._longest_ns, took_ns)

    def figures(self) -> dict[str, float]:
        """How often, the longest pause, and all of them."""
        return {
            "count": self._count,
            "max_ms": self._longest_ns / NS_PER_MS,
            "total_ms": self._total_ns / NS_PER_MS,
        }


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
