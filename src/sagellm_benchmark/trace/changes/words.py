"""Seeded choices of changes: small numbers in plain Python, the same everywhere.

In: what is chosen for, and a seed. Out: 64-bit words and fractions. The mixing function is that of
`trace.workload.draws`, one number at a time.
"""

from __future__ import annotations

import hashlib

_MASK = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15
_MIXES = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
_MANY = 32  # numbers from which an array's fixed cost pays


def word(*name: str | int) -> int:
    """A 64-bit word that stands for a name."""
    text = "\0".join(("sagellm.changes/1", *map(str, name)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def fraction(start: int, number: int) -> float:
    """The n-th number of the sequence that begins at a word: from 0 up to, but not, 1."""
    mixed = (start + (number + 1) * _STEP) & _MASK
    for shift, factor in _MIXES:
        mixed = (mixed ^ (mixed >> shift)) * factor & _MASK
    return ((mixed ^ (mixed >> 31)) >> 11) * 2.0**-53


def fractions(start: int, count: int) -> list[float]:
    """The first numbers of the sequence."""
    if count < _MANY:
        return [fraction(start, number) for number in range(count)]
    import numpy as np

    mixed = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_STEP) + np.uint64(start)
    for shift, factor in _MIXES:
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    words: list[float] = (((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53).tolist()
    return words
