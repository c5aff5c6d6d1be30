"""`sagellm-benchmark trace inspect`, `trace convert` and `trace synth`.

In: parsed arguments. Out: a description of a trace on stdout, or a new trace file; an exit code.
A trace is never written over another file, and never half.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from sagellm_benchmark.cli import changes
from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.conversion import converted
from sagellm_benchmark.trace.formats import native
from sagellm_benchmark.trace.formats.columns import parse_map
from sagellm_benchmark.trace.formats.registry import FORMATS
from sagellm_benchmark.trace.library import find
from sagellm_benchmark.trace.row import Header
from sagellm_benchmark.trace.source import Trace
from sagellm_benchmark.trace.statistics import inspect


def add_parser(subparsers: Any) -> None:
    """Add the `trace` command to a command line."""
    parser = subparsers.add_parser("trace", help="look at traces and convert them")
    commands = parser.add_subparsers(dest="trace_command", metavar="COMMAND", required=True)
    look = commands.add_parser("inspect", help="say what a trace file holds")
    look.add_argument("trace", metavar="FILE", help="the trace, plain or gzipped")
    _add_reading(look)
    look.add_argument("--json", action="store_true", help="print one JSON object")
    look.set_defaults(run=_inspect)
    change = commands.add_parser("convert", help="write a trace, or a part of it, as a native one")
    change.add_argument("trace", metavar="IN", help="the trace to read")
    change.add_argument("out", metavar="OUT", help="the file to write: .jsonl or .jsonl.gz")
    _add_reading(change)
    changes.add_options(change)
    change.set_defaults(run=_convert)
    make = commands.add_parser("synth", help="make a trace from a workload's specification")
    make.add_argument("trace", metavar="SPEC", help="a YAML file, or a name such as Q1")
    make.add_argument(
        "-o", "--out", required=True, metavar="OUT", help="the file to write: .jsonl or .jsonl.gz"
    )
    make.add_argument("--seed", type=int, metavar="N", help="instead of the specification's")
    make.set_defaults(run=_synth)


def _add_reading(parser: argparse.ArgumentParser) -> None:
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


def _opened(args: argparse.Namespace) -> Trace:
    return find(
        args.trace,
        format=args.format,
        mapping=parse_map(args.map) if args.map is not None else None,
        time_unit=args.time_unit,
        skip_bad=args.skip_bad,
    )


def _inspect(args: argparse.Namespace) -> int:
    figures = inspect(_opened(args))
    if args.json:
        json.dump(figures, sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        sys.stdout.write(table(args.trace, figures))
    return 0


def _convert(args: argparse.Namespace) -> int:
    out = _new(args.out)
    header, rows = converted(_opened(args), changes.changes_of(args))
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


def table(name: str, figures: dict[str, Any]) -> str:
    """Lay out the figures of `inspect` for a person."""
    lines = [
        ("trace", f"{name} ({figures['format']})"),
        ("rows", _rows(figures)),
        ("span", _span(figures)),
        ("arrivals", _arrivals(figures)),
        ("dispersion", _dispersion(figures["idc"])),
        ("input tokens", _tokens(figures["input_tokens"])),
        ("output tokens", _tokens(figures["output_tokens"])),
        ("sessions", f"{figures['sessions']:,}" if figures["sessions"] else "none"),
        ("prefix reuse", _reuse(figures["prefix_hit"])),
    ]
    width = max(len(label) for label, _ in lines)
    return "".join(f"{label:<{width}}  {value}\n" for label, value in lines)


def _rows(figures: dict[str, Any]) -> str:
    parts = [f"{figures['rows']:,} of {figures['rows_read']:,} read"]
    parts += [f"{count:,} dropped: {reason}" for reason, count in figures["drops"].items()]
    if figures["inversions"]:
        parts.append(f"{figures['inversions']:,} out of order, sorted")
    if figures["dependents"]:
        parts.append(f"{figures['dependents']:,} wait for others")
    return "; ".join(parts)


def _span(figures: dict[str, Any]) -> str:
    rate = figures["rate_per_s"]
    mean = "" if rate is None else f", {rate:,.3g} requests/s in the mean"
    return f"{figures['span_s']:,.3f} s{mean}"


def _arrivals(figures: dict[str, Any]) -> str:
    iat = figures["iat"]
    if iat["cv"] is None:
        return "all at one instant"
    parts = [f"gaps with CV {iat['cv']:.3f}", f"{iat['ties']:.1%} tied"]
    if (figures["time_resolution_s"] or 0) >= 0.1:
        parts.append(f"recorded on a grid of {figures['time_resolution_s']:g} s")
    return ", ".join(parts)


def _dispersion(idc: dict[str, float | None]) -> str:
    known = [f"{value:.2f} in {width} s" for width, value in idc.items() if value is not None]
    return f"{', '.join(known)} (Poisson: 1)" if known else "unknown"


def _tokens(figures: dict[str, float] | None) -> str:
    if figures is None:
        return "unknown"
    return "   ".join(f"{name} {value:>9,.10g}" for name, value in figures.items())


def _reuse(hit: dict[str, float] | None) -> str:
    if hit is None:
        return "unknown (no block ids)"
    return f"{hit['block']:.1%} of blocks, {hit['token']:.1%} of tokens (endless cache)"
