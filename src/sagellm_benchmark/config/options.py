"""Every option of a run, declared once.

Out comes `OPTIONS`, which the command line, Locust's parser, the environment and the page all
read. Locust's own options (`--host`, `--run-time`, `--stop-timeout`, …) are reused and never
declared again.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from sagellm_benchmark.config import values
from sagellm_benchmark.config.option import Option
from sagellm_benchmark.config.trace_options import TRACE_OPTIONS

OPTIONS: tuple[Option, ...] = (
    *TRACE_OPTIONS,
    Option(
        "--model",
        "the model to ask for; overrides every row",
        values.text,
        metavar="M",
        group="target",
        page=True,
    ),
    Option(
        "--model-map", "rename the rows' models", values.pairs, metavar="A=x,B=y", group="target"
    ),
    Option(
        "--endpoint",
        "what to call (default chat)",
        values.text,
        "chat",
        choices=("chat", "completions", "embeddings"),
        group="target",
        page=True,
    ),
    Option("--no-stream", "ask for whole replies: no TTFT, no ITL", group="target"),
    Option(
        "--api-key-env",
        "the environment variable that holds the API key",
        values.text,
        metavar="VAR",
        group="target",
    ),
    Option(
        "--header",
        "a header for every request; may be repeated",
        values.header,
        (),
        metavar="NAME=VALUE",
        group="target",
        repeat=True,
    ),
    Option(
        "--insecure", "do not verify the TLS certificate; stamped on the report", group="target"
    ),
    Option(
        "--cacert",
        "certificates to trust instead of the system's",
        values.text,
        metavar="FILE",
        group="target",
    ),
    Option(
        "--allow-host",
        "another target that the page may choose; may be repeated",
        values.text,
        (),
        metavar="URL",
        group="target",
        repeat=True,
    ),
    Option(
        "--scrape",
        "read a server's metrics before, during and after the load, beside the target's own; may "
        "be repeated; none reads nothing",
        values.scrape,
        (),
        metavar="NAME=URL",
        group="target",
        repeat=True,
    ),
    Option("--no-preflight", "do not ask the target before the load", group="target"),
    Option(
        "--output-length",
        "cap: max_tokens is the row's output; exact: no less either; free: no limit (default cap)",
        values.text,
        "cap",
        choices=("cap", "exact", "free"),
        group="request",
        page=True,
    ),
    Option(
        "--temperature",
        "sampling temperature of every request",
        values.temperature,
        metavar="T",
        group="request",
        page=True,
    ),
    Option(
        "--extra-body",
        "merged into every request's body",
        values.json_object,
        metavar="JSON",
        group="request",
    ),
    Option(
        "--first-token-timeout",
        "seconds from sent to first token (default 120)",
        values.positive,
        120.0,
        metavar="S",
        group="request",
        page=True,
    ),
    Option(
        "--idle-timeout",
        "seconds between tokens; comments do not count (default 60)",
        values.positive,
        60.0,
        metavar="S",
        group="request",
        page=True,
    ),
    Option(
        "--timeout",
        "seconds from sent to the end (default 600)",
        values.positive,
        600.0,
        metavar="S",
        group="request",
        page=True,
    ),
    Option(
        "--max-in-flight",
        "drop, and count, what falls due while N requests fly",
        values.count,
        metavar="N",
        group="request",
        page=True,
    ),
    Option(
        "--retry",
        "connect again, up to N times, where a connection never stood (default 0: fail)",
        values.whole,
        0,
        metavar="N",
        group="request",
        page=True,
    ),
    Option(
        "--cancel-rate",
        "share of the requests whose user leaves before the reply is complete, 0 to 1",
        values.share,
        metavar="F",
        group="request",
        page=True,
    ),
    Option(
        "--cancel-after",
        "when that user leaves: after N token frames, or S seconds from sent",
        values.patience,
        metavar="20tok|1.5s",
        group="request",
        page=True,
    ),
    Option(
        "--warmup",
        "leave the first seconds or requests out of the headline",
        values.warmup,
        metavar="30s|200req",
        page=True,
    ),
    Option(
        "--slo",
        "an objective: ttft_ms<=500 a request (goodput), ttft_ms.p99<=500 or error_rate<=0.01 "
        "the run (exit 1); may be repeated",
        values.text,
        (),
        metavar="EXPR",
        page=True,
        repeat=True,
    ),
    Option(
        "--token-source",
        "what counts output tokens (default auto: usage, else tokenizer, else chunks)",
        values.text,
        "auto",
        choices=("auto", "usage", "tokenizer", "chunks"),
    ),
    Option(
        "--tokenizer",
        "the model's tokenizer.json, or its directory: makes prompts to length, and counts "
        "replies without usage",
        values.text,
        metavar="PATH",
    ),
    Option(
        "--itl",
        "keep the gaps of each request, or histograms only (default list)",
        values.text,
        "list",
        choices=("list", "hist"),
    ),
    Option(
        "--keep-content",
        "keep replies' text in the records (default none)",
        values.text,
        "none",
        choices=("none", "errors", "all"),
    ),
    Option(
        "--system",
        "YAML that declares the system under test; goes to run.json",
        values.text,
        metavar="FILE.yaml",
    ),
    Option(
        "--out", "parent of the run directory (default runs)", values.text, "runs", metavar="DIR"
    ),
    Option(
        "--run-id",
        "name of the run directory (default: its start time)",
        values.name,
        metavar="NAME",
    ),
    Option("--plan", "say what would be sent, and stop"),
)

BY_KEY: dict[str, Option] = {option.key: option for option in OPTIONS}
GROUPS = ("trace", "target", "request", "measurement")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare all options on a plain argparse parser, under their headings."""
    headings = {group: parser.add_argument_group(f"{group} options") for group in GROUPS}
    for option in OPTIONS:
        headings[option.group].add_argument(option.flag, **arguments(option))


def arguments(option: Option) -> dict[str, Any]:
    """The keywords of `add_argument` for one option; values stay text for `Option.value`."""
    if option.parse is None:
        return {"action": "store_true", "default": None, "help": option.help}
    action = {"action": "append"} if option.repeat else {}
    # The choices stand in the help but argparse does not check them: our line is the clearer one.
    metavar = "|".join(option.choices) if option.choices else option.metavar
    return {"metavar": metavar, "default": None, "help": option.help.replace("%", "%%"), **action}


def parse_values(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The value of every option, from a source's raw ones; what is missing gets its default.

    Raises:
        UsageError: A value cannot be parsed; the text names the option.
    """
    found: dict[str, Any] = {}
    for option in OPTIONS:
        given = raw.get(option.key)
        if option.parse is None and given is None:
            found[option.key] = False
        else:
            found[option.key] = option.value(given)
    return found
