"""What the report needs of the records: a table of all, some of them whole.

In: a run's archive. Out: the table of stamps and states, failures by kind with an example each,
the slowest requests, and the gaps between tokens, of a sample where there are many requests.
Records are read once in short; the few that are shown whole are looked up where they lie.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import msgspec
import numpy as np

from sagellm_benchmark.metrics.columns import Columns, Group, kind_of
from sagellm_benchmark.metrics.latency import Latencies
from sagellm_benchmark.metrics.slices import Gaps
from sagellm_benchmark.record.archive import Archive
from sagellm_benchmark.record.outline import Outline
from sagellm_benchmark.record.record import RequestRecord
from sagellm_benchmark.wire.states import has_left

GAP_SAMPLE = 8_000
"""Requests whose gaps are looked at, at most."""

KINDS = 50
"""Kinds of failures that are shown."""

_MOST_KINDS = 10_000
_SEQS = 5
_SLOWEST = 5


@dataclass
class Tally:
    """Requests that failed alike, counted.

    Attributes:
        count: How many.
        seqs: Of the first of them that were read.
    """

    count: int = 0
    seqs: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Kind:
    """Requests that failed alike, and the one of the lowest `seq` among those that were noted."""

    tally: Tally
    example: RequestRecord


@dataclass(frozen=True)
class Requests:
    """All requests of a run.

    Attributes:
        latencies: Of all of them, warm-up included, in the order of `seq`.
        groups: Names by their number in the table.
        kinds: Failures, most frequent first, with examples; at most `KINDS` of them.
        more_kinds: Kinds that are not among them.
        slowest: By the latency's name, the slowest measured requests that were ok, slowest first.
        gaps: Between tokens, of measured requests that were ok.
        gap_every: Gaps are of one such request in so many.
        torn: Lines that a killed process left unfinished.
    """

    latencies: Latencies
    groups: list[Group]
    kinds: list[Kind]
    more_kinds: int
    slowest: dict[str, list[RequestRecord]]
    gaps: Gaps
    gap_every: int
    torn: int

    @cached_property
    def measured(self) -> Latencies:
        """Without the warm-up."""
        return self.latencies.where(~self.latencies.table["warmup"])


def read_requests(archive: Archive) -> Requests:
    """Read a run's records.

    Raises:
        InputError: There are none, or a line is no record.
    """
    columns, places, tallies = Columns(), _Places(), dict[tuple[str, str | None, str], Tally]()
    outlines = archive.outlines()
    take, note = columns.outline, places.add
    for outline in outlines:
        take(outline)
        note(outline.seq, outlines.segment, outlines.offset)
        if outline.status != "ok" and not has_left(outline.status, outline.reason):
            _fail(tallies, outline)
    places.settle()
    latencies = Latencies(columns.table())
    kept = _measured_ok(latencies)
    shown = sorted(tallies.values(), key=lambda each: (-each.count, each.seqs))[:KINDS]
    look = _Look(archive, places)
    every = max(1, -(-kept.table.size // GAP_SAMPLE))
    gaps = Gaps()
    for record in look.up(kept.table["seq"][::every].tolist()):
        gaps.add(record)
    return Requests(
        latencies=latencies,
        groups=list(columns.groups),
        kinds=[Kind(tally, next(look.up([min(tally.seqs)]))) for tally in shown],
        more_kinds=len(tallies) - len(shown),
        slowest={name: list(look.up(_slowest(kept, name))) for name in ("ttft_ms", "e2e_ms")},
        gaps=gaps,
        gap_every=every,
        torn=outlines.torn,
    )


def _fail(tallies: dict[tuple[str, str | None, str], Tally], outline: Outline) -> None:
    key = kind_of(outline)
    if key not in tallies and len(tallies) >= _MOST_KINDS:
        key = (outline.status, None, "")  # every message another: the rest is told by state alone
    tally = tallies.setdefault(key, Tally())
    tally.count += 1
    if len(tally.seqs) < _SEQS:
        tally.seqs.append(outline.seq)


def _measured_ok(latencies: Latencies) -> Latencies:
    return latencies.where(latencies.ok & ~latencies.table["warmup"])


def _slowest(kept: Latencies, name: str) -> list[int]:
    values = kept[name]
    known = np.flatnonzero(~np.isnan(values))
    order = np.argsort(-values[known], kind="stable")[:_SLOWEST]
    return kept.table["seq"][known[order]].tolist()


class _Places:
    """Where each record lies on disk: 14 bytes a record."""

    def __init__(self) -> None:
        self._seqs, self._segments, self._offsets = array("I"), array("H"), array("Q")
        self._order = self._sorted = np.zeros(0, dtype=np.uint32)

    def add(self, seq: int, segment: int, offset: int) -> None:
        self._seqs.append(seq)
        self._segments.append(segment)
        self._offsets.append(offset)

    def settle(self) -> None:
        seqs = np.frombuffer(self._seqs, dtype=np.uint32)
        self._order = np.argsort(seqs, kind="stable").astype(np.uint32)
        self._sorted = seqs[self._order]

    def of(self, seqs: Iterable[int]) -> Iterator[tuple[int, int]]:
        for at in np.searchsorted(self._sorted, np.fromiter(seqs, dtype=np.uint32)).tolist():
            place = self._order[at]
            yield self._segments[place], self._offsets[place]


class _Look:
    """Whole records by their `seq`."""

    def __init__(self, archive: Archive, places: _Places) -> None:
        self._paths, self._places = archive.segments(), places
        self._decoder = msgspec.json.Decoder(RequestRecord)

    def up(self, seqs: list[int]) -> Iterator[RequestRecord]:
        """In the order given; a segment that follows itself is opened once."""
        file, opened = None, None
        try:
            for segment, offset in self._places.of(seqs):
                if file is None or segment != opened:
                    if file is not None:
                        file.close()
                    file, opened = self._paths[segment].open("rb"), segment
                file.seek(offset)
                yield self._decoder.decode(file.readline())
        finally:
            if file is not None:
                file.close()
