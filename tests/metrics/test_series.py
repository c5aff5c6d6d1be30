"""A run over time: every record and count in one point, memory bounded, changes only."""

from __future__ import annotations

import itertools

import msgspec
from tests.metrics.runs import mixed_run

from sagellm_benchmark.metrics.columns import Columns
from sagellm_benchmark.metrics.histogram import Histogram
from sagellm_benchmark.metrics.latency import Latencies
from sagellm_benchmark.metrics.series import CHARTED, Counters, Series
from sagellm_benchmark.metrics.slo import parse_slos
from sagellm_benchmark.record.buckets import BucketCounts

SLOS = parse_slos(["ttft_ms<=70"])


def followed(records, seconds, limit=600, seen=None):
    """A series of a run of so many seconds; `seen` is called behind each sample."""
    series = Series(SLOS, limit=limit)
    for second in range(seconds):
        upto = len(records) * (second + 1) // seconds
        for record in records[len(records) * second // seconds : upto]:
            series.add(record)
        series.sample(second + 1.0, Counters(upto, upto, second % 7, 0))
        if seen is not None:
            seen(series)
    return series


def test_every_second_is_a_point():
    """A short run has a point a second, with the rates of that second."""
    records = mixed_run(40, 1)
    columns = followed(records, 10).columns()
    assert columns["start_s"] == list(range(10))
    assert columns["end_s"] == list(range(1, 11))
    assert columns["offered"] == columns["sent"] == [4.0] * 10
    assert columns["in_flight"] == [second % 7 for second in range(10)]
    done = sum(record.status == "ok" for record in records)
    assert sum(columns["done"]) == done
    assert sum(columns["tokens"]) == sum(record.chunks for record in records)


def test_a_day_costs_no_more_than_an_hour():
    """Points are merged, and nothing is lost: they follow each other and add up."""
    records = mixed_run(300, 2)
    seconds, most = 4_000, 0

    def watch(series):
        nonlocal most
        most = max(most, len(series.points))

    series = followed(records, seconds, limit=40, seen=watch)
    assert 15 <= len(series.points) <= most <= 45
    points = series.points
    assert points[0].start_s == 0 and points[-1].end_s == seconds
    assert all(a.end_s == b.start_s for a, b in itertools.pairwise(points))
    assert sum(point.planned for point in points) == len(records)
    assert sum(point.ok for point in points) == sum(r.status == "ok" for r in records)
    widths = [point.end_s - point.start_s for point in points[:-1]]
    assert max(widths) <= 8 * min(widths)


def test_percentiles_of_merged_points_are_of_all_their_values():
    """Merging adds the counts: the points together hold the histogram of the whole run."""
    records = mixed_run(500, 4)
    series = followed(records, 700, limit=30)
    columns = Columns()
    for record in records:
        columns.add(record)
    rows = Latencies(columns.table())
    for name in CHARTED:
        merged = Histogram()
        for point in series.points:
            if name in point.latencies:
                merged.add_counts(msgspec.msgpack.decode(point.latencies[name], type=BucketCounts))
        expected = Histogram()
        if name == "itl_ms":
            for record in records:
                if record.status == "ok":
                    expected.add(record.metrics["itl_list"])
        elif name == "dispatch_lag_ms":
            values = rows.dispatch_lag_ms
            expected.add(values[values == values])
        else:
            values = rows[name][rows.ok]
            expected.add(values[values == values])
        assert merged.counts() == expected.counts(), name


def test_asking_for_changes_gives_the_whole():
    """Whoever asks now and then, and replaces what points cover, has what a newcomer gets."""
    held: dict[float, tuple] = {}
    revision = 0

    def poll(series):
        nonlocal revision
        if series.revision % 5:
            return
        columns = series.columns(revision)
        revision = series.revision
        for row in zip(*columns.values(), strict=True):
            for start_s in [start for start in held if row[0] <= start < row[1]]:
                del held[start_s]
            held[row[0]] = row

    series = followed(mixed_run(200, 6), 400, limit=50, seen=poll)
    assert series.revision % 5 == 0
    whole = list(zip(*series.columns().values(), strict=True))
    assert [held[start_s] for start_s in sorted(held)] == whole
    assert len(series.columns(series.revision)["start_s"]) == 0


def test_counters_never_run_backwards():
    """Token frames of a request that has ended are counted once, and no rate is below zero."""
    series = Series()
    series.sample(1.0, Counters(planned=5, sent=5, in_flight=5, tokens_in_flight=90))
    series.sample(2.0, Counters(planned=5, sent=5, in_flight=4, tokens_in_flight=70))
    series.sample(2.0, Counters(planned=6, sent=6, in_flight=4, tokens_in_flight=95))
    columns = series.columns()
    assert columns["tokens"] == [90.0, 0.0, None]  # a point of no length has no rate
    assert columns["offered"] == [5.0, 0.0, None]


def test_a_closed_loop_has_no_lag():
    """Without a schedule there is nothing to be late for."""
    series = Series(closed=True)
    for record in mixed_run(20, 7):
        series.add(record)
    series.sample(1.0, Counters(20, 20))
    assert series.columns()["dispatch_lag_ms.p99"] == [None]
    assert series.columns()["e2e_ms.p50"] != [None]
