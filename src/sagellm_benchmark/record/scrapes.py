"""What servers said of themselves during a run, one reading a line: `scrapes.jsonl`.

In: readings as they come, each written at once. Out: the same readings, in the same order. Names
and labels stand as the server wrote them. A run without the file has no readings; a line that a
killed process left unfinished at its end is dropped.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from sagellm_benchmark.errors import InputError

SCHEMA = "sagellm.scrape/1"
FILE = "scrapes.jsonl"

BEFORE, DURING, AFTER = "before", "during", "after"
"""Phases: before the first request, while the load is on, after the last reply."""

INTERVAL_S = 5.0
"""Between two readings during the load."""

HOST = "host"
"""How the names begin of what is read of the run's own targets without being asked for."""


class Scrape(msgspec.Struct, kw_only=True):
    """One reading of one page.

    Attributes:
        schema: The schema's name.
        t_s: Seconds of the run; None before the load.
        name: The page's name, as `--scrape` gave it.
        url: Its address, without secrets.
        phase: "before", "during" or "after".
        error: Why there are no values; None where there are.
        values: Numbers by metric name with labels; during the load without histogram buckets.
    """

    schema: str = SCHEMA
    t_s: float | None
    name: str
    url: str
    phase: str
    error: str | None = None
    values: dict[str, float] = msgspec.field(default_factory=dict)


class ScrapeFile:
    """The growing file of one run.

    Args:
        directory: The run's.

    Raises:
        OSError: From here and from every method: it cannot be written.
    """

    def __init__(self, directory: str | Path) -> None:
        self._file = (Path(directory) / FILE).open("ab", buffering=0)
        self._encoder = msgspec.json.Encoder()

    def append(self, scrape: Scrape) -> None:
        """Write one line."""
        line = self._encoder.encode(scrape) + b"\n"
        while line:
            line = line[self._file.write(line) :]

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_scrapes(directory: str | Path) -> Iterator[Scrape]:
    """Read a run's readings back, in the order in which they were taken.

    Raises:
        InputError: A line is none of this schema.
    """
    path = Path(directory) / FILE
    decoder = msgspec.json.Decoder(Scrape)
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        for number, line in enumerate(file, 1):
            try:
                scrape = decoder.decode(line)
            except msgspec.DecodeError as error:
                if not line.endswith(b"\n"):
                    return
                raise InputError(f"no reading of {SCHEMA}: {error}", path, number) from error
            if scrape.schema != SCHEMA:
                raise InputError(f"schema {scrape.schema!r}, expected {SCHEMA!r}", path, number)
            yield scrape
