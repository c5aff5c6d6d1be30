"""What every reader of a run relies on in `run.json`.

The file is read as a plain mapping, and keys that are not named here are free to come and go. One
that was cut, edited or written by something else is told by the place that is wrong, and not by
whichever reader trips over it first: so whatever a reader takes for granted is named here.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Number = float | None


class Setting(msgspec.Struct):
    """One setting, and where it is from."""

    value: Any
    source: str


class Texts(msgspec.Struct):
    """A setting that is a list of texts."""

    value: list[str]


class Text(msgspec.Struct):
    """A setting that is text."""

    value: str | None


class Times(msgspec.Struct):
    """How often."""

    value: int | Literal["forever"] | None


class Anything(msgspec.Struct):
    """A setting of any form."""

    value: Any


class Settings(msgspec.Struct):
    """The settings that readers look up by name; whatever else was set is free."""

    host: Text
    trace: Text
    model: Text
    salt: Text
    api_key_env: Text
    keep_content: Text
    input_tokens: Anything
    concurrency: Anything
    loop: Times
    slo: Texts


class Tokenizer(msgspec.Struct):
    """The tokenizer of prompts."""

    sha256: str


class Rows(msgspec.Struct):
    """The trace."""

    path: str | None
    sha256: str | None
    rows: int
    span_s: Number
    drops: dict[str, int]


class Target(msgspec.Struct):
    """Who was asked."""

    url: str
    dialect: str | None
    models: list[str]
    tls: bool
    verified: bool


class Server(msgspec.Struct):
    """What the target said of itself."""

    name: str | None
    version: str | None


class Machine(msgspec.Struct):
    """Where the load came from."""

    system: str
    release: str
    architecture: str
    cpus: int | None
    python: str


class Manifest(msgspec.Struct):
    """`run.json`."""

    run_id: str
    version: str
    started_at: str
    settings: dict[str, Setting]
    seed: int
    salt: str
    prompt_rule: str | None
    tokenizer: Tokenizer | None
    schedule_digest: str | None
    trace: Rows | None
    target: Target
    server: Server | None
    remarks: list[str]
    system_declared: dict[str, Any] | None
    machine: Machine
    versions: dict[str, str]
    thresholds: dict[str, Any]
    ended_at: str | None = None


class Known(msgspec.Struct):
    """`run.json` once more, for its settings by name."""

    settings: Settings
