"""`sagellm-benchmark report`: a finished run's page, and its text for a pull request.

In: run directories. Out: `report.html` and `report.md` in each of them, or the files that were
named, and their paths on standard output; an exit code. Nothing but the directory is needed, and
nothing of a run is changed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagellm_benchmark.errors import UsageError

if TYPE_CHECKING:
    from sagellm_benchmark.record.archive import Archive

_PRINT = "-"


def add_parser(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "report",
        help="a run as one HTML page and as Markdown",
        description="Write report.html and report.md of finished runs, from their directories.",
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help="a run's directory")
    parser.add_argument("--html", metavar="FILE", help="write the page there, of one run")
    parser.add_argument(
        "--md", metavar="FILE", help="write the Markdown there, of one run; -: print it"
    )
    parser.add_argument("--json", action="store_true", help="print what was written as JSON")
    parser.set_defaults(run=_report)


def _report(args: argparse.Namespace) -> int:
    from sagellm_benchmark.record.archive import open_archive

    _check(args)
    archives = [open_archive(name) for name in args.runs]  # a bad one is told before any work
    written = [_write(archive, args) for archive in archives]
    if args.md == _PRINT:
        from sagellm_benchmark.report.markdown import markdown

        sys.stdout.write("\n".join(map(markdown, archives)))
        return 0
    if args.json:
        import msgspec

        sys.stdout.write(msgspec.json.format(msgspec.json.encode(written)).decode() + "\n")
        return 0
    for files in written:
        for kind in ("html", "md"):
            if files[kind]:
                sys.stdout.write(f"{files[kind]}\n")
    return 0


def _check(args: argparse.Namespace) -> None:
    if args.json and args.md == _PRINT:
        raise UsageError("--json: --md - prints as well; leave one of them out")
    named = [("--html", args.html, ".html"), ("--md", args.md, ".md")]
    for flag, name, suffix in named:
        if name is None or (flag == "--md" and name == _PRINT):
            continue
        if len(args.runs) > 1:
            raise UsageError(f"{flag}: names one file, and there are {len(args.runs)} runs")
        if not name.endswith(suffix):
            raise UsageError(f"{flag} {name}: name it {suffix}")


def _write(archive: Archive, args: argparse.Namespace) -> dict[str, Any]:
    """Both files where none is named, else those that are."""
    from sagellm_benchmark.report.html import write_report
    from sagellm_benchmark.report.markdown import write_markdown

    none = args.html is None and args.md is None
    html = archive.directory / "report.html" if none else args.html and Path(args.html)
    named = None if args.md in (None, _PRINT) else Path(args.md)
    text = archive.directory / "report.md" if none else named
    for path, write in ((html, write_report), (text, write_markdown)):
        if path is None:
            continue
        try:
            write(archive, path)
        except OSError as error:
            hint = "; --html and --md name files elsewhere" if none else ""
            raise UsageError(f"{path}: cannot be written: {error.strerror}{hint}") from error
    return {
        "run_id": archive.run_id,
        "verdict": archive.summary["verdict"]["state"],
        "html": html and str(html),
        "md": text and str(text),
    }
