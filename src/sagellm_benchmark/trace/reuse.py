"""How much of the input a prefix cache would hold already, of any size, from one pass.

In: rows in the order in which a cache meets them. Out: hits of blocks and of tokens, for a cache
without a bound and for any that holds so many blocks and forgets the longest unused first, of one
prompt the last blocks first. A block is the same only where everything before it is the same, and a
prompt is served from its start as far as it is held; of a last block that was shorter when it was
met, as far as that went. Kept are 8 bytes a row, and about 125 bytes of each distinct block, up to
200 where prompts end in a block of their own.

The sizes need no pass each. A block is still there if fewer distinct blocks than the cache holds
were met since its last use (Mattson's stack distance). Blocks last used by the same row lie behind
one another in the stack, so one look at a sum over rows serves all of them.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from sagellm_benchmark.trace.row import Header, Row

_BITS = 7


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
        self._before: dict[int, int | None] = {}
        self._last: dict[int, int] = {}
        self._living = _Sums()
        # By how many blocks a cache must hold for them: hits, as differences from one number to
        # the next, and the tokens that those hits lack because a block is not full.
        self._steps = array("q", (0, 0))
        self._lacking: dict[int, int] = {}
        self._part_met: dict[int, int] = {}

    @property
    def distinct(self) -> int:
        """Distinct blocks met: what a cache without a bound holds in the end."""
        return len(self._last)

    def add(self, row: Row) -> None:
        """Look up a row's blocks, and remember them."""
        tokens = row.input_tokens or 0
        self._tokens += tokens
        if row.prefix_block_ids:
            path = self._named(row.prefix_block_ids)
            self.blocks += len(path)
            self._look_up(path, tokens)
            self._remember(path)

    def hits(self, held: int | None = None) -> Hits | None:
        """What a cache that holds so many blocks had; one without a bound if None.

        Returns:
            None where no row has blocks.
        """
        return self.curve([self.distinct if held is None else held])[0] if self.blocks else None

    def curve(self, sizes: Sequence[int]) -> list[Hits]:
        """What caches that hold so many blocks each had; of a trace with blocks."""
        import numpy as np

        blocks = np.cumsum(np.cumsum(np.frombuffer(self._steps, dtype=np.int64)))
        lacking = np.zeros_like(blocks)
        lacking[list(self._lacking)] = list(self._lacking.values())
        tokens = blocks * self.block_size - np.cumsum(lacking)
        at = np.minimum(sizes, self.distinct)
        total = self._tokens or 1
        return [
            Hits(float(hits) / self.blocks, float(served) / total)
            for hits, served in zip(blocks[at], tokens[at], strict=True)
        ]

    def _named(self, ids: Sequence[int]) -> Sequence[int]:
        """Name each block with all that is before it: most files' ids are such names already."""
        before = [None, *ids[:-1]]
        known = list(map(self._before.setdefault, ids, before))
        if known == before:
            return ids
        alike = next(place for place, one in enumerate(known) if one != before[place])
        names = [*ids[:alike]]
        for place in range(alike, len(ids)):
            names.append(hash((names[-1] if names else None, ids[place])))
        return names

    def _look_up(self, path: Sequence[int], tokens: int) -> None:
        """Count the hits of a path by what a cache must hold for them; it leaves its old place."""
        size, place, needed = self.block_size, 0, 0
        whole = tokens // size
        for row, group in groupby(map(self._last.get, path)):
            if row is None:
                break
            many = sum(1 for _ in group)
            newer = self._living.behind(row) + place
            self._steps[newer + 1] += 1
            self._steps[newer + many + 1] -= 1
            self._living.add(row, -many)
            for block in range(max(place, whole), place + many):
                self._lack(newer + block - place + 1, size - _part(tokens, block, size))
            place += many
            needed = newer + many
        # Only the last one met can have been shorter before: what goes on behind a block has all
        # of it.
        if place:
            now = _part(tokens, place - 1, size)
            self._lack(needed, now - self._part_met.get(path[place - 1], now))
            self._meet(path[place - 1], now)
        if place < len(path):
            self._meet(path[-1], _part(tokens, len(path) - 1, size))

    def _lack(self, needed: int, tokens: int) -> None:
        if tokens > 0:
            self._lacking[needed] = self._lacking.get(needed, 0) + tokens

    def _meet(self, name: int, tokens: int) -> None:
        """Note how much of a block there was, while that is not all."""
        if name in self._last and name not in self._part_met:
            return
        if tokens == self.block_size:
            self._part_met.pop(name, None)
        else:
            self._part_met[name] = max(tokens, self._part_met.get(name, 0))

    def _remember(self, path: Sequence[int]) -> None:
        """Make a path the latest."""
        known = len(self._last)
        self._last.update(dict.fromkeys(path, len(self._living)))
        self._living.append(len(path))
        self._steps.frombytes(bytes(8 * (len(self._last) - known)))


def _part(tokens: int, block: int, size: int) -> int:
    """How many of a prompt's tokens are in one of its blocks."""
    return min(size, max(0, tokens - block * size))


class _Sums:
    """A growing list of numbers, with sums of 128 of them and of 128 of these sums."""

    def __init__(self) -> None:
        self._levels = (array("q"), array("q"), array("q"))

    def __len__(self) -> int:
        return len(self._levels[0])

    def append(self, number: int) -> None:
        """Add a number at the end."""
        at = len(self)
        for level in self._levels:
            if at == len(level):
                level.append(0)
            at >>= _BITS
        self.add(len(self) - 1, number)

    def add(self, at: int, number: int) -> None:
        """Change the number at a place."""
        for level in self._levels:
            level[at] += number
            at >>= _BITS

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
