"""Small numbers for hashes."""

from __future__ import annotations

import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.trace.formats.numbering import Numbering

_HASHES = st.integers(-(1 << 63), (1 << 63) - 1)
_CROWDED = st.integers(-4, 4).map(lambda each: each << 20)


@settings(derandomize=True, deadline=None)
@given(st.lists(_HASHES | _CROWDED, max_size=200))
def test_each_hash_has_one_number(hashes):
    """Numbers count the different hashes in order of appearance, those that collide too."""
    numbering = Numbering()
    seen = {}
    for each in hashes:
        assert numbering.number(each) == seen.setdefault(each, len(seen))


def test_it_grows():
    """Many hashes keep their numbers, at less than 40 bytes each."""
    hashes = [hash(f"session {each}") for each in range(50_000)]
    tracemalloc.start()
    numbering = Numbering()
    assert [numbering.number(each) for each in hashes] == list(range(50_000))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [numbering.number(each) for each in reversed(hashes)] == list(range(49_999, -1, -1))
    assert held < 50_000 * (40 + 36)  # 36 for each number of the list that was compared
