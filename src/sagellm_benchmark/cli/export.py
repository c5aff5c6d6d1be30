"""`sagellm-benchmark export --to NAME --out FILE RUN`: a run for other programs.

In goes a finished run; out comes one file, or text on standard output: its records as CSV, JSONL or
Parquet, or the entry for the sageLLM leaderboard. A file is never half written, and replaces
another only with `--force`. Exit code 3: no entry is made of an invalid run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.redact import printable

if TYPE_CHECKING:
    from sagellm_benchmark.record.archive import Archive
    from sagellm_benchmark.record.record import RequestRecord
    from sagellm_benchmark.record.segments import RecordReader

EXIT_UNUSABLE = 3
STANDARD_OUTPUT = "-"
_EPILOG = """\
  sagellm-benchmark export --to csv --out records.csv runs/latest
  sagellm-benchmark export --to leaderboard --out entry.json --system system.yaml runs/latest
"""


def add_parser(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "export",
        help="a run's records as CSV, JSONL or Parquet, or its leaderboard entry",
        description="Write a run's records, or its leaderboard entry, for other programs.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("directory", metavar="RUN", help="a run's directory, as runs/latest")
    parser.add_argument("--to", required=True, choices=tuple(_WRITERS), help="what to write")
    parser.add_argument(
        "--out",
        required=True,
        metavar="FILE",
        help="the file to write, .gz for a packed one; - for standard output",
    )
    parser.add_argument(
        "--system",
        metavar="FILE.yaml",
        help="declares the system under test, for a leaderboard entry of a run made without",
    )
    parser.add_argument("--force", action="store_true", help="write over a file that exists")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Export.

    Raises:
        UsageError: There is no such run, something is not declared, the file cannot be written.
    """
    from sagellm_benchmark.record.archive import open_archive

    if args.system is not None and args.to != "leaderboard":
        raise UsageError(f"--system goes with --to leaderboard: {args.to} has records alone")
    if args.out != STANDARD_OUTPUT and Path(args.out).exists() and not args.force:
        raise UsageError(f"{args.out}: exists; choose another name, or write over it with --force")
    return _WRITERS[args.to](open_archive(args.directory), args)


def _csv(archive: Archive, args: argparse.Namespace) -> int:
    from sagellm_benchmark.report.export.spreadsheet import csv_lines

    return _records(archive, args, csv_lines)


def _jsonl(archive: Archive, args: argparse.Namespace) -> int:
    """The records as they stand in their files, each checked to be one."""

    def lines(reader: RecordReader[RequestRecord]) -> Iterator[bytes]:
        for _ in reader:
            yield reader.line.rstrip(b"\n")

    return _records(archive, args, lines)


def _records(
    archive: Archive,
    args: argparse.Namespace,
    lines: Callable[[RecordReader[RequestRecord]], Iterable[bytes]],
) -> int:
    reader = archive.records()
    _write(args, lines(reader))
    _say(args, f"the records of {archive.run_id}", reader.torn, archive.shortage(reader.found))
    return 0


def _parquet(archive: Archive, args: argparse.Namespace) -> int:
    from sagellm_benchmark.jsonl import new_file
    from sagellm_benchmark.report.export.parquet import write_parquet

    if args.out == STANDARD_OUTPUT:
        raise UsageError("--out -: Parquet is no text: name a file")
    reader = archive.records()
    with new_file(args.out, force=args.force) as file:
        rows = write_parquet(file, reader, run_id=archive.run_id)
    _say(args, f"{rows:,} records of {archive.run_id}", reader.torn, archive.shortage(rows))
    return 0


def _leaderboard(archive: Archive, args: argparse.Namespace) -> int:
    import msgspec

    from sagellm_benchmark.config.system import completed, read_system
    from sagellm_benchmark.report.export.leaderboard import leaderboard_entry

    verdict = archive.summary["verdict"]
    if not verdict["valid"]:
        reason = verdict["reasons"][0] if verdict["reasons"] else verdict["state"]
        words = (
            f"error: {args.directory}: the run is invalid ({reason}): no entry is made of it; "
            "csv, jsonl and parquet take its records"
        )
        print(printable(words), file=sys.stderr)
        return EXIT_UNUSABLE
    system = completed(archive.manifest["system_declared"], read_system(args.system))
    entry = leaderboard_entry(archive, system, datetime.now(timezone.utc))
    _write(args, [msgspec.json.format(msgspec.json.encode(entry), indent=2)])
    _say(args, f"the entry of {archive.run_id}, not verified")
    return 0


def _write(args: argparse.Namespace, lines: Iterable[bytes]) -> None:
    from sagellm_benchmark.jsonl import write_lines

    if args.out != STANDARD_OUTPUT:
        write_lines(args.out, lines, force=args.force)
        return
    for line in lines:
        sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()  # what cannot be written is not told as written


def _say(args: argparse.Namespace, what: str, torn: int = 0, shortage: str | None = None) -> None:
    """What was written, and what not; beside the output, where that is standard output."""
    left_out = f"; {torn} lines torn off at a file's end are left out" if torn else ""
    incomplete = f"; NOT THE WHOLE RUN: {shortage}" if shortage else ""
    named = "standard output" if args.out == STANDARD_OUTPUT else args.out
    where = sys.stderr if args.out == STANDARD_OUTPUT else sys.stdout
    print(printable(f"{named}: {what}{left_out}{incomplete}"), file=where)


_WRITERS: dict[str, Callable[[Archive, argparse.Namespace], int]] = {
    "csv": _csv,
    "jsonl": _jsonl,
    "parquet": _parquet,
    "leaderboard": _leaderboard,
}
