"""The start form: which settings the page shows, under which heading, with which values.

In go the options that a page may set and what they stand at; out come fields for the template. The
form sends every one of them each time: what is empty gets its default.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from locust.env import Environment

from sagellm_benchmark.config.option import Option
from sagellm_benchmark.config.options import OPTIONS
from sagellm_benchmark.load.coordinator import Coordinator
from sagellm_benchmark.load.dispatch import Role

_FIRST = {
    "Load": ("speed", "rate", "concurrency", "max_sessions", "loop", "limit"),
    "Target": ("model",),
    "Measure": ("slo", "warmup", "max_in_flight"),
}
"""What most runs are told, by heading; the rest is folded away."""
_LABELS = {
    "speed": "Speed",
    "rate": "Rate",
    "concurrency": "Users in a closed loop",
    "max_sessions": "Sessions at once",
    "slo": "Objectives",
    "warmup": "Warm-up",
    "max_in_flight": "Most in flight",
    "limit": "At most rows",
    "model": "Model",
    "loop": "Rounds",
}
_HELP = {
    "slo": "ttft_ms<=500 is for each request and makes goodput; ttft_ms.p99<=500 or "
    "error_rate<=0.01 is for the run; several with commas between",
    "speed": "2 sends twice as fast as recorded; or write a rate",
    "rate": "requests/s on average, shape kept; or write a speed",
    "limit": "of the trace, from its beginning",
    "warmup": "seconds or requests (200req) left out of the figures",
    "max_in_flight": "what falls due above it is dropped, and counted",
    "max_sessions": "the next begins when one has ended; arrival times do not count",
    "loop": "how often the trace is replayed; forever needs a run time",
}
_PLACEHOLDERS = {"speed": "1", "slo": "ttft_ms<=500, e2e_ms.p99<=5000", "warmup": "30s"}


@dataclass(frozen=True)
class Field:
    """One input.

    Attributes:
        key: Its name in the form.
        label: What stands above it.
        help: What stands below it.
        value: What stands in it.
        choices: What can be chosen, where that is few.
        placeholder: What is there while it is empty.
    """

    key: str
    label: str
    help: str
    value: str
    choices: tuple[str, ...] = ()
    placeholder: str = ""


def groups(environment: Environment, coordinator: Coordinator) -> dict[str, list[Field]]:
    """The fields under their headings; those under "More" are folded away."""
    role = coordinator.role
    shown = {option.key: option for option in OPTIONS if option.page and _fits(option, role)}
    first = {
        heading: [_field(environment, shown[key]) for key in keys if key in shown]
        for heading, keys in _FIRST.items()
    }
    taken = {key for keys in _FIRST.values() for key in keys}
    rest = [_field(environment, option) for key, option in shown.items() if key not in taken]
    return {**first, "More": rest}


def traces(coordinator: Coordinator) -> list[tuple[str, str]]:
    """The traces that may be chosen, (value, name); the one of the command line first."""
    given = coordinator.inputs.given_trace
    offered = [(name, name) for name in coordinator.inputs.offer.traces()]
    return [*([] if given is None else [(given, given)]), *offered]


def hosts(coordinator: Coordinator) -> list[str]:
    """The targets that may be chosen."""
    given = coordinator.inputs.host
    return [*([] if given is None else [given]), *coordinator.inputs.offer.hosts]


def _fits(option: Option, role: Role) -> bool:
    """Whether an option has a meaning for what drives the load."""
    if role is Role.TASKS:
        return option.group != "trace" and option.key not in ("cancel_rate", "cancel_after")
    if role is Role.CLOSED:
        return option.key not in ("speed", "rate", "max_sessions")
    return option.key != "concurrency"


def _field(environment: Environment, option: Option) -> Field:
    label = _LABELS.get(option.key, option.key.replace("_", " ").capitalize())
    default = "" if option.default is None else _text(option.default)
    return Field(
        option.key,
        label,
        _HELP.get(option.key, option.help),
        _text(getattr(environment.parsed_options, option.key)),
        option.choices,
        _PLACEHOLDERS.get(option.key, default),
    )


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return ", ".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)
