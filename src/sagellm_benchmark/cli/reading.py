"""How the commands on traces take a trace: the options of its reader, and the opening.

In: parsed arguments and a name. Out: a Trace; a run's directory is one too, as it was sent.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from sagellm_benchmark.trace.formats.columns import parse_map
from sagellm_benchmark.trace.formats.registry import FORMATS
from sagellm_benchmark.trace.library import find
from sagellm_benchmark.trace.source import Trace


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of readers."""
    names = ", ".join(each.name for each in FORMATS)
    parser.add_argument("--format", metavar="NAME", help=f"{names}; default: by content")
    parser.add_argument(
        "--map",
        metavar="FIELD=COLUMN,…",
        help="columns to read, for --format columns, such as arrival=ts,input_tokens=prompt_len",
    )
    parser.add_argument(
        "--time-unit", choices=("s", "ms", "rfc3339"), help="of arrival, for --format columns"
    )
    parser.add_argument("--skip-bad", action="store_true", help="count bad rows instead of failing")


def opened(args: argparse.Namespace, name: str) -> Trace:
    """Open a trace as its options say.

    Raises:
        UsageError: There is none, or it is bad.
    """
    return find(
        name,
        format=args.format,
        mapping=parse_map(args.map) if args.map is not None else None,
        time_unit=args.time_unit,
        skip_bad=args.skip_bad,
    )


def opened_or_sent(args: argparse.Namespace, name: str) -> Trace:
    """Open a trace, or look at a run as one; the options are for traces.

    Raises:
        UsageError: There is none, or it is bad.
    """
    if not Path(name).is_dir():
        return opened(args, name)
    from sagellm_benchmark.record.sent import sent_trace

    return sent_trace(name)
