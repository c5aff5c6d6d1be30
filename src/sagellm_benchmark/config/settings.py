"""The settings of one run: every option's value, checked against the others, with its source.

In go the raw values of a source; out comes a frozen `Settings`, or a `UsageError` that names the
options and says what to write. Nothing downstream reads an option from anywhere else.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sagellm_benchmark.config.hosts import check_hosts
from sagellm_benchmark.config.options import OPTIONS, parse_values
from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.redact import forms
from sagellm_benchmark.trace.library import workload_of

DEFAULT_STOP_TIMEOUT_S = 30.0
_PLAIN = ("accept", "accept-language", "content-type", "user-agent")
"""Headers whose values are no secrets: to mask `application/json` would spoil every message."""

_RECORDED = (
    *("format", "map", "time_unit", "start", "end", "limit", "skip_bad"),
    *("think_speed", "loop"),
)
"""Options of a trace that was recorded, and of none that is made from token counts."""


@dataclass(frozen=True)
class Settings:
    """All that a run was told.

    Attributes:
        values: The value of every option of ours, by its key.
        host: The target, a URL; of several their URLs, with commas between.
        run_time_s: Locust's `--run-time` in seconds, None for no limit.
        stop_timeout_s: How long requests on the wire may go on once the run is being stopped.
        sources: Where each value came from: cli, env, file, page, workload, default.
    """

    values: Mapping[str, Any]
    host: str
    run_time_s: float | None = None
    stop_timeout_s: float = DEFAULT_STOP_TIMEOUT_S
    sources: Mapping[str, str] = field(default_factory=dict)

    def __getattr__(self, key: str) -> Any:
        """An option's value by its key: `settings.first_token_timeout`."""
        try:
            return self.__dict__["values"][key]
        except KeyError:
            raise AttributeError(key) from None

    @property
    def hosts(self) -> tuple[str, ...]:
        """The targets, a URL each."""
        return tuple(self.host.split(","))

    @property
    def synthetic(self) -> bool:
        """No trace file: the rows are made from `--input-tokens`."""
        return self.values["input_tokens"] is not None

    @property
    def closed(self) -> bool:
        """A closed loop of `--concurrency` users."""
        return self.values["concurrency"] is not None

    @property
    def untimed(self) -> bool:
        """Arrival times do not count: the next request begins when another has ended."""
        return self.closed or self.values["max_sessions"] is not None

    @property
    def times(self) -> float:
        """How often the trace is replayed; infinity for ever."""
        loop = self.values["loop"]
        return math.inf if loop == "forever" else loop or 1

    @property
    def api_key(self) -> str | None:
        """The key that `--api-key-env` names, read now.

        Raises:
            UsageError: The variable is not set, or its value cannot stand in a header.
        """
        variable = self.values["api_key_env"]
        if variable is None:
            return None
        key = os.environ.get(variable)
        if not key:
            raise UsageError(f"--api-key-env {variable}: that environment variable is not set")
        if not (key.isascii() and key.isprintable()):
            raise UsageError(
                f"--api-key-env {variable}: its value holds a line break or what is not ASCII"
            )
        return key

    def secrets(self) -> tuple[str, ...]:
        """What nothing that is kept or shown may hold: the key and the headers' values.

        Raises:
            UsageError: As `api_key`.
        """
        headers = ((name.lower(), value) for name, value in self.values["header"])
        return forms([self.api_key, *(value for name, value in headers if name not in _PLAIN)])

    def describe(self) -> dict[str, dict[str, Any]]:
        """Every value with its source, for `run.json`; header values are hidden."""
        shown = {option.key: self.values[option.key] for option in OPTIONS}
        if shown["burstiness"] == math.inf:
            shown["burstiness"] = "inf"  # JSON has no infinity
        shown["header"] = [f"{name}=***" for name, _ in self.values["header"]]
        shown |= {
            "host": self.host,
            "run_time": self.run_time_s,
            "stop_timeout": self.stop_timeout_s,
        }
        return {
            key: {"value": value, "source": self.sources.get(key, "default")}
            for key, value in shown.items()
        }


def make_settings(
    raw: Mapping[str, Any],
    *,
    host: str | None,
    run_time_s: float | None = None,
    stop_timeout_s: float | None = None,
    sources: Mapping[str, str] | None = None,
    tasks: bool = False,
    waiting: bool = False,
) -> Settings:
    """Parse and check what the sources gave.

    Args:
        raw: Raw values by option key.
        host: The target as given, or None.
        run_time_s: Locust's run time.
        stop_timeout_s: Locust's stop timeout, None where none was given.
        sources: Where each given value came from.
        tasks: The load comes from a user's own tasks, not from a trace.
        waiting: The page will name the trace, where there is a `--trace-dir` to choose from.

    Raises:
        UsageError: A value is wrong, missing, or contradicts another.
    """
    values, found = parse_values(raw), dict(sources or {})
    if not tasks and values["trace"] is not None:
        _take_from_workload(raw, values, found)
    settings = Settings(
        values=values,
        host=check_hosts(host),
        run_time_s=run_time_s,
        stop_timeout_s=DEFAULT_STOP_TIMEOUT_S if stop_timeout_s is None else stop_timeout_s,
        sources=found,
    )
    if tasks:
        _no_trace_options(values)
    elif not (waiting and chooses_trace(values)):
        _check_load(values)
    _check_names(values)
    return settings


def chooses_trace(values: Mapping[str, Any]) -> bool:
    """Whether the trace is left to the page."""
    unnamed = values["trace"] is None and values["input_tokens"] is None
    return unnamed and values["trace_dir"] is not None


