"""What a person sees while the run is on, twice a second, and the segment flushed once.

In go the run's counters and its records; out goes a snapshot to the progress line. Nothing here is
kept for the summary.
"""

from __future__ import annotations

import math
import sys
from collections import deque
from typing import TYPE_CHECKING, Any

import gevent

from sagellm_benchmark.clock import NS_PER_S, now
from sagellm_benchmark.record.record import RequestRecord
from sagellm_benchmark.report.progress import Progress
from sagellm_benchmark.wire.states import has_left

if TYPE_CHECKING:
    from sagellm_benchmark.load.carried import Carried

INTERVAL_S = 0.5
RECENT_SHOWN = 10
"""Rates are of so many intervals: five seconds."""
RECENT_LAGS = 1000


class Live:
    """The live view of one run.

    Args:
        run: Whose.
    """

    def __init__(self, run: Carried) -> None:
        self._run = run
        self._progress = Progress(sys.stderr, _rows(run))
        self._lags_ms: deque[float] = deque(maxlen=RECENT_LAGS)
        self._tokens = 0
        self._gone = 0
        self._seen: deque[tuple[int, int]] = deque([(now(), 0)], maxlen=RECENT_SHOWN)
        self._greenlet = gevent.spawn(self._watch)

    def add(self, record: RequestRecord) -> None:
        """One more record."""
        self._tokens += record.chunks
        self._gone += has_left(record.status, record.reason)
        if record.sent_s is not None:
            self._lags_ms.append((record.sent_s - record.due_s) * 1000)

    def clear(self) -> None:
        """Make room for a line of somebody else's."""
        self._progress.clear()

    def close(self) -> None:
        """Show the last state and stop."""
        self._greenlet.kill(block=True)
        self._progress.show(self._snapshot())
        self._progress.close()

    def _watch(self) -> None:
        while True:
            gevent.sleep(INTERVAL_S)
            self._run.recorder.flush()
            self._progress.show(self._snapshot())

    def _snapshot(self) -> dict[str, Any]:
        run, moment = self._run, now()
        counts = run.recorder.counts
        tokens = self._tokens + run.tokens_in_flight
        then, tokens_then = self._seen[0]
        self._seen.append((moment, tokens))
        lags = sorted(self._lags_ms)
        elapsed_s = max(moment - run.origin_ns, 0) / NS_PER_S
        span_s = None if run.plan is None or run.settings.untimed else run.plan.total_span_s
        return {
            "elapsed_s": elapsed_s,
            "rows": _rows(run),
            "sent": run.sent,
            "in_flight": run.in_flight,
            "done": counts["ok"],
            "failed": sum(counts.values()) - counts["ok"] - counts["dropped"] - self._gone,
            "gone": self._gone,
            "dropped": counts["dropped"],
            "lag_ms": lags[min(int(len(lags) * 0.99), len(lags) - 1)] if lags else None,
            "tokens_per_s": max(tokens - tokens_then, 0) * NS_PER_S / max(moment - then, 1),
            "left_s": None if span_s in (None, math.inf) else max(span_s - elapsed_s, 0.0),
        }


def _rows(run: Carried) -> int | None:
    """How many requests there will be; None where nobody knows, or for ever."""
    total = math.inf if run.plan is None else run.plan.total_rows
    return None if total == math.inf else int(total)
