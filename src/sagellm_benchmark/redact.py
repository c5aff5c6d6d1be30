"""Text from outside, made fit to be kept: no secrets, no control characters, no more than a line.

Text and bytes of servers and exceptions come in; short one-line text goes out. Whatever leaves
this module holds none of the secrets it was told of, no bearer token, API key or URL password that
it can recognise; a snippet holds nothing that moves a terminal either. The cut comes last, so that
no half of a secret survives it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

MASK = "***"

_PATTERNS = (
    # user:password@ in a URL keeps its user
    (re.compile(r"(://[^/\s:@]{0,256}:)[^/\s@]{1,256}@"), rf"\1{MASK}@"),
    # "Bearer abc"; the plain word in "a valid Bearer token." stays
    (re.compile(r"(?i)\b(bearer\s+)(?!tokens?(?:[\s.,;:)\]]|$))[^\s\"',;<>\]}]+"), rf"\1{MASK}"),
    (re.compile(r"\b((?i:basic)\s+)(?=\S*[A-Z0-9=])[A-Za-z0-9+/_-]{6,}={0,2}"), rf"\1{MASK}"),
    (re.compile(r"\b(sk|pk|rk|hf|ghp|gsk)([-_])[A-Za-z0-9_\-]{6,}"), rf"\1\2{MASK}"),
    # key=value and "key": "value"
    (
        re.compile(
            r"(?i)((?:api[_-]?key|access[_-]?token|auth[_-]?token|client[_-]?secret|password|passwd"
            r"|authorization|cookie)[\"']?\s{0,4}[=:]\s{0,4}[\"']?)(?!bearer\s|basic\s)[^\s\"',;&<>}]+"
        ),
        rf"\1{MASK}",
    ),
)

_ESCAPES = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # operating system command, such as a window title
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # control sequence, such as a colour
    r"|\x1b[ -/]*[0-~]?"
)
_SPACE = re.compile(r"[\s\x85\u2028\u2029]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Mask secrets in a text.

    Args:
        text: Any text.
        secrets: Values that must not appear whatever they look like, such as the API key in use.

    Returns:
        The text with each secret, bearer token, API key and URL password as `***`.
    """
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, MASK)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def snippet(data: bytes | str, limit: int = 300, secrets: Iterable[str] = ()) -> str:
    """One redacted line of what somebody else sent.

    Args:
        data: Bytes (read as UTF-8, what is not becomes U+FFFD) or text.
        limit: Most characters of the result; a longer text ends in an ellipsis.
        secrets: As for `redact`.

    Returns:
        Printable text without line breaks, control characters or terminal escapes.
    """
    text = data if isinstance(data, str) else data.decode("utf-8", "replace")
    text = _SURROGATE.sub("\ufffd", _ESCAPES.sub("", text))
    text = _CONTROL.sub("", _SPACE.sub(" ", text)).strip()
    text = redact(text, secrets)
    return text if len(text) <= limit else text[: limit - 1] + "…"
