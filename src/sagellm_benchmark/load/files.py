"""Locust's own result files, written once more from the final numbers.

Locust rewrites its CSV files every second and not at the end, and its HTML report not at all on
SIGTERM. What is put right here is only when they are written; their content stays Locust's.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import locust.stats
from locust.env import Environment
from locust.html import get_html_report, process_html_filename
from locust.stats import StatsCSVFileWriter


class FinalCSVFileWriter(StatsCSVFileWriter):
    """Locust's CSV writer that ends with the final numbers.

    They are taken down when Locust begins to leave: `--json-file` empties the statistics before the
    files are closed.
    """

    def __init__(self, environment: Environment, *args: Any, **options: Any) -> None:
        super().__init__(environment, *args, **options)
        self._final: list[tuple[TextIO, str]] = []
        environment.events.quitting.add_listener(self._take_down)

    def _take_down(self, **_: Any) -> None:
        self._final = [
            (self.requests_csv_filehandle, _table(self.requests_csv)),
            (self.failures_csv_filehandle, _table(self.failures_csv)),
            (self.exceptions_csv_filehandle, _table(self.exceptions_csv)),
        ]

    def close_files(self) -> None:
        """Write each table anew and close the files."""
        for handle, table in self._final:
            handle.seek(0)
            handle.truncate()
            handle.write(table)
        super().close_files()


def _table(write: Callable[[Any], None]) -> str:
    text = io.StringIO(newline="")
    write(csv.writer(text))
    return text.getvalue()


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
