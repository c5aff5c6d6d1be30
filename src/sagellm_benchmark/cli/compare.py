"""`sagellm-benchmark compare RUN RUN …`: do these runs differ, and may they be compared?

In: parsed arguments. Out: a table, or one JSON object, on standard output, and files where they are
asked for; exit code 0, 3 where a run is invalid, 2 for bad input. With `--definitions` the same
records are told in another tool's terms, also of a single run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagellm_benchmark.cli.window import window
from sagellm_benchmark.errors import UsageError

if TYPE_CHECKING:
    from sagellm_benchmark.report.comparison.sides import Side

PLAIN_WIDTH = 110
TOOLS = ("vllm", "aiperf", "guidellm", "protocol")
EXIT_UNUSABLE = 3

_EPILOG = """\
a side is:
  runs/x             one run
  runs/x,runs/y      several runs of the same thing, pooled
  runs/x             a directory that holds runs, pooled: what run --repeat makes
  runs/x/x-a         pooled too: runs/x/x-a1, runs/x/x-a2, …
a single directory that holds x-a1 … x-b1 … is its sides a and b: what run --repeat --against makes.
The first side is the base; each other one is held against it.

  sagellm-benchmark compare runs/monday runs/tuesday
  sagellm-benchmark compare runs/base runs/fast --html compare.html
  sagellm-benchmark compare runs/latest --definitions vllm
"""


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "compare",
        help="hold runs against each other: what differs, what is noise, what cannot be told",
        description="Hold runs against each other.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("runs", nargs="+", metavar="RUN", help="a side: a run, or several that repeat each other")
    add("--html", metavar="FILE", help="write a page with overlaid curves")
    add("--md", metavar="FILE", help="write Markdown, for a pull request; - for standard output")
    add("--json", action="store_true", help="print one JSON object instead of the table")
    add(
        "--metric",
        action="append",
        default=[],
        metavar="NAME",
        help="compare this figure, such as ttft_ms.p90, tpot_ms or error_rate; may be repeated",
    )
    add(
        "--definitions",
        choices=TOOLS,
        metavar="|".join(TOOLS),
        help="tell the same records in another tool's terms, also of a single run",
    )
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    from sagellm_benchmark.report.comparison.sides import open_sides

    if args.json and args.md == "-":
        raise UsageError("--json and --md - both take standard output; give one of them")
    sides = open_sides(args.runs)
    if args.definitions is not None:
        return _defined(args, sides)
    if len(sides) < 2:
        raise UsageError(
            f"{args.runs[0]}: nothing to compare it with; name a second run, or --definitions"
        )
    return _compared(args, sides)


def _compared(args: argparse.Namespace, sides: list[Side]) -> int:
    from sagellm_benchmark.report.comparison.differences import compare_sides
    from sagellm_benchmark.report.comparison.figures import named_figures

    comparison = compare_sides(sides, named_figures(args.metric))
    if args.html is not None:
        from sagellm_benchmark.report.comparison.page import comparison_html

        _write("--html", args.html, comparison_html(comparison))
    if args.md is not None:
        from sagellm_benchmark.report.comparison.markdown import comparison_markdown

        _write("--md", args.md, comparison_markdown(comparison))
    if args.json:
        from sagellm_benchmark.report.comparison.document import comparison_document

        _print_json(comparison_document(comparison))
    elif args.md != "-":
        from sagellm_benchmark.report.comparison.terminal import comparison_text

        _print(lambda width, color: comparison_text(comparison, width=width, color=color))
    return 0 if comparison.usable else EXIT_UNUSABLE


def _defined(args: argparse.Namespace, sides: list[Side]) -> int:
    from sagellm_benchmark.report.definitions import texts
    from sagellm_benchmark.report.definitions.view import view

    for flag, given in (("--html", args.html), ("--metric", args.metric)):
        if given:
            raise UsageError(f"{flag} does not go with --definitions; leave one of them out")
    shown = view(args.definitions, sides)
    if args.md is not None:
        _write("--md", args.md, texts.markdown(shown))
    if args.json:
        _print_json(texts.document(shown))
    elif args.md != "-":
        _print(lambda width, color: texts.terminal(shown, width=width, color=color))
    return 0 if shown.usable else EXIT_UNUSABLE


def _print(text: Callable[[int, bool], str]) -> None:
    sys.stdout.write(text(*window(PLAIN_WIDTH)))


def _print_json(content: Any) -> None:
    import msgspec

    sys.stdout.write(msgspec.json.format(msgspec.json.encode(content), indent=1).decode() + "\n")


def _write(flag: str, name: str, text: str) -> None:
    """Into a file that must not be there yet."""
    from sagellm_benchmark.jsonl import write_lines

    if name == "-":
        sys.stdout.write(text)
    elif Path(name).exists():
        raise UsageError(f"{flag} {name}: exists; choose another name or remove it")
    else:
        write_lines(name, [text.rstrip("\n").encode()])
