"""A trace as another trace: any format to the native one, a part of it, at another pace.

In: a Trace, a selection, a pace. Out: the header and rows of a native trace, which says where it
came from and what was done to it. Replaying the result gives the same schedule as replaying the
source with the same selection and pace.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.instant import instant_ns, instant_text
from sagellm_benchmark.trace.row import SCHEMA, Header, Row, Source
from sagellm_benchmark.trace.source import Trace
from sagellm_benchmark.trace.transforms import Pace, Selection, pace_factor, select

_NS_PER_S = 1_000_000_000


def converted(trace: Trace, selection: Selection, pace: Pace) -> tuple[Header, Iterator[Row]]:
    """Check all selected rows in one pass, and give the header and a stream of the result.

    Raises:
        UsageError: The trace is bad, or no row is selected.
    """
    factor = pace_factor(select(trace.rows(), selection), pace)
    rows = sum(1 for _ in select(trace.rows(), selection))
    if not rows:
        raise UsageError(f"{trace.path}: no rows to write; see --start, --end")
    header = _header(trace, selection, pace, factor, rows)
    return header, _retimed(select(trace.rows(), selection), selection.start_s or 0.0, factor)


def _header(trace: Trace, selection: Selection, pace: Pace, factor: float, rows: int) -> Header:
    header = trace.header
    drops = dict(trace.drops)
    if unselected := trace.rows_read - rows - sum(drops.values()):
        drops["not_selected"] = unselected
    done = (selection.described(), pace.described(factor))
    resolution_s = header.time_resolution_s
    return msgspec.structs.replace(
        header,
        schema=SCHEMA,
        source=_source(trace),
        time_origin=_shifted(header.time_origin, selection.start_s),
        time_resolution_s=None if resolution_s is None else resolution_s / factor,
        rows_read=trace.rows_read,
        rows_emitted=rows,
        drops=drops,
        transforms=[*header.transforms, *(each for each in done if each)],
    )


def _source(trace: Trace) -> Source:
    """Where the rows came from at first: a native trace knows, of any other it is the file."""
    if trace.format == "native":
        return trace.header.source
    return msgspec.structs.replace(trace.header.source, sha256=trace.sha256)


def _shifted(time_origin: str | None, start_s: float | None) -> str | None:
    if time_origin is None or not start_s:
        return time_origin
    return instant_text(instant_ns(time_origin.encode()) + round(start_s * _NS_PER_S))


def _retimed(rows: Iterator[Row], start_s: float, factor: float) -> Iterator[Row]:
    for row in rows:
        if row.arrival_time_s is not None:
            row.arrival_time_s = (row.arrival_time_s - start_s) / factor
        if row.think_time_s is not None:
            row.think_time_s /= factor
        yield row