def _take_from_workload(
    raw: Mapping[str, Any], values: dict[str, Any], sources: dict[str, str]
) -> None:
    """A workload may be a closed loop by itself, and have a seed, where nothing else says so."""
    workload = workload_of(values["trace"])
    if workload is None:
        return
    own = {"seed": workload.seed}
    if all(values[key] is None for key in ("speed", "rate", "concurrency", "max_sessions")):
        own["concurrency"] = workload.concurrency
    for key, value in own.items():
        if value is not None and raw.get(key) in (None, ""):
            values[key], sources[key] = value, "workload"


def _check_load(values: Mapping[str, Any]) -> None:
    given = {key for key, value in values.items() if value not in (None, False, ())}
    _exclusive(given, "speed", "rate", "concurrency")
    for key in ("speed", "rate", "concurrency"):
        if "max_sessions" in given and key in given:
            raise UsageError(
                f"--max-sessions begins a conversation when another has ended: leave out --{key} "
                "(think times are scaled by --think-speed)"
            )
    if "trace" in given and "input_tokens" in given:
        raise UsageError("--trace and --input-tokens exclude each other: keep one")
    if "trace" not in given and "input_tokens" not in given:
        raise UsageError(
            "no trace: name one with --trace FILE, or make a load with --input-tokens N"
        )
    if "input_tokens" in given:
        _check_synthetic(values, given)
    else:
        for key in ("output_tokens", "requests", "burstiness"):
            if key in given:
                raise UsageError(f"--{key.replace('_', '-')} goes with --input-tokens, not --trace")
    if "format" in given and values["format"] == "columns" and "map" not in given:
        raise UsageError("--format columns needs --map arrival=COLUMN,input_tokens=COLUMN,…")
    if values["output_length"] == "exact" and values["endpoint"] == "embeddings":
        raise UsageError("--output-length exact has no meaning with --endpoint embeddings")
    if values["too_long"] != "fail" and values["no_preflight"] and "max_input_tokens" not in given:
        raise UsageError(
            f"--too-long {values['too_long']} needs --max-input-tokens N beside --no-preflight: "
            "nobody is asked how long the model's context is"
        )
    _check_leaving(values)


def _check_names(values: Mapping[str, Any]) -> None:
    """Who counts tokens, and which model is asked."""
    if values["tokenizer"] is None:
        if values["token_source"] == "tokenizer":
            raise UsageError("--token-source tokenizer needs --tokenizer PATH, the model's own")
    elif values["tokens_per_word"] is not None:
        raise UsageError("--tokenizer and --tokens-per-word exclude each other: keep one")
    if values["model"] is not None and values["model_map"] is not None:
        raise UsageError(
            "--model and --model-map exclude each other: --model goes with every row, --model-map "
            "renames the rows' own"
        )
    _check_scrapes(values["scrape"])


def _check_scrapes(scrapes: tuple[str, ...]) -> None:
    """Each page once, under a name of its own."""
    if "none" in scrapes and len(scrapes) > 1:
        raise UsageError("--scrape none reads nothing: leave out the other --scrape, or the none")
    names = [text.partition("=")[0] for text in scrapes]
    urls = [text.partition("=")[2] for text in scrapes]
    for name, url in zip(names, urls, strict=True):
        if names.count(name) > 1:
            raise UsageError(f"--scrape {name}: named twice; each page has a name of its own")
        if urls.count(url) > 1:
            raise UsageError(f"--scrape {name}: another --scrape has the same URL; keep one")


def _check_leaving(values: Mapping[str, Any]) -> None:
    """Users who leave: how many and when belong together, and token frames are only streamed."""
    rate, after = values["cancel_rate"], values["cancel_after"]
    if rate is not None and after is None:
        raise UsageError("--cancel-rate needs --cancel-after 20tok or 1.5s: when a user leaves")
    if after is None:
        return
    if rate is None:
        raise UsageError("--cancel-after needs --cancel-rate F: the share of users who leave")
    if after[0] == "tok" and (values["no_stream"] or values["endpoint"] == "embeddings"):
        raise UsageError(
            "--cancel-after counts tokens of a stream, and whole replies are asked for: write "
            "seconds, such as 1.5s"
        )


def _check_synthetic(values: Mapping[str, Any], given: set[str]) -> None:
    if values["endpoint"] != "embeddings" and "output_tokens" not in given:
        raise UsageError("--input-tokens needs --output-tokens N beside it")
    if "requests" not in given:
        raise UsageError("--input-tokens needs --requests N: how many to send")
    if "speed" in given:
        raise UsageError(
            "--speed scales a trace: with --input-tokens write --rate or --concurrency"
        )
    if not given & {"rate", "concurrency"}:
        raise UsageError(
            "--input-tokens needs --rate R (open loop) or --concurrency N (closed loop)"
        )
    if "burstiness" in given and "concurrency" in given:
        raise UsageError("--burstiness shapes the arrivals of --rate: a closed loop has none")
    for key in _RECORDED:
        if key in given:
            raise UsageError(f"--{key.replace('_', '-')} goes with --trace, not --input-tokens")


def _exclusive(given: set[str], *keys: str) -> None:
    both = [f"--{key}" for key in keys if key in given]
    if len(both) > 1:
        raise UsageError(f"{' and '.join(both)} exclude each other: keep one")


def _no_trace_options(values: Mapping[str, Any]) -> None:
    for option in OPTIONS:
        ours = option.group == "trace" and option.key not in ("seed", "salt")
        if ours and values[option.key] not in (None, False, option.default):
            raise UsageError(f"{option.flag} replays a trace: GatewayUser sends its own tasks")
    for key in ("cancel_rate", "cancel_after"):
        if values[key] is not None:
            raise UsageError(
                f"--{key.replace('_', '-')} makes users of a replay leave: in a task end the call "
                "with stop_when="
            )
