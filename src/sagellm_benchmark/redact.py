"""Text from outside, made fit to be kept: no secrets, no control characters, no more than a line.

Text and bytes of servers, traces and exceptions come in; short text goes out. Whatever leaves this
module holds none of the secrets it was told of, no bearer token, API key or URL password that it
can recognise; what is meant for a terminal holds nothing that moves one either. The cut comes
last, so that no half of a secret survives it.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote, quote_plus

MASK = "***"

SHORTEST = 4
"""A shorter value is no secret: to mask every `1` would only spoil the text."""

_PART = 8
"""From this length on a part of a value, such as the token behind `Bearer`, is a secret too."""

_TELLING = 8
"""So many characters of a secret's beginning are masked too: what quotes it may be cut."""

_LOOK = 8192
"""So much of a text is looked at for a snippet: a long page must not hold up the load."""

_NAMES = r"(?:api[_-]?key|access[_-]?token|auth[_-]?token|client[_-]?secret|password|passwd)"
_QUOTE = r"(?:\\{0,3}[\"']|&quot;|&#34;)?"
_IS = rf"{_QUOTE}\s{{0,4}}(?:[=:]|%3[AaDd])\s{{0,4}}{_QUOTE}"
# What our errors say behind the name of a file, which may be /etc/passwd.
_OURS = r"(?:no\s|cannot be (?:read|written)\b|exists; choose\b)"
_PATTERNS = (
    # user:password@ in a URL keeps its user
    (re.compile(r"(://[^/\s:@]{0,256}:)[^/\s@]{1,256}@"), rf"\1{MASK}@"),
    # "Bearer abc"; the plain word in "a valid Bearer token." stays
    (
        re.compile(
            r"(?i)\b(bearer(?:\s+|%20|\+))(?!tokens?(?:[\s.,;:)\]]|$))(?!\*\*\*)[^\s\"',;<>&\\\]}]+"
        ),
        rf"\1{MASK}",
    ),
    (re.compile(r"\b((?i:basic)\s+)(?=\S*[A-Z0-9=])[A-Za-z0-9+/_-]{6,}={0,2}"), rf"\1{MASK}"),
    (re.compile(r"\b(sk|pk|rk|hf|ghp|gsk)([-_])[A-Za-z0-9_\-]{6,}"), rf"\1\2{MASK}"),
    # key=value and "key": "value"
    (re.compile(rf"(?i)({_NAMES}{_IS})(?!\*\*\*|{_OURS})[^\s\"',;&<>\\}}]+"), rf"\1{MASK}"),
    # a scheme of its own may stand before the credential, several values in a cookie
    (
        re.compile(
            rf"(?i)(authorization{_IS})(?!bearer|basic|\*\*\*)"
            r"(?:[a-z][a-z0-9-]{1,20}\s+(?=\S))?[^\s\"',;&<>\\}]+"
        ),
        rf"\1{MASK}",
    ),
    (
        re.compile(
            rf"(?i)(cookie{_IS})(?!\*\*\*)[^\s\"',;&<>\\}}]+"
            r"(?:;\s?[^\s\"'=;<>\\]+=[^\s\"';<>\\]*)*"
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
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def forms(values: Iterable[str | None]) -> tuple[str, ...]:
    """All the ways in which servers write secrets back.

    Args:
        values: API keys, and values of headers: `Bearer abc` makes `abc` a secret too, each value
            of a cookie, and the user and password behind `Basic`.

    Returns:
        The values and their parts, each as it is and as URLs, JSON, HTML, Python, base64 and
        hexadecimal digits have it, the longest first; what is shorter than `SHORTEST` is no secret.
    """
    found: set[str] = set()
    for value in filter(None, values):
        for part in filter(_hides, _parts(value)):
            found |= set(filter(_hides, _forms(part)))
    return tuple(sorted(found, key=lambda form: (-len(form), form)))


def _hides(text: str) -> bool:
    return len(text) >= SHORTEST


def _parts(value: str) -> Iterator[str]:
    yield value
    yield " ".join(value.split())  # as a snippet has it
    yield from (part for part in re.split(r"[\s;,=]+", value) if len(part) >= _PART)
    scheme, _, credentials = value.strip().partition(" ")
    if len(credentials) >= _PART:
        yield credentials
    if scheme.lower() == "basic":
        try:
            pair = base64.b64decode(credentials.strip(), validate=True).decode()
        except ValueError:
            return
        yield pair
        yield pair.partition(":")[2]


def _forms(value: str) -> Iterator[str]:
    yield value
    for written in (quote(value), quote(value, safe=""), quote_plus(value)):
        yield written
        yield re.sub("%..", lambda code: code[0].lower(), written)
    yield repr(value)[1:-1]
    text = json.dumps(value)[1:-1]
    yield text
    yield text.replace("/", "\\/")
    yield re.sub("[<>&']", lambda sign: f"\\u{ord(sign[0]):04x}", text)
    escaped = html.escape(value)
    yield escaped
    yield escaped.replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
    yield html.escape(value, quote=False)
    data = value.encode()
    yield data.hex()
    yield data.hex().upper()
    for shift in range(3):  # where it stands in what was encoded
        yield from _core(data, shift)


def _core(data: bytes, shift: int) -> Iterator[str]:
    """What of a base64 text comes of these bytes alone, so many bytes behind its beginning."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(bytes(shift) + data).decode()
        yield text[shift and shift + 1 : len(data) + shift and (len(data) + shift) * 8 // 6]


def mask(text: str, secrets: Sequence[str]) -> str:
    """Mask secrets in a text, by their value alone, also where only their beginning is left.

    Args:
        text: Any text; what a model wrote stays as it is.
        secrets: Values that must not appear, the longest first, as `forms` gives them.
    """
    for secret in secrets:
        begun = secret[:_TELLING]
        if begun in text:
            text = _without(text, begun, [form for form in secrets if form.startswith(begun)])
    return text


def _without(text: str, begun: str, forms: list[str]) -> str:
    """Mask what begins so, as far as it is any of these."""
    parts: list[str] = []
    done = 0
    while (at := text.find(begun, done)) >= 0:
        parts += text[done:at], MASK
        done = max(_same(text, at, form) for form in forms)
    return "".join((*parts, text[done:]))


def _same(text: str, at: int, secret: str) -> int:
    """Where the text stops being the secret that begins in it."""
    end = min(at + len(secret), len(text))
    return next((n for n in range(at, end) if text[n] != secret[n - at]), end)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Mask secrets in a text, and what looks like one.

    Args:
        text: Any text.
        secrets: Values that must not appear whatever they look like, such as the API key in use.

    Returns:
        The text with each secret, bearer token, API key and URL password as `***`.
    """
    text = mask(text, sorted(filter(None, secrets), key=len, reverse=True))
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
    whole = len(data) <= _LOOK
    data = data[:_LOOK]
    text = data if isinstance(data, str) else data.decode("utf-8", "replace")
    text = redact(_still(text).strip(), secrets)
    return text if whole and len(text) <= limit else text[: limit - 1] + "…"


def printable(text: str, limit: int = 1000) -> str:
    """Our own words, that may quote anybody's, for a terminal or a log.

    Args:
        text: One line or several.
        limit: Most characters of a line.

    Returns:
        The same lines, redacted, with nothing in them that moves a terminal or turns the writing.
    """
    lines = (redact(_still(line).rstrip()) for line in text.split("\n"))
    return "\n".join(x if len(x) <= limit else x[: limit - 1] + "…" for x in lines)


def _still(text: str) -> str:
    """Without escapes, control characters and those that turn the writing; spaces folded."""
    text = _SURROGATE.sub("\ufffd", _ESCAPES.sub("", text))
    indent = " " * (len(text) - len(text.lstrip(" ")))
    text = indent + _SPACE.sub(" ", text.strip(" "))
    return text if text.isprintable() else "".join(filter(str.isprintable, text))
