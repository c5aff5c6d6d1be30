"""`sagellm-benchmark merge DIR…`: a summary from the records of a run, offline.

In go directories of one run: one that never ended, or the segments of its workers. Out come
`summary.json`, and `records/merged.jsonl` with what the first directory lacked, so that every other
command works on it. The exit code is the verdict's.
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagellm_benchmark.cli.window import window
from sagellm_benchmark.errors import UsageError

if TYPE_CHECKING:
    from sagellm_benchmark.record.merging import Assembly

PLAIN_WIDTH = 100
_DESCRIPTION = """\
Put together the records of one run: DIR/records/*.jsonl and DIR/workers/*/*.jsonl of every DIR,
each request once, and write its summary into the first DIR. A DIR is a run's directory, or a
worker's with a run.json. A run that did not end in order is invalid, exit code 3.
"""


def add_parser(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "merge",
        help="a summary from a run's records, where the run did not end",
        description=_DESCRIPTION,
    )
    parser.add_argument("directories", nargs="+", metavar="DIR", help="a directory of the run")
    parser.add_argument(
        "--out", metavar="DIR", help="a new run directory to write, instead of the first DIR"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Merge, and show the summary.

    Raises:
        UsageError: The directories are no run's, of several, or cannot be written.
    """
    from sagellm_benchmark.record.archive import read_summary, write_json
    from sagellm_benchmark.record.merging import Assembly
    from sagellm_benchmark.record.sources import find_segments
    from sagellm_benchmark.report.terminal import summary_text

    sources = find_segments(args.directories)
    own = read_summary(sources.directory)
    out = sources.directory if args.out is None else _new(args.out)
    assembly = Assembly(sources)
    summary = _summary(assembly, own, out)
    verdict = summary["verdict"]
    manifest = {
        **sources.manifest,
        "verdict": verdict["state"],
        "exit_code": verdict["exit_code"],
    }
    try:
        write_json(out / "summary.json", summary)
        write_json(out / "run.json", manifest)
        _take_along(sources.directory, out)
    except OSError as error:
        raise UsageError(f"{out}: cannot be written: {error.strerror}") from None
    print(_counted(assembly))
    width, color = window(PLAIN_WIDTH)
    print(summary_text(summary, width=width, color=color, run_dir=str(args.out or out)), end="")
    return verdict["exit_code"]


def _new(name: str) -> Path:
    """A directory that is not there yet; made when there is something to put into it."""
    out = Path(name).resolve()
    if out.exists():
        raise UsageError(f"--out {name}: exists; choose another name or remove it")
    return out


def _summary(assembly: Assembly, own: dict[str, Any] | None, out: Path) -> dict[str, Any]:
    """Read every record once more, in full; what is to be moved is moved on the way."""
    import msgspec

    from sagellm_benchmark.metrics.columns import Columns
    from sagellm_benchmark.metrics.recovery import Start, own_summary, recover
    from sagellm_benchmark.record.merged import MergedSegment
    from sagellm_benchmark.record.record import RequestRecord
    from sagellm_benchmark.record.scrapes import read_scrapes

    decode = msgspec.json.Decoder(RequestRecord).decode
    columns, start = Columns(), Start()
    with MergedSegment(assembly, out) as segment:
        for path, line in assembly.lines():
            record = decode(line)
            columns.add(record)
            start.add(record)
            segment.add(path, line)
        summary = recover(
            columns,
            assembly.sources.manifest,
            own_summary(own),
            start,
            asdict(assembly.counts),
            read_scrapes(assembly.sources.directory),
        )
        segment.close()
    return summary


def _take_along(source: Path, out: Path) -> None:
    """The files of a run that merge neither reads nor makes."""
    from sagellm_benchmark.record.scrapes import FILE

    if source != out and (source / FILE).exists():
        shutil.copyfile(source / FILE, out / FILE)


def _counted(assembly: Assembly) -> str:
    counts = assembly.counts
    details = [
        f"{number:,} {words}"
        for number, words in (
            (counts.repeated, "said twice"),
            (counts.conflicting, "less final than another of the same request"),
            (counts.torn, "torn off at a file's end"),
        )
        if number
    ]
    left_out = f"; lines left out: {', '.join(details)}" if details else ""
    return f"{counts.records:,} requests of {counts.segments} files{left_out}\n"
