"""The command that runs a run again, from what its `run.json` keeps of its settings.

In: a manifest. Out: one shell command with every setting that was not the default, whether it came
from the command line, the environment, a file or the page; and what of it a reader must fill in,
since secrets are never kept. Any text is quoted so that a shell takes it as it is.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sagellm_benchmark.config.options import OPTIONS
from sagellm_benchmark.redact import MASK

_OURS = ("trace", "host", "plan", "run_id")
"""Told by their place, or of one run alone."""

_GIVEN = ("default", "workload")
"""Sources of values that come by themselves again."""

_LOCUSTS = {"run_time": "--run-time", "stop_timeout": "--stop-timeout"}


@dataclass(frozen=True)
class Rerun:
    """How to run it again.

    Attributes:
        command: For a shell, in lines that end in a backslash.
        remarks: What to know before, in sentences.
    """

    command: str
    remarks: tuple[str, ...]


def rerun(manifest: Mapping[str, Any]) -> Rerun:
    """Write the command down."""
    settings = manifest["settings"]
    trace, made = _value(settings, "trace"), _value(settings, "input_tokens") is not None
    if trace is not None:
        start = [f"sagellm-benchmark run {quoted(trace)}"]
    elif made:
        start = ["sagellm-benchmark run"]
    else:
        start = ["locust -f LOCUSTFILE --headless"]
    parts = [*start, f"--host {quoted(_value(settings, 'host'))}", *_parts(settings)]
    return Rerun(" \\\n  ".join(_lines(parts)), tuple(_remarks(manifest, parts)))


def quoted(text: str) -> str:
    """For a shell; what cannot be printed is written in escapes."""
    if text.isprintable():
        return shlex.quote(text)
    return "$'" + "".join(map(_escaped, text)) + "'"


def _escaped(char: str) -> str:
    if char in "\\'":
        return f"\\{char}"
    return char if char.isprintable() else f"\\U{ord(char):08x}"


def _parts(settings: Mapping[str, Any]) -> Iterator[str]:
    for option in OPTIONS:
        told = settings.get(option.key)
        if option.key in _OURS or told is None or told["source"] in _GIVEN:
            continue
        value = told["value"]
        if option.parse is None:
            if value:
                yield option.flag
            continue
        for each in value if option.repeat else [value]:
            yield f"{option.flag} {quoted(_text(option.key, each))}"
    for key, flag in _LOCUSTS.items():
        if settings.get(key, {}).get("source", "default") not in _GIVEN:
            yield f"{flag} {_number(_value(settings, key))}"


def _text(key: str, value: Any) -> str:
    """As a user writes it."""
    if value is None:
        return "inf"  # JSON has no infinity
    if key in ("warmup", "cancel_after"):
        unit, amount = value
        return f"{_number(amount)}{unit}"
    if key == "extra_body":
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        return ",".join(f"{name}={held}" for name, held in value.items())
    return value if isinstance(value, str) else _number(value)


def _number(value: float) -> str:
    return f"{int(value)}" if value == int(value) else repr(value)


def _value(settings: Mapping[str, Any], key: str) -> Any:
    return settings.get(key, {}).get("value")


def _lines(parts: list[str], width: int = 88) -> Iterator[str]:
    line = parts[0]
    for part in parts[1:]:
        if len(line) + len(part) + 1 > width:
            yield line
            line = part
        else:
            line = f"{line} {part}"
    yield line


def _remarks(manifest: Mapping[str, Any], parts: list[str]) -> Iterator[str]:
    settings = manifest["settings"]
    if any(MASK in part for part in parts):
        yield f"Secrets are not kept: write your own in place of {MASK}."
    variable = _value(settings, "api_key_env")
    if variable:
        yield f"The API key is read from the environment variable {variable}."
    if _value(settings, "trace") is None and _value(settings, "input_tokens") is None:
        yield "The requests came from a locustfile of its own: name it, and its users."
    elif _value(settings, "salt") == "run":
        yield (
            "The prompts will have another salt, so that no prefix cache knows them; "
            f"--salt {quoted(str(manifest['salt']))} makes the very same bytes."
        )
