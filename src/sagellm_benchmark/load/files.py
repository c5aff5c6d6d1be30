"""Locust's own result files, written once more from the final numbers.

Locust rewrites its CSV files every second and not at the end, and its HTML report not at all on
SIGTERM. What is put right here is only when they are written; their content stays Locust's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gevent
import locust.stats
from locust.env import Environment
from locust.html import get_html_report, process_html_filename
from locust.stats import StatsCSVFileWriter


class FinalCSVFileWriter(StatsCSVFileWriter):
    """Locust's CSV writer that ends with the final numbers.

    They are written when Locust begins to leave, and are the last: `--json-file` then empties the
    statistics, and what rewrites the files every second would write zeros.
    """

    def __init__(self, environment: Environment, *args: Any, **options: Any) -> None:
        super().__init__(environment, *args, **options)
        self._rewriting: gevent.Greenlet | None = None
        environment.events.quitting.add_listener(self._finish)

    def stats_writer(self) -> None:
        """Rewrite the files every second; Locust runs this in a greenlet of its own."""
        self._rewriting = gevent.getcurrent()
        super().stats_writer()

    def _finish(self, **_: Any) -> None:
        if self._rewriting is not None:
            self._rewriting.kill()
        for handle, writer, write in (
            (self.requests_csv_filehandle, self.requests_csv_writer, self.requests_csv),
            (self.failures_csv_filehandle, self.failures_csv_writer, self.failures_csv),
            (self.exceptions_csv_filehandle, self.exceptions_csv_writer, self.exceptions_csv),
        ):
            handle.seek(0)
            handle.truncate()
            write(writer)
            handle.flush()


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
