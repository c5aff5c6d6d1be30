"""How much of the input a prefix cache would hold already, of any size, from one pass.

In: rows in the order in which a cache meets them. Out: hits of blocks and of tokens, for a cache
without a bound and for any that holds so many blocks and forgets the longest unused first, of one
prompt the last blocks first. A block is the same only where everything before it is the same, and a
prompt is served from its start as far as it is held; of a last block that was shorter when it was
met, as far as that went. Kept are 8 bytes a row and 10 of each distinct block; about 150 where the
file does not number its blocks from 0 as they appear.

The sizes need no pass each. A block is still there if fewer distinct blocks than the cache holds
were met since its last use (Mattson's stack distance). Blocks last used by the same row lie behind
one another in the stack, so one look at a sum over rows serves all of them.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from sagellm_benchmark.trace.row import Header, Row

if TYPE_CHECKING:
    import numpy as np

_BITS = 7
_MASK = (1 << _BITS) - 1
_FEW = 1 << 18  # spans that are held one by one


class Hits(NamedTuple):
    """Shares of all blocks and of all input tokens that a cache held."""

    block: float
    token: float


class Reuse:
    """Follows the blocks of rows.

    Attributes:
        block_size: Tokens of a block.
        blocks: Blocks met, repeated ones too.
    """

    def __init__(self, header: Header) -> None:
        self.block_size = header.block_size or 1
        self.blocks = 0
        self._tokens = 0
        self._names = _Names()
        # Of each block: the row that used it last, and how many tokens of it were ever met.
        self._last = array("i")
        self._whole = array("H" if self.block_size < 1 << 16 else "i", (self.block_size,))
        self._met = self._whole[:0]
        self._living = _Sums()
        # By how many blocks a cache must hold for them: hits, and the tokens that those hits lack
        # because a block is not full.
        self._steps = _Steps()
        self._lacking: dict[int, int] = {}

    @property
    def distinct(self) -> int:
        """Distinct blocks met: what a cache without a bound holds in the end."""
        return len(self._names)

    def add(self, row: Row) -> None:
        """Look up a row's blocks, and remember them."""
        tokens = row.input_tokens or 0
        self._tokens += tokens
        if row.prefix_block_ids:
            known = self.distinct
            path = self._names.numbered(row.prefix_block_ids)
            new = len(self._names) - known
            self.blocks += len(path)
            hits = path[: len(path) - new]
            self._look_up(hits, tokens)
            self._remember(hits, new, tokens)

    def hits(self, held: int | None = None) -> Hits | None:
        """What a cache that holds so many blocks had; one without a bound if None.

        Returns:
            None where no row has blocks.
        """
        return self.curve([self.distinct if held is None else held])[0] if self.blocks else None

    def curve(self, sizes: Sequence[int]) -> list[Hits]:
        """What caches that hold so many blocks each had; of a trace with blocks."""
        import numpy as np

        at = np.minimum(sizes, self.distinct)
        turns, heights = self._steps.settled()
        blocks = (at + 1) * _until(turns, heights, at) - _until(
            turns, turns * heights.astype(np.int64), at
        )
        needed = np.array(sorted(self._lacking), dtype=np.int64)
        lacking = np.array([self._lacking[each] for each in needed.tolist()], dtype=np.int64)
        tokens = blocks * self.block_size - _until(needed, lacking, at)
        total = self._tokens or 1
        return [
            Hits(float(hits) / self.blocks, float(served) / total)
            for hits, served in zip(blocks, tokens, strict=True)
        ]

    def _look_up(self, hits: Sequence[int], tokens: int) -> None:
        """Count the hits of a path by what a cache must hold for them; they leave their place."""
        size, place = self.block_size, 0
        whole = tokens // size
        rows = list(map(self._last.__getitem__, hits))
        while place < len(hits):
            row = rows[place]
            many = rows.count(row)  # whoever used a block used what is before it: they are together
            newer = self._living.behind(row) + place
            self._steps.add(newer + 1, newer + many + 1)
            self._living.add(row, -many)
            if place + many > whole:
                for at in range(max(place, whole), place + many):
                    self._lack(newer + at - place + 1, size - _part(tokens, at, size))
            place += many
            if place == len(hits):
                # Only the last one can have been shorter when it was met: whoever went on behind a
                # block had all of it.
                now = _part(tokens, place - 1, size)
                self._lack(newer + many, now - self._met[hits[-1]])
                self._met[hits[-1]] = max(now, self._met[hits[-1]])

    def _lack(self, needed: int, tokens: int) -> None:
        if tokens > 0:
            self._lacking[needed] = self._lacking.get(needed, 0) + tokens

    def _remember(self, hits: Sequence[int], new: int, tokens: int) -> None:
        """Make a path of known blocks and of new ones behind them the latest."""
        row, last, size = len(self._living), self._last, self.block_size
        self._living.append(len(hits) + new)
        for block in hits:
            last[block] = row
        if new:
            last.extend(array("i", (row,)) * new)
            self._met.extend(self._whole * new)
            self._met[-1] = _part(tokens, len(hits) + new - 1, size)


