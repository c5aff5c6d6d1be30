"""Random numbers, the same for a seed and a name everywhere.

In: a seed and a name, such as the client and what is drawn for it. Out: an endless sequence of
uniform numbers, a pure function of seed, name and position, so that it comes out alike in batches
of any size. The generator is SplitMix64 (Steele, Lea and Flood 2014): the n-th word is a mix of
start + n * 0x9E3779B97F4A7C15 mod 2**64, and the start is the first 8 bytes of SHA-256 over
seed and name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sagellm_benchmark.trace.workload.arithmetic import Floats

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIXES = (
    (np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)),
    (np.uint64(27), np.uint64(0x94D049BB133111EB)),
)
_LAST_SHIFT = np.uint64(31)
_SPARE_BITS = np.uint64(12)
_GRAIN = 2.0**-52

_FIRST_BATCH = 16


class Draws:
    """A sequence of uniform numbers.

    Args:
        seed: Any whole number.
        name: What the numbers are for; another name is another, independent sequence.
    """

    def __init__(self, seed: int, *name: str | int) -> None:
        self._seed = seed
        self._name = name
        text = "\0".join(("sagellm.draws/1", str(seed), *map(str, name)))
        start = hashlib.sha256(text.encode()).digest()[:8]
        self._start = np.uint64(int.from_bytes(start, "little"))
        self._taken = 0

    def named(self, *name: str | int) -> Draws:
        """A sequence of its own below this one's name."""
        return Draws(self._seed, *self._name, *name)

    def uniform(self, count: int) -> Floats:
        """The next numbers: 52 bits each, above 0 and below 1."""
        return ((self._words(count) >> _SPARE_BITS).astype(np.float64) + 0.5) * _GRAIN

    def one(self) -> float:
        """The next number."""
        return float(self.uniform(1)[0])

    def _words(self, count: int) -> NDArray[np.uint64]:
        first = self._taken + 1
        self._taken += count
        words = np.arange(first, first + count, dtype=np.uint64) * _STEP + self._start
        for shift, factor in _MIXES:
            words = (words ^ (words >> shift)) * factor
        return words ^ (words >> _LAST_SHIFT)


Sampler = Callable[[int], Floats]
"""Gives about so many further values, however few; the sequence does not depend on how many."""


def drawn(sampler: Sampler, most: int) -> Iterator[Any]:
    """The values of a sampler one by one, drawn in batches that grow up to `most`."""
    count = _FIRST_BATCH
    while True:
        yield from sampler(count).tolist()
        count = min(2 * count, most)
