"""Collect garbage seldom, while rows go by.

A pass over a million rows makes millions of lists and no cycles: Python's collector looks through
everything that a pass holds again and again and finds nothing, which takes up to a third of its
time.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_NEW_OBJECTS = 100_000


@contextmanager
def collected_seldom() -> Iterator[None]:
    """Look for cycles once in so many new objects, and as ever afterwards."""
    before = gc.get_threshold()
    gc.set_threshold(_NEW_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
