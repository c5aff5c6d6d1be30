"""Turn the text of one option into its value.

Each function takes the text a user wrote, on the command line, in the environment, a file or the
page, and returns the value or raises ValueError with what was expected. The caller adds the
option's name.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any
from urllib.parse import urlsplit

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LONE = re.compile("[\ud800-\udfff]")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def text(value: str) -> str:
    """Any text that is not empty and can be written as UTF-8."""
    if not value.strip():
        raise ValueError("must not be empty")
    if _LONE.search(value):
        raise ValueError("must be UTF-8")
    return value


def name(value: str) -> str:
    """A name that is safe as a file name: 1 to 64 of A-Z a-z 0-9, dot, dash, underscore."""
    if not _NAME.fullmatch(value) or value in (".", ".."):
        raise ValueError("must be 1 to 64 letters, digits, '.', '_' or '-'")
    return value


def count(value: str) -> int:
    """A whole number of at least 1."""
    return _whole(value, 1)


def times(value: str) -> int | str:
    """How often: a whole number of at least 1, or `forever`."""
    if value.strip().lower() == "forever":
        return "forever"
    try:
        return _whole(value, 1)
    except ValueError:
        raise ValueError(
            f"must be a whole number of at least 1, or forever, not {value!r}"
        ) from None


def whole(value: str) -> int:
    """A whole number of at least 0."""
    return _whole(value, 0)


def _whole(value: str, least: int) -> int:
    try:
        number = int(value)
    except ValueError:
        raise ValueError(f"must be a whole number, not {value!r}") from None
    if number < least:
        raise ValueError(f"must be at least {least}, not {number}")
    return number


def positive(value: str) -> float:
    """A finite number above 0."""
    number = _number(value)
    if number <= 0:
        raise ValueError(f"must be above 0, not {value}")
    return number


def seconds(value: str) -> float:
    """Seconds from 0 on."""
    number = _number(value)
    if number < 0:
        raise ValueError(f"must not be negative, not {value}")
    return number


def burstiness(value: str) -> float:
    """The shape of Gamma arrivals: above 0, `inf` for constant gaps."""
    if value.strip().lower() == "inf":
        return math.inf
    return positive(value)


def tokens_per_word(value: str) -> float:
    """Tokens that a model makes of a word, 0.1 to 100."""
    number = _number(value)
    if not 0.1 <= number <= 100:
        raise ValueError(f"must be between 0.1 and 100, not {value}")
    return number


def temperature(value: str) -> float:
    """A sampling temperature, 0 to 2."""
    number = _number(value)
    if not 0 <= number <= 2:
        raise ValueError(f"must be between 0 and 2, not {value}")
    return number


def _number(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        raise ValueError(f"must be a number, not {value!r}") from None
    if not math.isfinite(number):
        raise ValueError(f"must be a finite number, not {value!r}")
    return number


def json_object(value: str) -> dict[str, Any]:
    """A JSON object."""
    try:
        parsed = json.loads(value)
        again = json.dumps(parsed, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"must be a JSON object such as '{{\"top_k\": 5}}': {error}") from None
    if not isinstance(parsed, dict):
        raise ValueError(f"must be a JSON object, not {type(parsed).__name__}")
    if _LONE.search(again):
        raise ValueError("must not hold half of a surrogate pair")
    return parsed


def header(value: str) -> tuple[str, str]:
    """One HTTP header as `NAME=VALUE`."""
    key, equals, content = value.partition("=")
    if not equals or not _HEADER_NAME.fullmatch(key):
        raise ValueError("must be NAME=VALUE")  # what was given may be a secret
    if any(ord(char) < 32 or ord(char) == 127 for char in content):
        raise ValueError("must not hold control characters")
    if not content.isascii():
        raise ValueError("must be ASCII")
    return key, content


def pairs(value: str) -> dict[str, str]:
    """A list `A=x,B=y`."""
    found: dict[str, str] = {}
    for part in value.split(","):
        key, equals, content = part.partition("=")
        if not equals or not key.strip() or not content.strip():
            raise ValueError(f"must be A=x,B=y, not {value!r}")
        if key.strip() in found:
            raise ValueError(f"names {key.strip()!r} twice")
        found[key.strip()] = content.strip()
    return found


def scrape(value: str) -> str:
    """A page of a server's metrics as `NAME=URL`, or `none`."""
    if value == "none":
        return value
    # What was given may hold a password, and is not said again.
    key, _, url = value.partition("=")
    if not _NAME.fullmatch(key) or key == "none" or key.startswith("host"):
        raise ValueError(
            "must be NAME=URL or none; a name is 1 to 64 letters, digits, '.', '_' or '-', and "
            "begins with no 'host'"
        )
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError(f"{key}: must be http://ADDRESS:PORT/PATH or https://ADDRESS:PORT/PATH")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ValueError(f"{key}: the URL must not hold a user, a password or a fragment")
    if " " in url or not (url.isascii() and url.isprintable()):
        raise ValueError(f"{key}: percent-encode spaces and what is not ASCII")
    return value


def warmup(value: str) -> tuple[str, float]:
    """How much of the run is warm-up: `30s` of due time, or `200req`; a pair of unit and amount."""
    matched = re.fullmatch(r"(\d+(?:\.\d+)?)(s|req)", value.strip())
    if not matched:
        raise ValueError(f"must be seconds or requests, such as 30s or 200req, not {value!r}")
    return matched[2], float(matched[1])


def share(value: str) -> float:
    """A part of the whole, 0 to 1."""
    number = _number(value)
    if not 0 <= number <= 1:
        raise ValueError(f"must be between 0 and 1, not {value}")
    return number


def patience(value: str) -> tuple[str, float]:
    """How long a user waits: `20tok` or `1.5s`, above 0; a pair of unit and amount."""
    matched = re.fullmatch(r"(?:(\d+)tok|(\d+(?:\.\d+)?)s)", value.strip())
    if not matched or not float(matched[1] or matched[2]):
        raise ValueError(f"must be tokens or seconds, such as 20tok or 1.5s, not {value!r}")
    return ("tok", float(matched[1])) if matched[1] else ("s", float(matched[2]))
