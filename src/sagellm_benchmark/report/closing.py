"""The reports of a run that has just ended: written at once where that is quick.

In: the run's directory and how many records are in it. Out: `report.html` and `report.md`, and one
line that names them, or the command that makes them, or why there are none. The run's own files are
closed by then and are not touched: whatever goes wrong here, its result stands.
"""

from __future__ import annotations

from pathlib import Path

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.record.archive import open_archive
from sagellm_benchmark.report.html import write_report
from sagellm_benchmark.report.markdown import write_markdown
from sagellm_benchmark.report.rerun import quoted

MOST_RECORDS = 30_000
"""Of so many the reports are made in less than a second."""


def closing_line(directory: Path, records: int) -> str:
    """Write the reports if that is quick, and say where they are."""
    if records > MOST_RECORDS:
        command = f"sagellm-benchmark report {quoted(str(directory))}"
        return f"report        run `{command}` for report.html and report.md"
    try:
        archive = open_archive(directory)
        write_report(archive, directory / "report.html")
        write_markdown(archive, directory / "report.md")
    except (OSError, UsageError) as error:
        return f"report        not written: {error}"
    return f"report        {directory / 'report.html'}, and report.md for a pull request"
