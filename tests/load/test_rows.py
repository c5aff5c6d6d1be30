"""Locust's extra rows: three digits, the same figures as Locust's own way, not in Aggregated."""

from __future__ import annotations

import types

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from locust.stats import RequestStats

from sagellm_benchmark.load.rows import Rows, three_digits, use_three_digits

milliseconds = st.floats(0.001, 1e7)


@settings(derandomize=True, deadline=None)
@given(milliseconds)
def test_three_digits_are_kept(value):
    """Rounding errs by half a unit of the third digit at most, and does not err twice."""
    rounded = three_digits(value)
    assert abs(rounded - value) <= value * 0.00501
    assert three_digits(rounded) == pytest.approx(rounded, rel=1e-12)


@pytest.mark.parametrize(("value", "shown"), [(1048, 1050), (8.444, 8.44), (0.1234, 0.123), (0, 0)])
def test_examples_of_three_digits(value, shown):
    """Where Locust's own two digits say 1000 and 8, these say 1050 and 8.44."""
    assert three_digits(value) == shown


def record(status="ok", gaps=(10.0, 30.5), ttft=123.4, first=1.0, unobserved=()):
    """What a row needs of a record."""
    return types.SimpleNamespace(
        status=status,
        sent_s=0.5,
        first_token_s=first,
        chunk_gaps_ms=list(gaps),
        metrics={"ttft_ms": ttft, "tbt_ms": 20.25},
        unobserved=list(unobserved),
    )


@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.lists(milliseconds, min_size=1, max_size=40))
def test_gaps_are_logged_as_locust_would(gaps):
    """A whole list at once leaves an entry as a call a value would have."""
    use_three_digits()
    at_once, singly = RequestStats(), RequestStats()
    Rows(at_once).add("chat", record(gaps=gaps))
    entry, expected = at_once.get("chat", "ITL"), singly.get("chat", "ITL")
    for gap in gaps:
        expected.log(gap, 0)
    assert entry.num_requests == expected.num_requests
    assert entry.response_times == expected.response_times
    assert entry.min_response_time == expected.min_response_time
    assert entry.max_response_time == expected.max_response_time
    assert entry.avg_response_time == pytest.approx(expected.avg_response_time)
    assert entry.get_response_time_percentile(0.5) == expected.get_response_time_percentile(0.5)


def test_rows_are_no_requests():
    """Three rows a reply, and none of them in Aggregated."""
    stats = RequestStats()
    Rows(stats).add("chat", record())
    assert {kind for _, kind in stats.entries} == {"TTFT", "ITL", "TPOT"}
    assert stats.total.num_requests == 0


@pytest.mark.parametrize(
    ("what", "kinds"),
    [
        (record(status="cancelled"), set()),
        (record(first=None), set()),
        (record(gaps=(), unobserved=["tbt_ms"]), {"TTFT"}),
    ],
)
def test_only_what_was_seen_is_shown(what, kinds):
    """A failed reply leaves no figures, and one token neither gaps nor TPOT."""
    stats = RequestStats()
    Rows(stats).add("chat", what)
    assert {kind for _, kind in stats.entries} == kinds
