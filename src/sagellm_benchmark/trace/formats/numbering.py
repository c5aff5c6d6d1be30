"""Small numbers for what is known by its hash, at some 24 bytes each.

In: hashes, as `hash` gives them. Out: 0 for the first, 1 for the next new one, and for one that was
there before the number that it got then. A dict would take 110 bytes each: too much where a trace
has a million sessions.
"""

from __future__ import annotations

from array import array

_FIRST_PLACES = 1 << 10
_GROWTH = 4
_NOBODY = -1


class Numbering:
    """Numbers in the order of first appearance."""

    def __init__(self) -> None:
        self._hashes = array("q")
        self._places = array("i", [_NOBODY]) * _FIRST_PLACES

    def number(self, hashed: int) -> int:
        """The number of a hash."""
        hashes, places = self._hashes, self._places
        mask = len(places) - 1
        place = hashed & mask
        while (number := places[place]) != _NOBODY:
            if hashes[number] == hashed:
                return number
            place = (place + 1) & mask
        number = places[place] = len(hashes)
        hashes.append(hashed)
        if 2 * len(hashes) > len(places):
            self._grow()
        return number

    def _grow(self) -> None:
        places = array("i", [_NOBODY]) * (_GROWTH * len(self._places))
        mask = len(places) - 1
        for number, hashed in enumerate(self._hashes):
            place = hashed & mask
            while places[place] != _NOBODY:
                place = (place + 1) & mask
            places[place] = number
        self._places = places
