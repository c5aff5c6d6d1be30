"""Random numbers that are a function of seed, name and position."""

from __future__ import annotations

import hashlib

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.trace.changes.words import fraction, word
from sagellm_benchmark.trace.workload.draws import Draws, drawn

fixed = settings(derandomize=True, deadline=None)
_MASK = (1 << 64) - 1


def _splitmix(start, count):
    """SplitMix64 as it was published, one number at a time."""
    for _ in range(count):
        start = (start + 0x9E3779B97F4A7C15) & _MASK
        mixed = (start ^ (start >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB & _MASK
        yield mixed ^ (mixed >> 31)


def test_the_published_generator():
    """SplitMix64 from the seed 1234567 gives the numbers that its authors print."""
    assert list(_splitmix(1234567, 3)) == [
        6457827717110365317, 3203168211198807973, 9817491932198370423,
    ]  # fmt: skip


def test_numbers_are_as_documented():
    """A start from SHA-256 of seed and name, SplitMix64 from there, 52 bits of each word."""
    digest = hashlib.sha256(b"sagellm.draws/1\x007\x00client\x00gap").digest()
    words = _splitmix(int.from_bytes(digest[:8], "little"), 5)
    expected = [((each >> 12) + 0.5) * 2.0**-52 for each in words]
    assert Draws(7, "client", "gap").uniform(5).tolist() == expected
    assert Draws(7, "client").named("gap").uniform(5).tolist() == expected


def test_changes_draw_alike():
    """The plain-Python numbers of changes mix as the arrays of workloads do."""
    start = word("x", 1)
    expected = [(each >> 11) * 2.0**-53 for each in _splitmix(start, 4)]
    assert [fraction(start, number) for number in range(4)] == expected


@fixed
@given(st.lists(st.integers(0, 40), min_size=1, max_size=8))
def test_batches_do_not_matter(counts):
    """However many numbers are taken at a time, the sequence is the same."""
    draws, whole = Draws(3, "a"), Draws(3, "a").uniform(sum(counts))
    parts = np.concatenate([draws.uniform(count) for count in counts])
    assert parts.tolist() == whole.tolist()


def test_drawn_values_come_one_by_one():
    """Batches grow up to the bound, unseen."""
    values = drawn(Draws(1).uniform, 64)
    assert [next(values) for _ in range(300)] == Draws(1).uniform(300).tolist()


def test_numbers_are_uniform_and_apart():
    """Never 0 or 1; mean, variance and correlation with another name's are as they should be."""
    one, other = (Draws(5, name).uniform(100_000) for name in ("a", "b"))
    assert one.min() > 0 and one.max() < 1
    assert abs(one.mean() - 0.5) < 3 / np.sqrt(12 * 100_000)
    assert abs(np.corrcoef(one, other)[0, 1]) < 3 / np.sqrt(100_000)
    assert abs(np.corrcoef(one[1:], one[:-1])[0, 1]) < 3 / np.sqrt(100_000)
