"""Traces made from numbers."""

from __future__ import annotations

import hashlib
import math
from itertools import pairwise
from statistics import mean, pstdev

import pytest
from files import DEMO

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.conversion import converted
from sagellm_benchmark.trace.formats.native import lines
from sagellm_benchmark.trace.synthesis import demo, uniform


def _arrivals(count, **options):
    return [row.arrival_time_s for row in uniform(100, 10, count, **options).rows()]


def test_the_demo_file_is_what_demo_makes():
    """The packaged sample trace is the generator's output, byte for byte."""
    made = b"".join(line + b"\n" for line in lines(*converted(demo(), [])))
    assert DEMO.read_bytes() == made


@pytest.mark.parametrize("burstiness", [0.25, 1.0, 4.0])
def test_gaps_follow_the_gamma(burstiness):
    """Mean rate and burstiness come out as asked: the gaps' CV is 1/sqrt(shape)."""
    times = _arrivals(40_000, rate=10.0, burstiness=burstiness, seed=3)
    gaps = [late - early for early, late in pairwise(times)]
    assert times[0] == 0.0
    assert mean(gaps) == pytest.approx(0.1, rel=0.05)
    assert pstdev(gaps) / mean(gaps) == pytest.approx(1 / math.sqrt(burstiness), rel=0.05)


def test_infinite_burstiness_is_a_constant_rate():
    """Shape `inf` spaces requests evenly."""
    assert _arrivals(4, rate=4.0, burstiness=math.inf) == [0.0, 0.25, 0.5, 0.75]


def test_without_a_rate_all_arrive_at_once():
    """A closed loop's rows all arrive at 0."""
    assert _arrivals(3, rate=None) == [0.0, 0.0, 0.0]


def test_a_seed_gives_these_very_rows():
    """The same seed gives the same rows on any machine and Python; another one, others."""
    text = repr(_arrivals(1000, rate=7.0, burstiness=0.5, seed=42))
    assert (
        hashlib.sha256(text.encode()).hexdigest()
        == "0a9280d79b287159a49c905654abbb4c1dcf18c9fd3cddb819c807f888d1ce18"
    )
    assert _arrivals(9, rate=7.0, seed=1) != _arrivals(9, rate=7.0, seed=2)


def test_passes_are_alike():
    """A made trace can be read again and again, and counts its rows."""
    trace = uniform(100, 10, 5, rate=1.0)
    first = list(trace.rows())
    assert list(trace.rows()) == first
    assert (trace.rows_read, trace.drops, trace.sha256) == (5, {}, None)
    assert len({row.request_id for row in first}) == 5


@pytest.mark.parametrize(
    ("change", "option"),
    [
        ({"input_tokens": 0}, "--input-tokens"),
        ({"output_tokens": -1}, "--output-tokens"),
        ({"requests": 0}, "--requests"),
        ({"rate": 0.0}, "--rate"),
        ({"rate": math.inf}, "--rate"),
        ({"burstiness": 0.0}, "--burstiness"),
        ({"burstiness": math.nan}, "--burstiness"),
    ],
)
def test_impossible_numbers_name_the_option(change, option):
    """A number out of range is refused with the option that gave it."""
    good = {"input_tokens": 1, "output_tokens": 1, "requests": 1, "rate": 1.0}
    with pytest.raises(UsageError, match=option):
        uniform(**{**good, **change})
