"""The command line that runs the same again, from what `run.json` keeps of the settings.

In: a manifest. Out: one line for a POSIX shell. Only what was given is in it, whether on the
command line, in the environment, in a file or on the page; defaults are not, nor is `--run-id`,
whose directory is taken. What is secret is not kept: a header's value stays `***`, a key is the
name of its variable. The line reads back to the same settings.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from sagellm_benchmark.config import values
from sagellm_benchmark.config.option import Option
from sagellm_benchmark.config.options import OPTIONS
from sagellm_benchmark.errors import InputError

_NOT_GIVEN = ("default", "workload")
_OWN = ("trace", "run_id", "plan")
"""What has a place of its own in the line, or none."""

_LOCUSTS = {"run_time": "--run-time", "stop_timeout": "--stop-timeout"}


def command_line(manifest: Mapping[str, Any]) -> str:
    """Write the line.

    Args:
        manifest: `run.json`. Of a user's own tasks it knows neither the file nor the number of
            users; words in capitals stand for them.

    Raises:
        InputError: A setting has no value of its option.
    """
    settings = manifest["settings"]
    words = [*_program(settings), "--host", settings["host"]["value"]]
    for option in OPTIONS:
        if option.key not in _OWN and _given(settings, option.key):
            words += _option(option, _checked(manifest, option))
    for key, flag in _LOCUSTS.items():
        if _given(settings, key):
            words += [flag, f"{_plain(settings[key]['value'])}s"]
    return shlex.join(words)


def _program(settings: Mapping[str, Any]) -> list[str]:
    trace = settings["trace"]["value"]
    if trace is not None:
        named = [f"--trace={trace}"] if trace.startswith("-") else [trace]
        return ["sagellm-benchmark", "run", *named]
    if settings["input_tokens"]["value"] is not None:
        return ["sagellm-benchmark", "run"]
    return ["locust", "-f", "LOCUSTFILE", "--headless", "-u", "USERS", "-r", "USERS_PER_S"]


def _given(settings: Mapping[str, Any], key: str) -> bool:
    """Whether somebody gave it; a later version's run may lack an option of this one."""
    setting = settings.get(key)
    return (
        setting is not None and setting["value"] is not None and setting["source"] not in _NOT_GIVEN
    )


def _checked(manifest: Mapping[str, Any], option: Option) -> Any:
    """An option's value, of the form that its writer takes."""
    form, _ = _FORMS.get(option.parse, _PLAIN)  # type: ignore[arg-type]  # a switch has no parser
    value = manifest["settings"][option.key]["value"]
    try:
        return msgspec.convert(value, list[form] if option.repeat else form)  # type: ignore[valid-type]
    except msgspec.ValidationError as error:
        said = f"no value of {option.flag}: {error} - at `$.settings.{option.key}.value`"
        raise InputError(said, f"run.json of {manifest['run_id']}") from None


def _option(option: Option, value: Any) -> list[str]:
    if option.parse is None:
        return [option.flag] if value else []
    _, write = _FORMS.get(option.parse, _PLAIN)
    words: list[str] = []
    for item in value if option.repeat else [value]:
        text = write(item)
        words += [f"{option.flag}={text}"] if text.startswith("-") else [option.flag, text]
    return words


def _plain(value: Any) -> str:
    """A number in digits alone, without a `.0` that nobody wrote; text as it is."""
    if not isinstance(value, float):
        return str(value)
    digits = format(Decimal(repr(value)), "f")
    return digits.removesuffix(".0")


def _pairs(value: Mapping[str, str]) -> str:
    return ",".join(f"{key}={content}" for key, content in value.items())


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)


def _amount(value: tuple[str, float]) -> str:
    """`30s`, `200req`, `20tok`: kept as the unit and the amount."""
    unit, amount = value
    return f"{_plain(float(amount))}{unit}"


_PLAIN: tuple[Any, Callable[[Any], str]] = (str | int | float | bool, _plain)
_FORMS: dict[Callable[[str], Any], tuple[Any, Callable[[Any], str]]] = {
    values.pairs: (dict[str, str], _pairs),
    values.json_object: (dict[str, Any], _json),
    values.warmup: (tuple[str, float], _amount),
    values.patience: (tuple[str, float], _amount),
}
"""What a value is and how it becomes the text that was parsed, where it is more than that text."""
