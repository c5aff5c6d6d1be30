"""A run's records as other tools' formulas need them: stamps of requests, gaps, tokens.

An archive comes in. Times are seconds of the run, latencies milliseconds; unknown is NaN. Warm-up
is left out, as each of the tools leaves out its own.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sagellm_benchmark.metrics.columns import SOURCES, STATUSES, UNKNOWN, Columns
from sagellm_benchmark.metrics.histogram import Histogram
from sagellm_benchmark.metrics.latency import Latencies
from sagellm_benchmark.metrics.slo import Slo, parse_slos
from sagellm_benchmark.record.archive import Archive
from sagellm_benchmark.record.glance import GlanceAtGaps


@dataclass(frozen=True)
class Measured:
    """One run without its warm-up.

    Attributes:
        summary: Its `summary.json`.
        rows: Of all its requests.
        gaps: Between token chunks of the ok ones.
        first_gaps: Of each of those the first gap in milliseconds, where gaps were kept.
        slos: Its objectives.
    """

    summary: dict[str, Any]
    rows: Latencies
    gaps: Histogram
    first_gaps: np.ndarray
    slos: tuple[Slo, ...]

    @cached_property
    def sent(self) -> np.ndarray:
        """Rows of what was sent, as a table."""
        return self.rows.table[~np.isnan(self.rows.table["sent"])]

    @cached_property
    def ok(self) -> Latencies:
        """What was ok."""
        return self.rows.where(self.rows.ok)

    @cached_property
    def n(self) -> np.ndarray:
        """Output tokens of the ok requests."""
        return _tokens(self.ok.table["output_tokens"])

    @cached_property
    def inputs(self) -> np.ndarray:
        """Input tokens of the ok requests."""
        return _tokens(self.ok.table["input_tokens"])

    @cached_property
    def decode_ms(self) -> np.ndarray:
        """Of the ok requests, last token - first token."""
        table = self.ok.table
        return (table["last_token"] - table["first_token"]) * 1000

    @property
    def per_token_ms(self) -> np.ndarray:
        """(last token - first token)/(n - 1), 0 where all came at once; NaN for n under 2."""
        return self.decode_ms / np.where(self.n > 1, self.n - 1, np.nan)

    @property
    def failed(self) -> int:
        """Requests that were sent and failed; users who left are none."""
        states, left = self.sent["status"], self.sent["aborted"]
        return int(((states != STATUSES.index("ok")) & ~left).sum())

    def states(self, name: str) -> int:
        """Requests in a state."""
        return int((self.rows.table["status"] == STATUSES.index(name)).sum())

    def source(self, name: str) -> int:
        """Ok requests whose tokens were counted so."""
        return int((self.ok.table["source"] == SOURCES.index(name)).sum())


def measured(archive: Archive) -> Measured:
    """Read a run.

    Raises:
        InputError: A file of its records cannot be read, or holds what is no record; or they are
            not those that its summary counts.
    """
    columns, gaps, first_gaps = Columns(), Histogram(), array("d")
    for record in archive.every(GlanceAtGaps):
        columns.outline(record)
        if not record.measured:
            continue
        if record.counted is not None:
            gaps.add_counts(record.counted)
        elif record.gaps_ms:
            gaps.add(record.gaps_ms)
            first_gaps.append(record.gaps_ms[0])
    table = columns.table()
    return Measured(
        summary=archive.summary,
        rows=Latencies(table[~table["warmup"]]),
        gaps=gaps,
        first_gaps=np.frombuffer(first_gaps, dtype=float),
        slos=parse_slos(archive.manifest["settings"]["slo"]["value"]),
    )


def total(values: np.ndarray) -> float | None:
    """The sum of what is known; None where nothing is."""
    known = values[~np.isnan(values)]
    return float(known.sum()) if known.size else None


def _tokens(numbers: np.ndarray) -> np.ndarray:
    return np.where(numbers == UNKNOWN, np.nan, numbers)
