"""`sagellm-benchmark trace inspect` and `trace plot`: look at a trace, or at two.

In: parsed arguments. Out: figures on stdout, or one HTML file; an exit code. Either of two may be a
run's directory. A file is never written over another, and never half.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sagellm_benchmark.cli import reading
from sagellm_benchmark.errors import UsageError


def add_parsers(commands: Any) -> None:
    """Add both commands."""
    look = commands.add_parser("inspect", help="say what a trace or a run holds; compare two")
    _add_traces(look)
    look.add_argument("--json", action="store_true", help="print one JSON object")
    look.set_defaults(run=_inspect)
    draw = commands.add_parser("plot", help="draw a trace or a run, or two, into one HTML file")
    _add_traces(draw)
    draw.add_argument("-o", "--out", required=True, metavar="OUT.html", help="the file to write")
    draw.set_defaults(run=_plot)


def _add_traces(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "traces", nargs="+", metavar="TRACE", help="a trace, or a run's directory; one or two"
    )
    parser.add_argument(
        "--cache-tokens",
        type=_tokens,
        action="append",
        metavar="N",
        help="size of a prefix cache that forgets the longest unused; may be given again "
        "(default: 100000, 1000000 and 10000000)",
    )
    reading.add_options(parser)


def _tokens(text: str) -> int:
    try:
        tokens = int(text)
    except ValueError:
        tokens = 0
    if tokens < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: give a whole number of tokens, 1 or more")
    return tokens


def _inspect(args: argparse.Namespace) -> int:
    from sagellm_benchmark.report import trace_table
    from sagellm_benchmark.report.differences import differences, unknown
    from sagellm_benchmark.trace.comparison import compare

    observed = _observed(args)
    figures = [each.figures(_sizes(args)) for each in observed]
    if len(observed) == 1:
        return _show(args, figures[0], trace_table.one_table(args.traces[0], figures[0]))
    comparison = compare(*observed)
    distances = comparison.figures()
    differs, untold = differences(comparison, *figures), unknown(*figures)
    table = trace_table.pair_table(args.traces, figures, distances, differs, untold)
    whole = {"a": figures[0], "b": figures[1], "distance": distances}
    return _show(args, {**whole, "differs": differs, "unknown": untold}, table)


def _show(args: argparse.Namespace, figures: dict[str, Any], table: str) -> int:
    if args.json:
        table = json.dumps(figures, indent=2) + "\n"
    sys.stdout.write(table)
    return 0


def _plot(args: argparse.Namespace) -> int:
    from sagellm_benchmark.jsonl import write_lines
    from sagellm_benchmark.report.trace_page import trace_page

    out = Path(args.out)
    if out.suffix != ".html":
        raise UsageError(f"{out}: a plot is an HTML file with its pictures in it; name it .html")
    if out.exists():
        raise UsageError(f"{out}: exists; choose another name or remove it")
    page = trace_page(args.traces, _observed(args), _sizes(args))
    write_lines(out, [page.encode()])
    sys.stdout.write(f"{out}: open it in a browser\n")
    return 0


def _observed(args: argparse.Namespace) -> Sequence[Any]:
    from sagellm_benchmark.trace.statistics import observe

    if len(args.traces) > 2:
        raise UsageError(f"{args.traces[2]}: one trace, or two, and no third")
    return [observe(reading.opened_or_sent(args, name)) for name in args.traces]


def _sizes(args: argparse.Namespace) -> tuple[int, ...]:
    from sagellm_benchmark.trace.statistics import CACHE_TOKENS

    return tuple(sorted(set(args.cache_tokens))) if args.cache_tokens else CACHE_TOKENS
