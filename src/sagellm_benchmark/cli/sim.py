"""`sagellm-benchmark sim`: start the simulated gateway, say where it is, stop it in order.

Standard output carries one line: the address, then every setting in force. Exit code 0 after
SIGINT, SIGTERM or `--max-seconds`; 2 where it could not start.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from sagellm_benchmark.sim.config import DIALECTS, SimConfig
from sagellm_benchmark.sim.faults import read_faults

_OPTIONS: tuple[tuple[str, type, str], ...] = (
    ("host", str, "address to listen on"),
    ("port", int, "port to listen on; 0: the system chooses"),
    ("model", str, "name of the model served"),
    ("ttft-ms", float, "fixed part of the time to the first token"),
    ("prefill-ms-per-1k", float, "compute time of 1000 uncached prompt tokens"),
    ("itl-ms", float, "time of a decode step, without what the batch adds"),
    ("batch-cost-us", float, "what each running request adds to a decode step"),
    ("kv-tokens", int, "tokens that running requests may hold together; others wait"),
    ("max-batch", int, "requests that run at the same time; others wait"),
    ("default-output-tokens", int, "length of a reply whose request names none"),
    ("seed", int, "chooses the words of the replies"),
    ("accept-delay-ms", float, "accept each connection so much late"),
    ("die-every", int, "abort every so many-th request midstream; 0: none"),
    ("die-after-tokens", int, "tokens that a dying stream sends first"),
    ("keep-alive-s", float, "idle time after which a connection is closed"),
    ("send-log", Path, "file for one JSON line per request with its true send times"),
    ("register", str, "URL of a real sageLLM gateway to serve as an engine"),
    ("max-seconds", float, "stop by itself after so many seconds"),
)


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        "sim",
        help="the simulated gateway",
        description="Serve a simulated sageLLM gateway and engine on this machine's CPU.",
    )
    defaults = {field.name: field.default for field in dataclasses.fields(SimConfig)}
    parser.add_argument(
        "--dialect",
        choices=DIALECTS,
        default=defaults["dialect"],
        help="sagellm (default): bytes like the real gateway's; openai: as most engines speak",
    )
    parser.add_argument(
        "--fixed",
        action="store_true",
        help="send token k of every stream at ttft + k * itl after its request, whatever the load",
    )
    for name, kind, text in _OPTIONS:
        default = defaults[name.replace("-", "_")]
        shown = text if default is None else f"{text} (default {default})"
        parser.add_argument(f"--{name}", type=kind, default=default, help=shown)
    parser.add_argument(
        "--faults", type=Path, help="YAML file of what is to go wrong with which requests"
    )
    parser.add_argument("--ready-file", type=Path, help="file that gets the URL once it serves")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until a signal or the time limit.

    Raises:
        UsageError: It could not start.
    """
    from sagellm_benchmark.sim.process import run_process

    run_process(config_of(args), args.ready_file)
    return 0


def config_of(args: argparse.Namespace) -> SimConfig:
    """Put together what was asked for; the fault script is read here.

    Raises:
        UsageError: An option out of range, or a script that says what cannot be done.
    """
    given = {field.name: getattr(args, field.name) for field in dataclasses.fields(SimConfig)}
    if args.faults is not None:
        given["faults"] = read_faults(args.faults)
    return SimConfig(**given)
