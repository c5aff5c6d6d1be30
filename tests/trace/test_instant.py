"""Times of foreign traces, exact to the nanosecond."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.trace.instant import instant_ns, instant_text, number_ns

fixed = settings(derandomize=True, deadline=None)


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        (b"2023-11-16 18:17:03.9799600", 979_960_000),
        (b"2024-05-12 00:00:00.001163+00:00", 1_163_000),
        (b"2024-05-12 00:00:00+00:00", 0),
        (b"2024-10-15T12:00:00.269Z", 269_000_000),
        (b"2024-10-15t12:00:00.123456789z", 123_456_789),
        (b"2024-05-12 00:00:00.5", 500_000_000),
    ],
)
def test_no_digit_of_a_fraction_is_lost(text, digits):
    """Each form in the wild is read to the last digit, seven-digit fractions included."""
    assert instant_ns(text) % 10**9 == digits


def test_zones_and_their_absence():
    """No zone means UTC; an offset is taken into account."""
    base = instant_ns(b"2024-05-12 12:00:00Z")
    assert instant_ns(b"2024-05-12 12:00:00") == base
    assert instant_ns(b"2024-05-12 14:00:00+02:00") == base
    assert instant_ns(b"2024-05-12 11:30:00-00:30") == base


@fixed
@given(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)), st.integers(0, 999))
def test_instants_agree_with_the_calendar(moment, nanos):
    """Any instant gives the nanoseconds that integer arithmetic on the calendar gives."""
    text = f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond:06d}{nanos:03d}".encode()
    since = moment.replace(tzinfo=timezone.utc) - datetime(1970, 1, 1, tzinfo=timezone.utc)
    expected = since // timedelta(microseconds=1) * 1000 + nanos
    assert instant_ns(text) == expected
    assert instant_ns(instant_text(expected).encode()) == expected


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"82", b"2024-05-12", b"2024-05-12 00:00", b"2024-13-12 00:00:00"),
        *(b"2024-05-12 25:00:00", b"2024-05-12 00:00:60", b"1969-12-31 23:59:59"),
        *(b"2024-05-12 00:00:00.1234567890", b"2024-05-12 00:00:00 UTC", "２024".encode()),
        *(b"2024-05-12 00:00:00Z.5", b"2024-05-12 00:00:00.+00:00", b"2024-05-12 00:00:60.5"),
    ],
)
def test_other_texts_are_no_instants(text):
    """What is no instant is refused, never guessed, and no digit is silently cut."""
    with pytest.raises(ValueError, match=r"."):
        instant_ns(text)


@fixed
@given(st.integers(0, 10**12), st.integers(0, 9), st.sampled_from([6, 9]))
def test_numbers_are_exact(units, places, power):
    """A decimal time in seconds or milliseconds gives exactly its nanoseconds."""
    text = f"{Fraction(units, 10**places).numerator}" if places == 0 else _decimal(units, places)
    exact = Fraction(units, 10**places) * 10**power
    assert number_ns(text.encode(), power) == round(exact)


def _decimal(units, places):
    digits = f"{units:0{places + 1}d}"
    return f"{digits[:-places]}.{digits[-places:]}"


def test_float_noise_is_rounded_to_a_nanosecond():
    """Times written by a float's repr are taken to the nearest nanosecond."""
    assert number_ns(b"5.8926549999999995", 9) == 5_892_655_000
    assert number_ns(b"1.5e2", 9) == 150_000_000_000
    assert number_ns(b"105.5", 6) == 105_500_000


@pytest.mark.parametrize(
    "text", [b"", b"-1", b"-0.5", b"nan", b"inf", b"1e99", b"1_0", b" 1", b"0x1", b"1e400", b'"1"']
)
def test_other_texts_are_no_times(text):
    """Negative, infinite, absent and absurd times are refused."""
    with pytest.raises(ValueError, match=r"."):
        number_ns(text, 9)
