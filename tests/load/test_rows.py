"""TTFT, ITL and TPOT in Locust's statistics: as Locust itself would have counted them."""

from __future__ import annotations

import math
from collections import Counter

import locust.stats
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from locust.stats import RequestStats
from tests.record.outcomes import outcome, record

from sagellm_benchmark.load.rows import Rows, counted, three_digits, use_three_digits
from sagellm_benchmark.wire.states import Status

MILLISECONDS = st.floats(0.001, 1e6, allow_nan=False)


@pytest.mark.parametrize(
    ("exact", "rounded"),
    [
        *((0, 0), (-1, 0), (0.0123456, 0.0123), (1.2345, 1.23), (999.4, 999), (999.6, 1000)),
        *((1048, 1050), (1044.9, 1040), (123456, 123000), (5e-324, 5e-324)),
    ],
)
def test_three_digits(exact, rounded):
    """Three significant digits, of whatever size; nothing below 0."""
    assert three_digits(exact) == rounded


@settings(derandomize=True, deadline=None)
@given(st.lists(MILLISECONDS, min_size=1, max_size=200))
def test_many_values_are_counted_as_one_by_one(values):
    """However many there are, each lands in its bucket, or beside it where it lies on the edge."""
    buckets, counts = counted(values)
    assert sum(counts) == len(values)
    assert len(set(buckets)) == len(buckets)
    got = sorted(Counter(dict(zip(buckets, counts, strict=True))).elements())
    for rounded, exact in zip(got, sorted(values), strict=True):
        step = 10.0 ** (math.floor(math.log10(exact)) - 2)
        assert abs(rounded - exact) <= 0.5001 * step + 1e-12
        assert three_digits(rounded) == pytest.approx(rounded, rel=1e-12)


def test_equal_figures_share_a_bucket_however_they_were_counted():
    """A few at a time or many at once: the same values give the same keys."""
    values = [n / 7 for n in range(1, 5000)]
    few = set().union(*(counted(values[i : i + 20])[0] for i in range(0, len(values), 20)))
    many = set(counted(values)[0])
    assert len(few ^ many) <= 0.01 * len(few)


@pytest.fixture
def stats(monkeypatch):
    """Locust's statistics, with three digits."""
    monkeypatch.setattr(locust.stats, "bucket_response_time", locust.stats.bucket_response_time)
    use_three_digits()
    return RequestStats()


def figures(entry):
    """What a table shows of an entry."""
    return (
        *(entry.num_requests, entry.num_failures, dict(entry.response_times)),
        *(entry.min_response_time, entry.max_response_time),
        *(round(entry.total_response_time, 6), sum(entry.num_reqs_per_sec.values())),
        *(entry.total_content_length, entry.get_response_time_percentile(0.5)),
    )


def test_rows_are_what_locust_would_have_counted(stats):
    """Count, sum, least, most, buckets and rate: as a call of Locust's own log a value."""
    other = RequestStats()
    rows = Rows(stats)
    for tokens in ([1100.5, 1120.5, 1140.5, 1150.75], [1017.25], [1100.0, 1101.125, 1140.0]):
        made = record(0, outcome(tokens=tokens))
        rows.add("chat", made)
        other.get("chat", "TTFT").log(made.metrics["ttft_ms"], 0)
        for gap in made.chunk_gaps_ms:
            other.get("chat", "ITL").log(gap, 0)
        if len(tokens) > 1:
            other.get("chat", "TPOT").log(made.metrics["tbt_ms"], 0)
    assert stats.entries.keys() == other.entries.keys()
    assert {kind for _, kind in stats.entries} == {"TTFT", "ITL", "TPOT"}
    for key, entry in stats.entries.items():
        assert figures(entry) == figures(other.entries[key])
        assert entry.last_request_timestamp == pytest.approx(
            other.entries[key].last_request_timestamp, abs=2
        )


def test_they_are_no_part_of_aggregated(stats):
    """Aggregated counts requests; these are figures of requests."""
    Rows(stats).add("chat", record())
    assert stats.total.num_requests == 0
    assert stats.num_requests == 0


@pytest.mark.parametrize(
    "made",
    [
        outcome(status=Status.TIMEOUT),
        outcome(status=Status.DROPPED, sent=None, tokens=[]),
        outcome(tokens=[]),
    ],
    ids=["failed", "never sent", "no tokens"],
)
def test_only_what_was_seen_and_went_well(stats, made):
    """A request that failed, or had no tokens, leaves no figure."""
    Rows(stats).add("chat", record(0, made))
    assert stats.entries == {}


def test_one_token_has_no_gap(stats):
    """A reply of one token has a TTFT, and neither ITL nor TPOT."""
    Rows(stats).add("chat", record(0, outcome(tokens=[1100.0])))
    assert [kind for _, kind in stats.entries] == ["TTFT"]
