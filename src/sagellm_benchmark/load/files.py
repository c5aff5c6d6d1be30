"""Locust's own result files, written once more from the final numbers.

Locust rewrites its CSV files every second and not at the end, and its HTML report not at all on SIGTERM. What is put
right here is only when they are written; their content stays Locust's.
"""

from __future__ import annotations

from pathlib import Path

import locust.stats
from locust.env import Environment
from locust.html import get_html_report, process_html_filename
from locust.stats import StatsCSVFileWriter


class FinalCSVFileWriter(StatsCSVFileWriter):
    """Locust's CSV writer that ends with the final numbers."""

    def close_files(self) -> None:
        """Write each table anew and close the files."""
        tables = (
            (self.requests_csv_filehandle, self.requests_csv_writer, self.requests_csv),
            (self.failures_csv_filehandle, self.failures_csv_writer, self.failures_csv),
            (self.exceptions_csv_filehandle, self.exceptions_csv_writer, self.exceptions_csv),
        )
        for handle, writer, write in tables:
            handle.seek(0)
            handle.truncate()
            write(writer)
        super().close_files()


def keep_final_csv() -> None:
    """Let Locust use that writer; it looks the class up by name when `--csv` is given."""
    locust.stats.StatsCSVFileWriter = FinalCSVFileWriter


def write_html(environment: Environment) -> None:
    """Write Locust's HTML report, where `--html` asks for it and a signal would skip it."""
    options = environment.parsed_options
    if options is None or not options.html_file:
        return
    process_html_filename(options)
    path = Path(options.html_file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(get_html_report(environment, show_download_link=False), encoding="utf-8")
