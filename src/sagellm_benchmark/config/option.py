"""What one option of a run is: its name, its text, where it may come from, how its value is read.

A source (command line, environment, file, page) gives text or what it made of it; `Option.value`
makes the value, or raises a `UsageError` that names the option.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sagellm_benchmark.errors import UsageError

ENV_PREFIX = "SAGELLM_BENCHMARK_"


@dataclass(frozen=True, slots=True)
class Option:
    """One option.

    Attributes:
        flag: As it is written, `--speed`.
        help: One line for a person.
        parse: Text to value; None for a switch.
        default: The value where nothing is given.
        metavar: What stands for the value in the help.
        choices: The values allowed, where they are few.
        group: The heading it is listed under.
        page: May be set in the web page's form. Keys, output paths, TLS and headers never may: any
            page of any origin can post to that form.
        repeat: May be given several times; the value is then a tuple.
    """

    flag: str
    help: str
    parse: Callable[[str], Any] | None = None
    default: Any = None
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    group: str = "measurement"
    page: bool = False
    repeat: bool = False

    @property
    def key(self) -> str:
        """The name in code: `--first-token-timeout` is `first_token_timeout`."""
        return self.flag[2:].replace("-", "_")

    @property
    def env(self) -> str:
        """The environment variable."""
        return ENV_PREFIX + self.key.upper()

    def from_environment(self) -> Any:
        """What the environment says, raw; of several values a list, as Locust reads it."""
        text = os.environ.get(self.env)
        if not (self.repeat and text and text.startswith("[") and text.endswith("]")):
            return text
        try:
            return json.loads(text)
        except ValueError:
            return [item.strip() for item in text[1:-1].split(",")]

    def value(self, raw: Any) -> Any:
        """Parse what a source gave, again and again if need be: a page may hand in any type.

        Raises:
            UsageError: The text is no value of this option.
        """
        if self.parse is None:
            return _switch(self.flag, raw)
        if raw is None or raw == "":
            return self.default
        if self.repeat:
            return tuple(self._one(item) for item in _several(raw))
        return self._one(raw)

    def _one(self, raw: Any) -> Any:
        if not isinstance(raw, str):
            raw = str(raw)
        if self.choices and raw not in self.choices:
            raise UsageError(f"{self.flag} must be one of {', '.join(self.choices)}, not {raw!r}")
        try:
            return self.parse(raw) if self.parse else raw
        except ValueError as error:
            raise UsageError(f"{self.flag} {error}") from None


def _several(raw: Any) -> list[Any]:
    return list(raw) if isinstance(raw, list | tuple) else [raw]


def _switch(flag: str, raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    known = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if raw is None or str(raw).lower() not in known:
        raise UsageError(f"{flag} is a switch: true or false, not {raw!r}")
    return known[str(raw).lower()]
