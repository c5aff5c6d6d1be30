"""Faults in the body of a reply that is not streamed: one JSON object in, bytes out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial

from sagellm_benchmark.sim.fault_json import (
    BROKEN,
    SPOILT,
    Json,
    Values,
    spoilt,
    with_completion_tokens,
    with_finish,
    with_text,
)
from sagellm_benchmark.sim.validation import compact


def changed_body(kind: str, body: bytes, values: Values) -> bytes:
    """Change a whole body as its kind says; most kinds leave it alone."""
    change = _BODIES.get(kind)
    return body if change is None else change(json.loads(body), values)


def _spoil(raw: bytes, value: Json, values: Values) -> bytes:
    return spoilt(value, raw)


def _short(value: Json, values: Values) -> bytes:
    return compact(with_finish(value, "stop"))


def _empty(value: Json, values: Values) -> bytes:
    return compact(with_completion_tokens(with_finish(with_text(value, ""), "stop"), 0))


def _wrong_usage(value: Json, values: Values) -> bytes:
    return compact(with_completion_tokens(value, values["completion_tokens"]))


_BODIES: Mapping[str, Callable[[Json, Values], bytes]] = {
    **BROKEN,
    **{kind: partial(_spoil, raw) for kind, raw in SPOILT.items()},
    "short": _short,
    "empty": _empty,
    "wrong_usage": _wrong_usage,
}
