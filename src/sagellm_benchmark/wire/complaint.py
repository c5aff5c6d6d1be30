"""What a server says went wrong: the text and the Protocol's code, out of whatever shape it chose.

Error bodies and in-band errors come in; one redacted line and a code, where the server names one,
go out. Known are OpenAI's `error` object, FastAPI's `detail` (text, list of validation errors,
nested error), the Protocol's Error, and the gateway's `[Stream error: …]` content with its
`(code: ErrorCode.X)`; anything else is quoted. Nothing raises.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from sagellm_benchmark.protocol import ErrorCode
from sagellm_benchmark.redact import snippet
from sagellm_benchmark.wire.states import http_code

_GATEWAY = re.compile(r"\[Stream error: (.*)\]", re.DOTALL)
_NAMED = re.compile(r"\(code: ErrorCode\.([A-Z_]+)\)")


class Complaint(NamedTuple):
    """A server's error: one redacted line, and what else it says of it, where it does.

    Attributes:
        message: What went wrong.
        code: The Protocol's code.
        retryable: Whether trying again may help.
    """

    message: str
    code: ErrorCode | None
    retryable: bool | None = None


def from_content(content: str, secrets: tuple[str, ...]) -> Complaint | None:
    """Read the content of a finish frame as the gateway's error text; None where it is none."""
    found = _GATEWAY.fullmatch(content)
    return _complaint(found[1], None, secrets) if found else None


def from_value(value: Any, secrets: tuple[str, ...]) -> Complaint:
    """Read the value of an `error` key, or any decoded error body."""
    beside: dict[str, Any] = {}
    for _ in range(4):  # an error in a detail in an error …
        if not isinstance(value, dict):
            break
        beside |= value
        inner = next((value[key] for key in ("error", "detail", "message") if value.get(key)), None)
        if inner is None:
            break
        value = inner
    said = _complaint(_text(value), beside.get("code"), secrets)
    retryable = beside.get("retryable")
    return said._replace(retryable=retryable) if isinstance(retryable, bool) else said


def from_body(body: bytes, secrets: tuple[str, ...]) -> Complaint:
    """Read an error body, JSON or not."""
    value = _json(body)
    if value is None:
        return _complaint(body.decode("utf-8", "replace"), None, secrets)
    return from_value(value, secrets)


def in_band(body: bytes, secrets: tuple[str, ...]) -> Complaint | None:
    """Read a body that was to be something else as a JSON error; None where it is none."""
    value = _json(body)
    return from_value(value, secrets) if isinstance(value, dict) and value.get("error") else None


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _complaint(text: str, code: Any, secrets: tuple[str, ...]) -> Complaint:
    found = _NAMED.search(text)
    return Complaint(snippet(text, secrets=secrets), _code(found[1] if found else code))


def _code(name: Any) -> ErrorCode | None:
    if isinstance(name, int) and 400 <= name < 600:
        return http_code(name)
    if isinstance(name, str):
        return ErrorCode.__members__.get(name.upper())
    return None


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "; ".join(_place(item) for item in value)
    try:
        return json.dumps(value, ensure_ascii=False)
    except (ValueError, RecursionError):
        return "an error that cannot be quoted"


def _place(item: Any) -> str:
    """One of FastAPI's validation errors: where, and what."""
    if not isinstance(item, dict) or not isinstance(item.get("msg"), str):
        return _text(item) if not isinstance(item, list) else "…"
    where = item.get("loc")
    path = ".".join(str(part) for part in where) if isinstance(where, list) else ""
    return f"{path}: {item['msg']}" if path else item["msg"]
