"""The records of a run put together from segments that lie apart: each request once.

In: the files of records of one run. Out: for each request one line, whatever was written of it how
often; which one does not depend on the order of the files. Kept are about 40 bytes a line.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from sagellm_benchmark.record.outline import Outline
from sagellm_benchmark.record.segments import read_outlines
from sagellm_benchmark.record.sources import Sources

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Counts:
    """What was found.

    Attributes:
        segments: Files read.
        records: Requests.
        repeated: Lines that say again what another says.
        conflicting: Lines that say something else of a request than the one that is kept.
        torn: Unfinished last lines that were dropped.
    """

    segments: int
    records: int
    repeated: int
    conflicting: int
    torn: int


class Assembly:
    """Each request of a run once.

    Of two lines about one request the more final is kept: any state before `lost`, what was sent
    before what was not, the later end; and of two that are equally final always the same one.

    Args:
        sources: Where the lines are; they are read once now, in short, and once more by `lines`.

    Attributes:
        counts: What was found.

    Raises:
        InputError: A line is no record.
    """

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self._paths = sources.segments
        lines = _Lines()
        reader = read_outlines(self._paths)
        for outline in reader:
            lines.add(outline, reader.segment, reader.offset, reader.line)
        chosen = lines.choose(self._paths)
        self._segment, self._offset = chosen.segment, chosen.offset
        self._whole = {
            path: int((self._segment == number).sum()) == total
            for number, (path, total) in enumerate(
                zip(self._paths, lines.totals(len(self._paths)), strict=True)
            )
        }
        self.counts = Counts(
            segments=len(self._paths),
            records=len(self._offset),
            repeated=chosen.repeated,
            conflicting=chosen.conflicting,
            torn=reader.torn,
        )

    def lines(self) -> Iterator[tuple[Path, bytes]]:
        """The lines that are kept, with the files that they stand in, as those have them."""
        import numpy as np

        for number, path in enumerate(self._paths):
            offsets = np.sort(self._offset[self._segment == number]).tolist()
            with path.open("rb") as file:
                for offset in offsets:
                    if file.tell() != offset:
                        file.seek(offset)
                    yield path, file.readline()

    def is_whole(self, path: Path) -> bool:
        """Whether every line of a segment is kept."""
        return self._whole[path]


@dataclass(frozen=True)
class _Chosen:
    """Which lines are kept, and how many are not."""

    segment: np.ndarray
    offset: np.ndarray
    repeated: int
    conflicting: int


class _Lines:
    """What is kept of each line: whose it is, where it is, how final."""

    def __init__(self) -> None:
        self._seq, self._segment, self._offset = array("q"), array("l"), array("q")
        self._known, self._ended, self._content = array("b"), array("d"), array("q")

    def add(self, outline: Outline, segment: int, offset: int, line: bytes) -> None:
        self._seq.append(outline.seq)
        self._segment.append(segment)
        self._offset.append(offset)
        self._known.append((outline.status != "lost") * 2 + (outline.sent_s is not None))
        self._ended.append(outline.ended_s)
        self._content.append(hash(line.rstrip(b"\n")))

    def totals(self, segments: int) -> list[int]:
        """Lines of each segment."""
        import numpy as np

        return np.bincount(np.frombuffer(self._segment, dtype="l"), minlength=segments).tolist()

    def choose(self, paths: Sequence[Path]) -> _Chosen:
        """One line for each request: the last of its most final ones."""
        import numpy as np

        if not self._seq:
            nothing = np.empty(0, dtype=np.int64)
            return _Chosen(nothing, nothing, 0, 0)
        seq = np.frombuffer(self._seq, dtype=np.int64)
        segment = np.frombuffer(self._segment, dtype="l")
        known, ended = np.frombuffer(self._known, dtype="b"), np.frombuffer(self._ended)
        content = np.frombuffer(self._content, dtype=np.int64)
        # All else equal the earliest comes last: what is repeated is kept where it was first.
        order = np.lexsort((-np.arange(seq.size), ended, known, seq))
        last = np.append(seq[order][1:] != seq[order][:-1], True)
        kept = order[last]
        others = order[~last]
        speaks = kept[np.searchsorted(seq[kept], seq[others])]
        same = content[others] == content[speaks]
        equals = ~same & (known[others] == known[speaks]) & (ended[others] == ended[speaks])
        for winner, rivals in _rivals(speaks[equals], others[equals]):
            kept[np.searchsorted(seq[kept], seq[winner])] = self._largest([winner, *rivals], paths)
        offset = np.frombuffer(self._offset, dtype=np.int64)
        repeated = int(same.sum())
        return _Chosen(segment[kept], offset[kept], repeated, int(others.size) - repeated)

    def _largest(self, lines: list[int], paths: Sequence[Path]) -> int:
        """Of lines that are equally final, one that does not depend on where they lie."""

        def text(line: int) -> bytes:
            with paths[self._segment[line]].open("rb") as file:
                file.seek(self._offset[line])
                return file.readline().rstrip(b"\n")

        return max(lines, key=text)


def _rivals(winners: np.ndarray, rivals: np.ndarray) -> Iterator[tuple[int, list[int]]]:
    pairs = sorted(zip(winners.tolist(), rivals.tolist(), strict=True))
    for winner, found in groupby(pairs, key=lambda pair: pair[0]):
        yield winner, [rival for _, rival in found]