def _until(places: np.ndarray, amounts: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The sum of the amounts up to each of some places; they are sorted by where they lie."""
    import numpy as np

    sums = np.concatenate(([0], np.cumsum(amounts)))
    found: np.ndarray = sums[np.searchsorted(places, at, side="right")]
    return found


class _Names:
    """Numbers blocks from 0 in the order of their appearance, each with all that is before it.

    Most files' ids are such numbers already. What they are not is looked up by a hash of 64 bits.
    """

    def __init__(self) -> None:
        self._before = array("i")  # of a block that is its own number; of any other -2
        self._others: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._before)

    def numbered(self, ids: list[int]) -> list[int]:
        """The numbers of a path; new ones are the next, and follow all others."""
        before, known = self._before, len(self)
        number, met = -1, 0
        for block_id in ids:
            if not 0 <= block_id < known or before[block_id] != number:
                break
            number = block_id
            met += 1
        if met == len(ids):
            return ids
        new = known + len(ids) - met
        if self._others or ids[met:] != list(range(known, new)):
            return self._looked_up(ids, met)
        before.append(number)
        before.extend(range(known, new - 1))
        return ids

    def _looked_up(self, ids: list[int], met: int) -> list[int]:
        """The numbers of a path of which only the first are known to be their own."""
        path = ids[:met]
        number = path[-1] if path else -1
        for block_id in ids[met:]:
            number = self._number(number, block_id)
            path.append(number)
        return path

    def _number(self, before: int, block_id: int) -> int:
        """The number of one block, whether it is its own or not."""
        known = len(self)
        if 0 <= block_id < known and self._before[block_id] == before:
            return block_id
        key = hash((before, block_id))
        if (number := self._others.get(key)) is not None:
            return number
        if block_id == known:
            self._before.append(before)
        else:
            self._before.append(-2)
            self._others[key] = known
        return known


def _part(tokens: int, block: int, size: int) -> int:
    """How many of a prompt's tokens are in one of its blocks."""
    return min(size, max(0, tokens - block * size))


class _Steps:
    """A sum of many spans of ones, as the places where it rises and falls.

    Kept are 8 bytes of each such place, and 8 of each span since they were last added up.
    """

    def __init__(self) -> None:
        self._first = array("i")
        self._behind = array("i")
        self._most = _FEW
        self._known: tuple[np.ndarray, np.ndarray] | None = None

    def add(self, first: int, behind: int) -> None:
        """Add one to all places from the first up to the one behind the last."""
        self._first.append(first)
        self._behind.append(behind)
        if len(self._first) == self._most:
            self._most = max(_FEW, self.settled()[0].size)

    def settled(self) -> tuple[np.ndarray, np.ndarray]:
        """The places where the sum changes, ascending, and by how much, shape (places,) both."""
        import numpy as np

        none = np.zeros(0, dtype=np.int32)
        places, heights = self._known or (none, none)
        one = np.ones(len(self._first), dtype=np.int32)
        places = np.concatenate((places, self._first, self._behind), dtype=np.int32)
        heights = np.concatenate((heights, one, -one))
        self._first, self._behind = array("i"), array("i")
        order = np.argsort(places, kind="stable")
        places, heights = places[order], heights[order]
        starts = np.flatnonzero(np.diff(places, prepend=-1))
        heights = np.add.reduceat(heights, starts) if starts.size else none
        changing = heights != 0
        self._known = places[starts][changing], heights[changing]
        return self._known


class _Sums:
    """A growing list of numbers, with sums of 128 of them and of 128 of these sums."""

    def __init__(self) -> None:
        self._levels = (array("q"), array("q"), array("q"))

    def __len__(self) -> int:
        return len(self._levels[0])

    def append(self, number: int) -> None:
        """Add a number at the end."""
        fine, middle, coarse = self._levels
        if not len(fine) & _MASK:
            if not len(middle) & _MASK:
                coarse.append(0)
            middle.append(0)
        fine.append(number)
        middle[-1] += number
        coarse[-1] += number

    def add(self, at: int, number: int) -> None:
        """Change the number at a place."""
        fine, middle, coarse = self._levels
        fine[at] += number
        middle[at >> _BITS] += number
        coarse[at >> 2 * _BITS] += number

    def behind(self, at: int) -> int:
        """The sum of all numbers behind a place."""
        fine, middle, coarse = self._levels
        first = at >> _BITS
        second = first >> _BITS
        return (
            sum(fine[at + 1 : first + 1 << _BITS])
            + sum(middle[first + 1 : second + 1 << _BITS])
            + sum(coarse[second + 1 :])
        )
