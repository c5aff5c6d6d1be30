"""`sagellm-benchmark run`: replay a trace without writing a locustfile.

In go our options and, untouched, Locust's own; Locust itself runs in this process with the packaged
locustfile. No implicit configuration is read: neither locust.conf nor pyproject.toml of the current
directory; `--config FILE` names one.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from typing import Any

from sagellm_benchmark.cli.locustfile import locustfile_path
from sagellm_benchmark.cli.repeat import add_repeat, announce, asked_for, repeat
from sagellm_benchmark.config.options import OPTIONS, add_options
from sagellm_benchmark.config.settings import make_settings
from sagellm_benchmark.errors import UsageError

_EPILOG = """\
Everything else is passed on to Locust, such as --run-time 60s, --stop-timeout 10s, --csv PREFIX,
--html FILE, --web-port N. TRACE stands before these.

  sagellm-benchmark run trace.jsonl --host http://127.0.0.1:8889 --model m
  sagellm-benchmark run --input-tokens 512 --output-tokens 128 --requests 200 --rate 10 \\
      --host http://127.0.0.1:8889 --model m
"""


def add_parser(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "run",
        help="replay a trace, or a made load, against a server",
        description="Replay a trace, or a made load, against an OpenAI-compatible server.",
        usage="%(prog)s [TRACE] --host URL [--model M] [OPTION ...] [LOCUST'S OPTION ...]",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--host",
        metavar="URL[,URL]",
        help="the server, http://ADDRESS:PORT; several share the rows",
    )
    parser.add_argument("--web", action="store_true", help="with Locust's page, and not headless")
    add_repeat(parser)
    add_options(parser)
    parser.set_defaults(run=run, passes_on=True)


def run(args: argparse.Namespace) -> int:
    """Check the options, then hand over to Locust.

    Raises:
        UsageError: The options are wrong.
        SystemExit: Locust's way to end, with the run's exit code.
    """
    raw = _raw(args)
    file = _file(args.rest)
    host = args.host or os.environ.get("LOCUST_HOST") or file.get("host")
    chosen = make_settings(_with_sources(raw, file), host=host, waiting=args.web)
    if asked_for(args):
        if not args.plan:
            return repeat(args, chosen, _given({**raw, "out": None, "run_id": None}))
        announce(args, chosen)
    kind = "closed" if chosen.closed else "replay"
    argv = ["-f", str(locustfile_path(kind)), *_given(raw)]
    if args.host:
        argv += ["--host", args.host]
    argv += [] if args.web else ["--headless"]
    from sagellm_benchmark.load.launch import replay  # imports Locust

    return replay([*argv, *args.rest], web=args.web)


def _raw(args: argparse.Namespace) -> dict[str, Any]:
    """The values of the command line, as they were written."""
    raw = {option.key: getattr(args, option.key) for option in OPTIONS}
    # Not argparse's positional: that would take the value of one of Locust's options for TRACE.
    if args.rest and not args.rest[0].startswith("-"):
        if raw["trace"] is not None:
            raise UsageError("the trace is named twice: as TRACE and with --trace")
        raw["trace"] = args.rest.pop(0)
    return raw


def _file(rest: Sequence[str]) -> Mapping[str, Any]:
    """What the file says that `--config` names, one of Locust's options."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--config", nargs="?")
    path = parser.parse_known_args(rest)[0].config
    if path is None:
        return {}
    from sagellm_benchmark.load.launch import configured  # imports Locust

    return configured(path)


def _with_sources(raw: Mapping[str, Any], file: Mapping[str, Any]) -> dict[str, Any]:
    """The same, with the environment's and the file's where there is none: as Locust will see."""
    found = dict(raw)
    for option in OPTIONS:
        for source in (option.from_environment(), file.get(option.flag[2:])):
            if found[option.key] is None:
                found[option.key] = source
    return found


def _given(raw: dict[str, Any]) -> list[str]:
    """The options as Locust's parser takes them."""
    argv: list[str] = []
    for option in OPTIONS:
        value = raw[option.key]
        if value is None or value is False:
            continue
        if option.parse is None:
            argv.append(option.flag)
        elif option.repeat:
            argv += [f"{option.flag}={item}" for item in value]
        else:
            argv.append(f"{option.flag}={value}")
    return argv
