"""Collecting garbage seldom."""

from __future__ import annotations

import gc

import pytest

from sagellm_benchmark.trace.garbage import collected_seldom


def test_the_collector_is_left_as_it_was():
    """It looks seldom inside, and as before afterwards, whatever happens."""
    before = gc.get_threshold()
    with pytest.raises(ZeroDivisionError), collected_seldom():
        assert gc.get_threshold()[0] > before[0]
        1 / 0  # noqa: B018
    assert gc.get_threshold() == before
