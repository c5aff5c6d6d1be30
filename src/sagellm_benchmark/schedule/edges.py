"""Who waits for whom, by the numbers of their rows.

In: hashes of ids, and pairs of a row that is waited for and one that waits. Out: where an id stands
in the trace; those that wait for a row, how many rows one waits for, and which wait in a circle.
Held in memory: 8 bytes a row and 4 a pair.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

NOBODY = -1
_TOGETHER = 1 << 16  # hashes looked up at once


@dataclass(frozen=True)
class Edges:
    """Who waits for whom.

    Attributes:
        starts: Where those that wait for a row begin in `children`, shape (rows + 1,).
        children: Numbers of rows that wait, sorted by what they wait for, shape (edges,).
        parents: How many rows each waits for, shape (rows,).
        onward: All wait for earlier rows.
    """

    starts: np.ndarray
    children: np.ndarray
    parents: np.ndarray
    onward: bool

    @classmethod
    def between(cls, parents: np.ndarray, children: np.ndarray, rows: int) -> Edges:
        """Those from `parents` to `children`, numbers of rows both, shape (edges,)."""
        import numpy as np

        starts = np.zeros(rows + 1, dtype=np.int32)
        np.cumsum(np.bincount(parents, minlength=rows), out=starts[1:])
        waits_for = np.bincount(children, minlength=rows).astype(np.int32)
        onward = bool((parents < children).all())
        return cls(starts, children[np.argsort(parents, kind="stable")], waits_for, onward)

    def behind(self, seq: int) -> list[int]:
        """Those that wait for a row."""
        return self.children[self.starts[seq] : self.starts[seq + 1]].tolist()

    def before(self) -> np.ndarray:
        """What each of `children` waits for."""
        import numpy as np

        numbers = np.arange(self.parents.size, dtype=np.int32)
        return np.repeat(numbers, np.diff(self.starts))

    def stuck(self) -> np.ndarray:
        """Rows that nothing can ever free; none where all wait for earlier rows."""
        import numpy as np

        if self.onward:
            return self.children[:0]
        left = self.parents.tolist()
        free = np.flatnonzero(self.parents == 0).tolist()
        while free:
            for child in self.behind(free.pop()):
                left[child] -= 1
                if not left[child]:
                    free.append(child)
        return np.flatnonzero(left)


def numbers_of(known: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Where each wanted hash stands among the known ones; -1 for one that does not."""
    import numpy as np

    by_hash = np.argsort(known).astype(np.int32)
    ordered = known[by_hash]
    numbers = np.full(wanted.size, NOBODY, dtype=np.int32)
    for start in range(0, wanted.size, _TOGETHER):
        part = wanted[start : start + _TOGETHER]
        # In order of size they are found by going along, not by jumping to and fro in memory.
        turns = np.argsort(part)
        part = part[turns]
        places = np.searchsorted(ordered, part)
        places[places == known.size] = 0
        found = by_hash[places]
        found[ordered[places] != part] = NOBODY
        numbers[start + turns] = found
    return numbers
