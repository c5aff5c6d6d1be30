"""The words that replies are made of, one token each, every one with its trailing space."""

from __future__ import annotations

_TEXT = """
amber anchor arrow aspen basin beacon birch bridge canyon cedar chalk cliff cloud coral crane
creek dawn delta drift dune echo ember falcon fern field flint forest frost garden glade grain
granite grove harbor hazel heron hollow island ivory jade juniper kelp lagoon lantern larch
ledge lichen lotus maple marsh meadow mesa mist moss north oak ocean orchard otter pebble pine
plain prairie quarry quartz rain raven reed ridge river robin rowan sage sand shale shore silver
slate snow sparrow spring spruce stone storm summit swift thicket thorn tide timber trail tundra
vale valley violet walnut water willow wind winter wren yarrow
"""

WORDS: tuple[bytes, ...] = tuple(word.encode() + b" " for word in _TEXT.split())


def first_word(seed: int, number: int) -> int:
    """Say where in `WORDS` the reply of the so many-th generation begins."""
    return (seed * 31 + number * 7) % len(WORDS)


def reply_text(start: int, count: int) -> str:
    """Write out a whole reply of `count` tokens that begins at word `start`."""
    return b"".join(WORDS[(start + k) % len(WORDS)] for k in range(count)).decode()
