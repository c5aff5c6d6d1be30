"""Byte strings on disk."""

from __future__ import annotations

import errno
import gc
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.schedule import shelf
from sagellm_benchmark.schedule.shelf import Shelf


@settings(derandomize=True, deadline=None)
@given(st.lists(st.binary(max_size=9000), max_size=40))
def test_what_was_kept_comes_back(texts):
    """Any byte strings, short and long ones, in any order."""
    kept = Shelf()
    places = [place for text in texts for place in kept.put([text, text])]
    kept.flush()
    found = [kept.get(place) for place in reversed(places)]
    assert found == [text for text in reversed(texts) for _ in range(2)]


def test_little_is_held_in_memory():
    """What goes beyond a megabyte lies on disk before anybody flushes."""
    kept = Shelf()
    for _ in range(50):
        kept.put([bytes(100_000)])
    assert len(kept._unwritten) < 1_200_000
    assert os.fstat(kept._fd).st_size > 3_000_000


def test_the_file_goes_with_the_shelf():
    """It has no name, and its descriptor is given back."""
    kept = Shelf()
    number = kept._fd
    assert os.fstat(number).st_nlink == 0
    del kept
    gc.collect()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)


def test_a_full_disk_is_said_in_a_line(monkeypatch):
    """Where nothing more can be written, the folder and what to do are named."""

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    kept = Shelf()
    kept.put([b"x"])
    monkeypatch.setattr(shelf.os, "write", full)
    with pytest.raises(UsageError, match=r"cannot be written: No space left.*TMPDIR") as refused:
        kept.flush()
    assert "\n" not in str(refused.value)
