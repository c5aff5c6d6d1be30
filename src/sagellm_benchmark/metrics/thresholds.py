"""When a run is no measurement any more, and when to look closer; they stand in `run.json`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The limits of the verdict.

    Attributes:
        dispatch_lag_ms: Least limit of the dispatch lag's tail.
        dispatch_lag_ttft: That limit as a share of the median TTFT, where this is larger.
        read_lag_ms: Limit of the read lag's tail.
        loop_lag_ms: Limit of the loop lag's tail: as late as the dispatch lag may be.
        stall_ms: An event loop that stands still for longer has stalled; a single write or garbage
            collection that takes longer is warned of.
        stalled_fraction: Limit of the share of sent requests in flight during a stall.
        tail_samples: From here on the tail is p99, under it p95.
        warn_share: Over this share of a limit the run is warned.
        cpu_percent: A generator over this is warned.
        files_share: Over this share of the open files allowed the run is warned.
        ports_share: The same of the local ports.
        connect_errors: So many requests in a row without a connection, before the first answer,
            end the run.
    """

    dispatch_lag_ms: float = 10.0
    dispatch_lag_ttft: float = 0.05
    read_lag_ms: float = 5.0
    loop_lag_ms: float = 10.0
    stall_ms: float = 100.0
    stalled_fraction: float = 0.01
    tail_samples: int = 1000
    warn_share: float = 0.5
    cpu_percent: float = 90.0
    files_share: float = 0.9
    ports_share: float = 0.9
    connect_errors: int = 20
