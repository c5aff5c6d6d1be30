"""Several traces as one, their origins laid on each other.

In: a Trace and files. Out: all their rows in order of time. Ids of requests and sessions of the
k-th file get `k:` before them, and block ids are dealt out in turn (`id * files + k`), so that no
two files share a prefix; those that the formats call global are the same in each file and stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.changes.change import in_time, noted
from sagellm_benchmark.trace.row import Header, Row
from sagellm_benchmark.trace.source import Trace
from sagellm_benchmark.trace.tally import Tally


@dataclass(frozen=True)
class Merge:
    """Add the rows of other traces.

    Attributes:
        others: The traces.
    """

    others: Sequence[Trace]

    def applied(self, trace: Trace) -> Trace:
        """The trace with the others in it.

        Raises:
            UsageError: Their block ids are of different sizes.
        """
        traces = [trace, *self.others]
        header = _common(traces)
        named = [
            {
                "name": each.path.name if each.path else each.header.source.name,
                "sha256": each.sha256,
            }
            for each in self.others
        ]
        shared = all(each.header.hash_scope == "global" for each in traces)
        stride = 1 if shared else len(traces)

        def rows(tally: Tally) -> Iterator[Row]:
            tallies = [tally, *(each.tally() for each in self.others)]
            yield from in_time(
                _renamed(each.counted(own), number, stride)
                for number, (each, own) in enumerate(zip(traces, tallies, strict=True))
            )
            for other in tallies[1:]:
                _count(tally, other)

        return trace.changed(noted(header, "merge", files=named), rows, self.others)


def _common(traces: Sequence[Trace]) -> Header:
    """The first one's header, without what does not hold for all."""
    first = traces[0].header
    told = (each.header.block_size for each in traces)
    sizes = {size for size in told if size is not None}
    if len(sizes) > 1:
        raise UsageError(
            f"--merge: block ids stand for {' and '.join(map(str, sorted(sizes)))} tokens; only "
            "traces with one block size can be merged"
        )
    same: dict[str, Any] = {"block_size": next(iter(sizes), None)}
    blocked = [each.header for each in traces if each.header.block_size is not None]
    for name, headers in (("hash_scope", blocked), ("partial_tail_hashed", blocked)):
        values = {getattr(header, name) for header in headers}
        same[name] = values.pop() if len(values) == 1 else None
    if len({each.header.tokenizer for each in traces}) > 1:
        same["tokenizer"] = None
    steps = [each.header.time_resolution_s for each in traces]
    known = [step for step in steps if step is not None]
    same["time_resolution_s"] = max(known) if len(known) == len(steps) else None
    return msgspec.structs.replace(first, **same)


def _renamed(rows: Iterator[Row], number: int, stride: int) -> Iterator[Row]:
    for row in rows:
        if number:
            row.request_id = f"{number + 1}:{row.request_id}"
            row.depends_on = [f"{number + 1}:{name}" for name in row.depends_on]
            if row.session_id is not None:
                row.session_id = f"{number + 1}:{row.session_id}"
        if row.prefix_block_ids is not None and stride > 1:
            row.prefix_block_ids = [each * stride + number for each in row.prefix_block_ids]
        yield row


def _count(tally: Tally, other: Tally) -> None:
    tally.rows_read += other.rows_read
    tally.inversions += other.inversions
    for reason, many in other.drops.items():
        tally.drops[reason] = tally.drops.get(reason, 0) + many
