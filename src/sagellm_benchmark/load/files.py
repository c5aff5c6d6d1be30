"""Locust's own result files, written once more from the final numbers, with nothing in them to run.

Locust rewrites its CSV files every second and not at the end, and its HTML report not at all on
SIGTERM. What is put right here is when they are written, and that no cell of a CSV file, the page's
downloads included, is a formula to a spreadsheet; their content stays Locust's.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gevent
import locust.stats
import locust.web
from locust.env import Environment
from locust.html import get_html_report, process_html_filename
from locust.stats import StatsCSVFileWriter

FORMULA = tuple("=+-@\t\r\n＝＋－＠")
"""What a cell begins with that a spreadsheet takes for a formula, or strips to find one."""


class HarmlessWriter:
    """A CSV writer whose text cells no spreadsheet runs: names and errors come from anywhere.

    Args:
        file: As for `csv.writer`, like all that follows.
    """

    def __init__(self, file: Any, *args: Any, **options: Any) -> None:
        self._writer = csv.writer(file, *args, **options)

    def writerow(self, cells: Iterable[Any]) -> None:
        """Write a row; a cell that would be a formula gets an apostrophe in front."""
        self._writer.writerow([_harmless(cell) for cell in cells])


def _harmless(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


class FinalCSVFileWriter(StatsCSVFileWriter):
    """Locust's CSV writer that ends with the final numbers.

    They are written when Locust begins to leave, and are the last: `--json-file` then empties the
    statistics, and what rewrites the files every second would write zeros.
    """

    def __init__(self, environment: Environment, *args: Any, **options: Any) -> None:
        super().__init__(environment, *args, **options)
        self._rewriting: Any = None
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
    """Let Locust use these writers; it looks them up by name when it needs one."""
    modules: tuple[Any, ...] = (locust.stats, locust.web)
    modules[0].StatsCSVFileWriter = FinalCSVFileWriter
    for module in modules:
        module.csv = SimpleNamespace(writer=HarmlessWriter)  # they take nothing else from it


def write_html(environment: Environment) -> None:
    """Write Locust's HTML report, where `--html` asks for it and a signal would skip it."""
    options = environment.parsed_options
    if options is None or not options.html_file:
        return
    process_html_filename(options)
    path = Path(options.html_file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(get_html_report(environment, show_download_link=False), encoding="utf-8")
