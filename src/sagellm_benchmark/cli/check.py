"""`sagellm-benchmark check`: what a target is, what it does, and whether a load could run.

In go a host, a model and a key; out come lines for a person or one JSON object, and exit code 0, or
2 with one line that says why no load could run. Some twenty small questions, each with a time
limit; neither Locust nor gevent is loaded.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING, Any

from sagellm_benchmark import __version__
from sagellm_benchmark.config.hosts import check_hosts
from sagellm_benchmark.config.options import BY_KEY, arguments, parse_values
from sagellm_benchmark.config.settings import Settings

if TYPE_CHECKING:
    from sagellm_benchmark.load.server import Server

SCHEMA = "sagellm.check/1"
_OPTIONS = ("model", "endpoint", "no_stream", "api_key_env", "header", "insecure", "cacert")
_DESCRIPTION = """\
Ask a server what it is and what it does with a request: its dialect, engines, models and context,
whether it counts tokens, how many it makes of a word, which parameters it drops, whether failures
come as successes, and how long one small stream takes. It takes some ten seconds and a score of
small requests. Exit code 0: a load could run; 2: it could not, and one line says why.
"""


def add_parser(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "check",
        help="what a server is and does, before you load it",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", metavar="URL[,URL]", help="the server, http://ADDRESS:PORT")
    for key in _OPTIONS:
        parser.add_argument(BY_KEY[key].flag, **arguments(BY_KEY[key]))
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Ask, and say what was found.

    Raises:
        UsageError: A load could not run; the options are wrong.
    """
    from sagellm_benchmark.load.agreement import agreed
    from sagellm_benchmark.load.experiments import examine
    from sagellm_benchmark.load.server import RefusalError
    from sagellm_benchmark.load.target import resolve_all

    settings = _settings(args)
    targets = resolve_all(settings)
    try:
        found = agreed(targets, [examine(target, settings) for target in targets])
    except RefusalError as refused:
        _say(args, _object(settings, refused.server, str(refused)))
        raise
    _say(args, _object(settings, found, None))
    if not args.json:
        print(f"A load can run: sagellm-benchmark run TRACE {_again(settings)}")
    return 0


def _settings(args: argparse.Namespace) -> Settings:
    """The options from the command line, else from the environment, as `run` has them."""
    raw = {}
    for key in _OPTIONS:
        given = getattr(args, key)
        raw[key] = BY_KEY[key].from_environment() if given is None else given
    host = args.host or os.environ.get("LOCUST_HOST")
    return Settings(values=parse_values(raw), host=check_hosts(host))


def _object(settings: Settings, server: Server, reason: str | None) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "version": __version__,
        "target": settings.host,
        "endpoint": settings.endpoint,
        "model": settings.model,
        "ready": reason is None,
        "reason": reason,
        "server": server.describe(),
    }


def _say(args: argparse.Namespace, found: dict[str, Any]) -> None:
    if args.json:
        json.dump(found, sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")
        return
    from sagellm_benchmark.report.check import check_text

    servers = [found["server"], *found["server"]["others"]]
    for host, server in zip(found["target"].split(","), servers, strict=False):
        sys.stdout.write(check_text({**found, "target": host, "server": server}))


def _again(settings: Settings) -> str:
    parts = [f"--host {settings.host} --model {settings.model}"]
    if settings.endpoint != "chat":
        parts.append(f"--endpoint {settings.endpoint}")
    if settings.no_stream:
        parts.append("--no-stream")
    return " ".join(parts)
