"""Times of foreign traces as exact integers.

In: the text of a time, as its file has it. Out: nanoseconds as an int. No digit is lost on the way:
epoch seconds in a float64 resolve no finer than 2.4e-7 s, so a time becomes a float only after the
trace's first one was subtracted.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_NUMBER = re.compile(rb"\d{1,30}(\.\d{1,30})?([eE][+-]?\d{1,2})?")
_INSTANT = re.compile(
    rb"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)?", re.IGNORECASE
)
_NO_INSTANT = "no date and time such as 2024-05-12 00:00:00.001163+00:00"
_TO_SECOND = len("2024-05-12 00:00:00")
_MAX_NS = 10**21
_POWERS = tuple(10**power for power in range(10))


def number_ns(text: bytes, power: int) -> int:
    """Turn a decimal number of 10**power nanoseconds into nanoseconds, rounded half to even.

    Raises:
        ValueError: It is no finite, non-negative number, or over 10**12 seconds.
    """
    whole, _, fraction = text.partition(b".")
    digits = whole + fraction
    if digits.isdigit() and whole and len(fraction) <= power and len(digits) <= 30:
        value = int(digits) * _POWERS[power - len(fraction)]
    elif _NUMBER.fullmatch(text):
        value = round(Decimal(text.decode()).scaleb(power))
    else:
        raise ValueError("no finite, non-negative number")
    if value > _MAX_NS:
        raise ValueError("over 10**12 seconds")
    return value


@lru_cache(maxsize=64)
def seconds_ns(text: bytes) -> int:
    """Turn a decimal number of seconds into nanoseconds; rows of one tick share it.

    Raises:
        ValueError: As `number_ns`.
    """
    return number_ns(text, 9)


def instant_ns(text: bytes) -> int:
    """Turn `YYYY-MM-DD hh:mm:ss[.fraction][zone]` (or with `T`) into Unix nanoseconds.

    Without a zone it is UTC.

    Raises:
        ValueError: It has another form, more than 9 digits in its fraction, or lies before 1970.
    """
    whole, _, rest = text.partition(b".")
    # The fraction is what differs from row to row: the rest is looked at once a second.
    fraction, zone = (rest[:-6], rest[-6:]) if rest[-3:-2] == b":" else (rest, b"")
    if len(whole) == _TO_SECOND and fraction.isdigit() and len(fraction) <= 9:
        return _second_ns(whole + zone) + int(fraction) * _POWERS[9 - len(fraction)]
    parts = _INSTANT.fullmatch(text)
    if parts is None:
        raise ValueError(_NO_INSTANT)
    second, fraction, zone = parts.groups(b"")
    whole_ns = _second_ns(second + zone)
    return whole_ns + int(fraction) * _POWERS[9 - len(fraction)] if fraction else whole_ns


@lru_cache(maxsize=64)
def _second_ns(text: bytes) -> int:
    """Unix nanoseconds of an instant without a fraction; consecutive rows share it."""
    parts = _INSTANT.fullmatch(text)
    if parts is None:
        raise ValueError(_NO_INSTANT)
    second, _, zone = parts.groups()
    if second[17:] > b"59":
        raise ValueError("its seconds exceed 59")
    return (_minute_s(second[:16], zone) + int(second[17:])) * 1_000_000_000


@lru_cache(maxsize=64)
def _minute_s(minute: bytes, zone: bytes | None) -> int:
    """Unix seconds of a minute."""
    offset = "+00:00" if zone is None or zone in b"Zz" else zone.decode()
    moment = datetime.fromisoformat(minute.decode().replace("t", "T") + offset)
    if moment < _EPOCH:
        raise ValueError("before 1970")
    return (moment - _EPOCH) // timedelta(seconds=1)


def instant_text(unix_ns: int) -> str:
    """Write Unix nanoseconds as RFC 3339 in UTC, with as many digits as it takes."""
    seconds, fraction = divmod(unix_ns, 1_000_000_000)
    moment = _EPOCH + timedelta(seconds=seconds)
    digits = f".{fraction:09d}".rstrip("0") if fraction else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{digits}Z"
