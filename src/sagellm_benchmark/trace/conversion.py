"""A trace as another trace: any format to the native one, changed on the way.

In: a Trace and changes, applied in the order given. Out: the header and rows of a native trace,
which says where it came from and what was done to it, and counts every row:
`rows_read + sum(added) == rows_emitted + sum(drops)`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.changes.change import Change
from sagellm_benchmark.trace.row import SCHEMA, Header, Row, Source
from sagellm_benchmark.trace.source import Trace


def converted(trace: Trace, changes: Iterable[Change]) -> tuple[Header, Iterator[Row]]:
    """Check all rows in one pass, and give the header and a stream of the result.

    Raises:
        UsageError: The trace is bad, cannot be changed so, or no row is left.
    """
    changed = trace
    for change in changes:
        changed = change.applied(changed)
    rows = sum(1 for _ in changed.rows())
    if not rows:
        dropped = f" (dropped: {changed.drops})" if changed.drops else ""
        raise UsageError(f"{trace.path}: no rows to write{dropped}")
    drops = changed.drops
    # A selection stops reading early, and leaves uncounted what the reader had looked ahead.
    rest = changed.rows_read + sum(changed.added.values()) - rows - sum(drops.values())
    if rest:
        drops["not_selected"] = rest
    header = msgspec.structs.replace(
        changed.header,
        schema=SCHEMA,
        source=_source(trace),
        rows_read=changed.rows_read,
        rows_emitted=rows,
        added=changed.added,
        drops=drops,
    )
    return header, changed.rows()


def _source(trace: Trace) -> Source:
    """Where the rows came from at first: a native trace knows, of any other it is the file."""
    if trace.format == "native":
        return trace.header.source
    return msgspec.structs.replace(trace.header.source, sha256=trace.sha256)
