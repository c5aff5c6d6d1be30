"""`sagellm-benchmark gate`: does a release pass?

Finished runs in, exit code out: 0 every check is met, 1 one is not, 2 bad input, 3 the runs cannot
be judged. A table, JSON, JUnit XML and GitHub's annotations tell the same. Neither Locust nor
gevent is loaded.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagellm_benchmark.cli.window import window
from sagellm_benchmark.errors import InputError, UsageError

if TYPE_CHECKING:
    from sagellm_benchmark.report.comparison.sides import Side
    from sagellm_benchmark.report.gate import Gate

PLAIN_WIDTH = 120
_EPILOG = """\
RUN is a run's directory, one that holds several (as run --repeat makes), or what stands before the
numbers of repeats, such as runs/nightly/nightly-a. Several runs repeat each other.

  sagellm-benchmark gate runs/latest --slo "ttft_ms.p99<=500" --slo "error_rate<=0.01"
  sagellm-benchmark gate runs/latest --contract year1
  sagellm-benchmark gate runs/new --baseline runs/old --max-regression 5%
"""


def add_parser(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "gate",
        help="does a run meet its objectives, a contract, a baseline? exit code 0, 1 or 3",
        description="Hold finished runs against objectives, a contract and a baseline.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help="runs that repeat each other")
    parser.add_argument(
        "--slo",
        action="append",
        default=[],
        metavar="EXPR",
        help="an objective as run takes it; may be repeated (default: those of the run)",
    )
    parser.add_argument(
        "--contract", metavar="NAME", help="year1, year2, year3, or a FILE.yaml of objectives"
    )
    parser.add_argument(
        "--baseline", nargs="+", metavar="RUN", help="runs that these must not be worse than"
    )
    parser.add_argument(
        "--metric",
        action="append",
        default=[],
        metavar="NAME",
        help="a figure to hold against the baseline, such as ttft_ms.p99; may be repeated (default:"
        " mean TTFT, TPOT and e2e, output tokens/s, error rate)",
    )
    parser.add_argument(
        "--max-regression",
        default="0",
        metavar="SHARE",
        help="what a figure may become worse by, such as 5%% (default 0)",
    )
    parser.add_argument(
        "--confidence", default="95%", metavar="SHARE", help="of the comparison (default 95%%)"
    )
    parser.add_argument(
        "--paired", action="store_true", help="runs and baseline alternated: compare them in pairs"
    )
    parser.add_argument(
        "--strict", action="store_true", help="runs that are not alike are unusable: exit code 3"
    )
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write JUnit XML")
    parser.add_argument(
        "--github",
        action="store_true",
        help="annotations, and a page in the file that GITHUB_STEP_SUMMARY names",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Judge, and say what was found.

    Raises:
        UsageError: The options are wrong, or what they name is no run.
    """
    from sagellm_benchmark.report.gate import judge

    _check(args)
    gate = judge(*_sides(args), _rules(args))
    _say(gate, args)
    if args.junit is not None:
        from sagellm_benchmark.report.junit import junit_xml

        _write(args.junit, junit_xml(gate), "wb", "--junit")
    return gate.exit_code


def _check(args: argparse.Namespace) -> None:
    if args.baseline is None:
        for flag in ("metric", "paired"):
            if getattr(args, flag):
                raise UsageError(f"--{flag} goes with --baseline RUN")
        if _share("--max-regression", args.max_regression):
            raise UsageError("--max-regression goes with --baseline RUN")
    if args.github and args.json:
        raise UsageError("--github and --json both print to standard output: keep one")
    if args.github and not os.environ.get("GITHUB_STEP_SUMMARY"):
        raise UsageError("--github: GITHUB_STEP_SUMMARY is not set; GitHub Actions sets it")


def _sides(args: argparse.Namespace) -> tuple[Side, Side | None]:
    from sagellm_benchmark.report.comparison.sides import open_sides

    if args.baseline is None:
        runs = open_sides(args.runs) if len(args.runs) == 1 else open_sides([",".join(args.runs)])
        if len(runs) != 1:
            raise UsageError(
                f"{args.runs[0]}: holds the sides of an experiment; name one and its --baseline"
            )
        return runs[0], None
    baseline, runs_side = open_sides([",".join(args.baseline), ",".join(args.runs)])
    return runs_side, baseline


def _rules(args: argparse.Namespace) -> Any:
    from sagellm_benchmark.metrics.slo import parse_slos
    from sagellm_benchmark.report.contracts import read_contract
    from sagellm_benchmark.report.gate import Rules
    from sagellm_benchmark.report.regressions import Method

    confidence = _share("--confidence", args.confidence)
    if not 0.5 <= confidence < 1:
        raise UsageError(f"--confidence {args.confidence}: write 50% or more, and under 100%")
    return Rules(
        slos=parse_slos(args.slo),
        contract=None if args.contract is None else read_contract(args.contract),
        method=Method(
            figures=tuple(args.metric),
            max_regression=_share("--max-regression", args.max_regression),
            confidence=confidence,
            paired=args.paired,
        ),
        strict=args.strict,
    )


def _share(option: str, text: str) -> float:
    """`5%` or `0.05`."""
    number, percent, rest = text.partition("%")
    try:
        value = float(number) / (100 if percent else 1)
    except ValueError:
        value = -1.0
    if rest or not 0 <= value <= 1:
        raise UsageError(f"{option} {text}: write a share, such as 5% or 0.05")
    return value


def _say(gate: Gate, args: argparse.Namespace) -> None:
    if args.json:
        from sagellm_benchmark.report.gate_object import gate_object

        json.dump(gate_object(gate), sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")
        return
    from sagellm_benchmark.report.gate_text import gate_text

    width, color = window(PLAIN_WIDTH)
    text = gate_text(gate, width=width, color=color)
    if not args.github:
        sys.stdout.write(text)
        return
    from sagellm_benchmark.report.github import annotation_lines, step_summary, without_commands

    sys.stdout.write(without_commands(text) + annotation_lines(gate))
    page = step_summary(gate).encode()
    _write(Path(os.environ["GITHUB_STEP_SUMMARY"]), page, "ab", "GITHUB_STEP_SUMMARY")


def _write(path: Path, content: bytes, mode: str, said: str) -> None:
    try:
        with path.open(mode) as file:
            file.write(content)
    except OSError as error:
        raise InputError(f"{said} cannot be written: {error.strerror}", path) from None
