"""`sagellm-benchmark trace convert` and `trace synth`, beside those that only look at traces.

In: parsed arguments. Out: a new trace file; an exit code. A trace is never written over another
file, and never half.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from sagellm_benchmark.cli import changes, inspection, reading
from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.conversion import converted
from sagellm_benchmark.trace.formats import native
from sagellm_benchmark.trace.library import find
from sagellm_benchmark.trace.row import Header


def add_parser(subparsers: Any) -> None:
    """Add the `trace` command to a command line."""
    parser = subparsers.add_parser("trace", help="look at traces and convert them")
    commands = parser.add_subparsers(dest="trace_command", metavar="COMMAND", required=True)
    inspection.add_parsers(commands)
    change = commands.add_parser("convert", help="write a trace, or a part of it, as a native one")
    change.add_argument("trace", metavar="IN", help="the trace to read")
    change.add_argument("out", metavar="OUT", help="the file to write: .jsonl or .jsonl.gz")
    reading.add_options(change)
    changes.add_options(change)
    change.set_defaults(run=_convert)
    make = commands.add_parser("synth", help="make a trace from a workload's specification")
    make.add_argument("trace", metavar="SPEC", help="a YAML file, or a name such as Q1")
    make.add_argument(
        "-o", "--out", required=True, metavar="OUT", help="the file to write: .jsonl or .jsonl.gz"
    )
    make.add_argument("--seed", type=int, metavar="N", help="instead of the specification's")
    make.set_defaults(run=_synth)


def _convert(args: argparse.Namespace) -> int:
    out = _new(args.out)
    header, rows = converted(reading.opened(args, args.trace), changes.changes_of(args))
    native.write(out, header, rows)
    sys.stdout.write(f"{out}: {_counted(header)}\n")
    return 0


def _counted(header: Header) -> str:
    added = "".join(f" and {many:,} added ({why})" for why, many in header.added.items())
    return f"{header.rows_emitted:,} rows of {header.rows_read:,} read{added}"


def _synth(args: argparse.Namespace) -> int:
    out = _new(args.out)
    if args.seed is not None and args.seed < 0:
        raise UsageError(f"--seed: {args.seed} is not 0 or more")
    trace = find(args.trace, seed=args.seed)
    if trace.format != "workload":
        raise UsageError(f"{args.trace}: no specification; its name must end in .yaml")
    native.write(out, trace.header, trace.rows())
    sys.stdout.write(f"{out}: {trace.rows_read:,} rows made\n")
    return 0


def _new(name: str) -> Path:
    """The file to write, which must not be there yet."""
    out = Path(name)
    if not out.name.endswith((".jsonl", ".jsonl.gz")):
        raise UsageError(f"{out}: name it .jsonl or .jsonl.gz")
    if out.exists():
        raise UsageError(f"{out}: exists; choose another name or remove it")
    return out
