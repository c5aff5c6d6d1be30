"""What a change of a trace is, and what changes share.

In: a Trace. Out: a Trace of the same file whose rows are read through the change, and whose header
lists it. Changes compose in any order. None holds rows; one that must know the whole trace first
reads it in passes of its own.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import Any, Protocol

import msgspec

from sagellm_benchmark.trace.row import Header, Row
from sagellm_benchmark.trace.source import Trace
from sagellm_benchmark.trace.tally import Tally


class Change(Protocol):
    """One change of a trace."""

    def applied(self, trace: Trace) -> Trace:
        """The trace as this change makes it.

        Raises:
            UsageError: The trace cannot be changed so.
        """


def noted(header: Header, op: str, **parameters: Any) -> Header:
    """The header with one more transform, parameters without a value left out."""
    given = {key: value for key, value in parameters.items() if value is not None}
    return msgspec.structs.replace(header, transforms=[*header.transforms, {"op": op, **given}])


def each_row(trace: Trace, header: Header, change: Callable[[Row], None]) -> Trace:
    """A trace whose rows are changed one by one, in place."""

    def rows(tally: Tally) -> Iterator[Row]:
        for row in trace.counted(tally):
            change(row)
            yield row

    return trace.changed(header, rows)


def in_time(passes: Iterable[Iterator[Row]]) -> Iterator[Row]:
    """Merge rows by arrival; a row that waits for others stays behind the row before it."""
    keyed = (_keyed(rows) for rows in passes)
    return map(itemgetter(1), heapq.merge(*keyed, key=itemgetter(0)))


def _keyed(rows: Iterator[Row]) -> Iterator[tuple[float, Row]]:
    second = 0.0
    for row in rows:
        if row.arrival_time_s is not None:
            second = row.arrival_time_s
        yield second, row
