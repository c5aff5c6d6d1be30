"""The end of a run: the books closed, the summary made and written, the exit code found.

In go the run, its columns and its manifest; out come the files and what to print. A disk that takes
no summary does not take the summary from the terminal.
"""

from __future__ import annotations

import math
import os
import shutil
import sys
from dataclasses import dataclass, replace
from typing import Any

from sagellm_benchmark.clock import now, utc
from sagellm_benchmark.load.carried import Carried
from sagellm_benchmark.load.manifest import Manifest
from sagellm_benchmark.load.output import say
from sagellm_benchmark.metrics.columns import Columns
from sagellm_benchmark.metrics.slo import parse_slos
from sagellm_benchmark.metrics.summary import RunFacts, summarize
from sagellm_benchmark.record.archive import write_json
from sagellm_benchmark.report.closing import closing_line
from sagellm_benchmark.report.terminal import summary_text

EXIT_USAGE = 2
EXIT_UNUSABLE = 3
PLAIN_WIDTH = 100


@dataclass(frozen=True)
class Result:
    """How a run came out.

    Attributes:
        exit_code: 0, 1 or 3, as the verdict has it.
        text: The final table.
    """

    exit_code: int
    text: str


def finish(
    run: Carried,
    columns: Columns,
    manifest: Manifest,
    *,
    interrupted: str | None = None,
    aborted: str | None = None,
) -> Result:
    """Close the books.

    Args:
        run: The run; nothing of it is on the wire any more.
        columns: What its records add up to.
        manifest: Its `run.json`.
        interrupted: What ended it early: a signal, by name, or an error of ours.
        aborted: Why it ended itself early.
    """
    run.health.stop()
    run.recorder.close()
    facts = _facts(run, manifest, interrupted, aborted)
    summary = summarize(columns, replace(facts, servers=run.scraper.end()))
    summary["notes"] = [*manifest.remarks, *summary["notes"]]
    verdict = summary["verdict"]
    try:
        write_json(run.identity.directory / "summary.json", summary)
        manifest.write(
            ended_at=utc(run.anchor.unix(now())),
            verdict=verdict["state"],
            exit_code=verdict["exit_code"],
            connected_to=sorted(run.peers),
        )
    except OSError as error:
        verdict.update(state="invalid", valid=False, exit_code=EXIT_UNUSABLE)
        verdict["reasons"].insert(0, f"the summary cannot be written: {error.strerror}")
    return Result(verdict["exit_code"], _text(run, summary))


def tell(run: Carried, result: Result) -> None:
    """Print the result; then make its reports, which cannot harm it any more.

    Raises:
        UsageError: It cannot be printed.
    """
    say(result.text)
    say(closing_line(run.identity.directory, run.recorder.recorded).rstrip())


def _text(run: Carried, summary: dict[str, Any]) -> str:
    terminal = sys.stdout.isatty()
    width = (shutil.get_terminal_size().columns or PLAIN_WIDTH) if terminal else PLAIN_WIDTH
    color = terminal and "NO_COLOR" not in os.environ
    directory = str(run.identity.directory)
    return summary_text(summary, width=width, color=color, run_dir=directory)


def _facts(
    run: Carried, manifest: Manifest, interrupted: str | None, aborted: str | None
) -> RunFacts:
    recorder = run.recorder
    return RunFacts(
        run_id=run.identity.run_id,
        started_at=utc(run.anchor.unix(run.origin_ns)),
        rows=_rows(run),
        planned=recorder.planned,
        written=None if recorder.failed else recorder.written,
        closed=run.settings.closed or run.plan is None,
        slos=parse_slos(run.settings.slo),
        generator=run.generator(),
        lost_workers=run.lost_workers,
        dialect=manifest.server.dialect,
        write_failure=run.write_failure,
        clock_bound_ms=run.clock_bound_ms,
        interrupted=interrupted,
        aborted=aborted,
        thresholds=manifest.thresholds,
    )


def _rows(run: Carried) -> int:
    """Rows of the plan; of a trace that is replayed for ever, those that were reached."""
    total = math.inf if run.plan is None else run.plan.total_rows
    return run.recorder.planned if total == math.inf else int(total)
