"""TTFT, ITL and TPOT as rows of their own in Locust's statistics.

In go records; out come entries that Locust's page, console, CSV, JSON and report show and that are
no part of Aggregated: they are figures of requests, not requests. They serve the live view, to
three significant digits.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import locust.stats
import numpy as np
from locust.stats import RequestStats

from sagellm_benchmark.record.record import RequestRecord

_LEAST_MS = 1e-3
_FEW = 32
"""Under so many values numpy is the slower one."""


def three_digits(milliseconds: float) -> float:
    """Round to three significant digits: Locust's own two make 1048 ms 1000."""
    if milliseconds <= 0:
        return 0.0
    return round(milliseconds, 2 - math.floor(math.log10(milliseconds)))


def counted(values_ms: Sequence[float]) -> tuple[list[float], list[int]]:
    """Round values as `three_digits` does, and count equal ones.

    Returns:
        The rounded values and how many there are of each.
    """
    if len(values_ms) < _FEW:
        few = Counter(map(three_digits, values_ms))
        return list(few), list(few.values())
    values = np.maximum(values_ms, 0.0)
    exponents = np.floor(np.log10(np.maximum(values, _LEAST_MS))) - 2
    # Multiplied or divided by a whole power of ten, so that equal figures are equal floats.
    up, down = 10.0 ** np.maximum(exponents, 0), 10.0 ** np.maximum(-exponents, 0)
    rounded, counts = np.unique(np.round(values / up * down) * up / down, return_counts=True)
    return rounded.tolist(), counts.tolist()


def use_three_digits() -> None:
    """Let Locust's statistics keep three significant digits; its function is made to be set."""
    stats: Any = locust.stats  # typed to give int
    stats.bucket_response_time = three_digits


class Rows:
    """Writes the extra rows.

    Args:
        stats: Locust's statistics.
    """

    def __init__(self, stats: RequestStats) -> None:
        self._stats = stats

    def add(self, name: str, record: RequestRecord) -> None:
        """Count one request's tokens; only what was observed and went well."""
        if record.status != "ok" or record.sent_s is None or record.first_token_s is None:
            return
        metrics = record.metrics
        self._log(name, "TTFT", (metrics["ttft_ms"],))
        if metrics["itl_list"]:
            self._log(name, "ITL", metrics["itl_list"])
        if "tbt_ms" not in record.unobserved:
            self._log(name, "TPOT", (metrics["tbt_ms"],))

    def _log(self, name: str, kind: str, values_ms: Sequence[float]) -> None:
        """Do what `StatsEntry.log` does, for many values at once.

        A call a token would cost more than reading the token.
        """
        entry: Any = self._stats.get(name, kind)  # its figures are typed int, and floats fit
        count = len(values_ms)
        seconds = int(time.time())
        entry.num_requests += count
        entry.num_reqs_per_sec[seconds] += count
        entry.last_request_timestamp = seconds
        entry.total_response_time += sum(values_ms)
        least = min(values_ms)
        known = entry.min_response_time
        entry.min_response_time = least if known is None else min(known, least)
        entry.max_response_time = max(entry.max_response_time, max(values_ms))
        buckets = entry.response_times
        for bucket, many in zip(*counted(values_ms), strict=True):
            buckets[bucket] += many
