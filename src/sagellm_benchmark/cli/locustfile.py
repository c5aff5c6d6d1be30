"""`sagellm-benchmark locustfile`: print a locustfile that is ready to run.

A kind comes in, the text of one of `locustfiles/` goes to standard output. The texts are data of
the package; nothing of Locust is imported.
"""

from __future__ import annotations

import argparse
import sys
from importlib import resources
from pathlib import Path

FILES = {"replay": "replay", "closed": "closed", "task": "own_tasks"}
"""The file of each kind."""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        "locustfile",
        help="print a locustfile: sagellm-benchmark locustfile > locustfile.py",
        description="Print a locustfile for `locust -f`. It takes the same options as `run`.",
    )
    parser.add_argument(
        "kind",
        nargs="?",
        choices=tuple(FILES),
        default="replay",
        help="replay: a trace at its own times (the default); closed: N requests at a time;"
        " task: your own tasks",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print it; always 0."""
    sys.stdout.write(locustfile(args.kind))
    return 0


def locustfile(kind: str) -> str:
    """The text of one kind."""
    return locustfile_path(kind).read_text(encoding="utf-8")


def locustfile_path(kind: str) -> Path:
    """Where the file of one kind lies, for Locust to load."""
    return Path(str(resources.files("sagellm_benchmark") / "data" / f"{FILES[kind]}.py"))
