"""A run over time, while it is on: points for charts, and the figures so far beside them.

In go records as they end and, about once a second, a sample of counters; out come points, each of
what came between two instants. There are never more than `limit` points: when there are, neighbours
are merged, a few a sample, so that a run of days costs no more memory and no pause. Percentiles of
merged points are those of all their values. Nothing here looks at a clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from sagellm_benchmark.metrics.columns import Columns
from sagellm_benchmark.metrics.histogram import Histogram
from sagellm_benchmark.metrics.latency import Latencies
from sagellm_benchmark.metrics.slices import Gaps
from sagellm_benchmark.metrics.slo import Slo
from sagellm_benchmark.metrics.stalls import Span
from sagellm_benchmark.metrics.standing import Standing
from sagellm_benchmark.record.buckets import BucketCounts
from sagellm_benchmark.record.record import RequestRecord

LIMIT = 600
MERGES = 4
"""Pairs of points merged a sample: more would hold up the load that is being measured."""
CHARTED = ("ttft_ms", "itl_ms", "tpot_ms", "e2e_ms", "dispatch_lag_ms")
"""Latencies of a point."""
SHOWN = ("p50", "p90", "p99")


class Counters(msgspec.Struct, frozen=True):
    """What is counted of a run, all workers together.

    Attributes:
        planned: Rows that fell due, or were settled without sending.
        sent: Handed to a connection.
        in_flight: Sent and not ended.
        tokens_in_flight: Token frames of those.
    """

    planned: int = 0
    sent: int = 0
    in_flight: int = 0
    tokens_in_flight: int = 0


@dataclass(slots=True)
class Point:
    """What came between two instants.

    Attributes:
        start_s: The first, in seconds of the run.
        end_s: The second.
        revision: The sample that changed it last.
        planned: Requests that fell due.
        sent: Requests sent.
        tokens: Token frames that came.
        in_flight: The most requests on the wire at a sample.
        ok: Requests that ended well.
        failed: Requests that failed.
        measured: Requests that ended, whatever their state.
        good: Those of them that met the objectives.
        latencies: What `Histogram.counts` gave, packed, by the latency's name.
        shown: Quantiles by the latency's name.
    """

    start_s: float
    end_s: float
    revision: int = 0
    planned: int = 0
    sent: int = 0
    tokens: int = 0
    in_flight: int = 0
    ok: int = 0
    failed: int = 0
    measured: int = 0
    good: int = 0
    latencies: dict[str, bytes] = field(default_factory=dict)
    shown: dict[str, dict[str, float | None]] = field(default_factory=dict)

    def count(self, name: str, histogram: Histogram) -> None:
        """Add the values of one latency."""
        packed = self.latencies.get(name)
        if packed is not None:
            histogram.add_counts(_unpack(packed))
        block = histogram.block()
        if block["count"]:
            self.latencies[name] = _pack(histogram.counts())
            self.shown[name] = {stat: block[stat] for stat in SHOWN}

    def merge(self, later: Point) -> None:
        """Take in the point that follows."""
        self.end_s = later.end_s
        self.in_flight = max(self.in_flight, later.in_flight)
        for name in ("planned", "sent", "tokens", "ok", "failed", "measured", "good"):
            setattr(self, name, getattr(self, name) + getattr(later, name))
        for name, packed in later.latencies.items():
            histogram = Histogram()
            histogram.add_counts(_unpack(packed))
            self.count(name, histogram)


class Series:
    """The live figures of one run.

    Args:
        slos: All objectives.
        closed: A closed loop: rows have no due time of their own.
        limit: The most points that are kept.

    Attributes:
        standing: The figures so far.
        counters: Of the last sample.
        elapsed_s: Of the last sample.
        revision: Samples so far.
        points: In order.
        tokens: Token frames that came, those on the wire among them.
    """

    def __init__(
        self, slos: tuple[Slo, ...] = (), *, closed: bool = False, limit: int = LIMIT
    ) -> None:
        self.standing = Standing(slos, closed=closed)
        self.counters = Counters()
        self.elapsed_s = 0.0
        self.revision = 0
        self.points: list[Point] = []
        self._slos = slos
        self._closed = closed
        self._limit = limit
        self._width_s = 0.0
        self._merging: int | None = None
        self.tokens = self._ended_tokens = 0
        self._renew()

    def _renew(self) -> None:
        self._batch = Columns()
        self._gaps = Gaps()

    def add(self, record: RequestRecord) -> None:
        """Take one record, as it comes."""
        self._batch.add(record)
        self._ended_tokens += record.chunks
        if record.status == "ok":
            self._gaps.add(record)
            if not record.warmup and record.sent_s is not None:
                self.standing.add_gaps(record)

    def sample(self, at_s: float, counters: Counters, stalls: Sequence[Span] = ()) -> None:
        """Close what came since the last sample.

        Args:
            at_s: Now, in seconds of the run.
            counters: As they stand now.
            stalls: [start_s, end_s, worker] each, in order: when the event loop stood still.
        """
        self.revision += 1
        batch, gaps = self._batch, self._gaps
        self._renew()
        rows = Latencies(batch.table())
        good = rows.good(self._slos)
        self.standing.add(batch, rows, good)
        flown = rows.table[~np.isnan(rows.table["sent"])]
        self.standing.touched(flown, stalls, batch.workers)
        self._append(self._point(max(at_s, self.elapsed_s), counters, rows, gaps, good))
        self.elapsed_s, self.counters = max(at_s, self.elapsed_s), counters

    def columns(self, since: int = 0) -> dict[str, list[Any]]:
        """The points that have changed after a revision, a list a figure.

        A point takes the place of all that lie between its `start_s` and its `end_s`.
        """
        points = [point for point in self.points if point.revision > since]
        columns: dict[str, list[Any]] = {
            "start_s": [round(point.start_s, 3) for point in points],
            "end_s": [round(point.end_s, 3) for point in points],
            "offered": [_rate(point.planned, point) for point in points],
            "sent": [_rate(point.sent, point) for point in points],
            "done": [_rate(point.ok, point) for point in points],
            "failed": [_rate(point.failed, point) for point in points],
            "tokens": [_rate(point.tokens, point) for point in points],
            "in_flight": [point.in_flight for point in points],
            "good": [point.good / point.measured if point.measured else None for point in points],
        }
        for name in CHARTED:
            for stat in SHOWN:
                columns[f"{name}.{stat}"] = [
                    point.shown[name][stat] if name in point.shown else None for point in points
                ]
        return columns

    def _point(
        self, at_s: float, counters: Counters, rows: Latencies, gaps: Gaps, good: np.ndarray
    ) -> Point:
        before = self.counters
        tokens = max(self._ended_tokens + counters.tokens_in_flight, self.tokens)
        point = Point(
            self.elapsed_s,
            at_s,
            planned=max(counters.planned - before.planned, 0),
            sent=max(counters.sent - before.sent, 0),
            tokens=tokens - self.tokens,
            in_flight=counters.in_flight,
            ok=int(rows.ok.sum()),
            failed=int(rows.failed.sum()),
            measured=int(rows.table.size),
            good=int(good.sum()),
        )
        self.tokens = tokens
        for name in CHARTED:
            if name == "itl_ms":
                histogram = gaps.itl
            elif name == "dispatch_lag_ms" and self._closed:
                continue
            else:
                chosen = rows[name] if name == "dispatch_lag_ms" else rows[name][rows.ok]
                histogram = Histogram()
                histogram.add(np.maximum(chosen[~np.isnan(chosen)], 0.0))
            point.count(name, histogram)
        return point

    def _append(self, point: Point) -> None:
        """Add a point to the last one while that is narrower than all are to be."""
        point.revision = self.revision
        last = self.points[-1] if self.points else None
        if last is not None and last.end_s - last.start_s < self._width_s * 0.75:
            last.merge(point)
            last.revision = self.revision
        else:
            self.points.append(point)
        if len(self.points) >= self._limit and self._merging is None:
            self._width_s = 2 * self.points[-1].end_s / len(self.points)
            self._merging = 0
        for _ in range(MERGES):
            if self._merging is not None:
                self._merging = self._merged(self._merging)

    def _merged(self, number: int) -> int | None:
        """Merge two neighbours that are narrower than all are to be.

        Returns:
            Where to go on; None where all are as wide.
        """
        points = self.points
        if number + 1 >= len(points) - 1:  # the last point is still growing
            return None
        first, second = points[number], points[number + 1]
        if second.end_s - first.start_s <= self._width_s * 1.25:
            first.merge(second)
            first.revision = self.revision
            del points[number + 1]
        return number + 1


def _rate(amount: int, point: Point) -> float | None:
    span_s = point.end_s - point.start_s
    return round(amount / span_s, 3) if span_s > 0 else None


def _pack(counts: BucketCounts) -> bytes:
    return msgspec.msgpack.encode(counts)


def _unpack(packed: bytes) -> BucketCounts:
    return msgspec.msgpack.decode(packed, type=BucketCounts)
