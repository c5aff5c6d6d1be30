"""Promises of exact statistics."""

from __future__ import annotations

import numpy as np

from sagellm_benchmark.metrics.names import QUANTILES
from sagellm_benchmark.metrics.quantiles import block


def test_a_block_is_numpys() -> None:
    """Mean, std and quantiles are numpy's (linear), NaN left out."""
    values = np.array([5.0, 1.0, np.nan, 4.25, 2.0, 9.5])
    known = values[~np.isnan(values)]
    found = block(values)
    assert found["count"] == 5
    assert found["mean"] == round(float(known.mean()), 6)
    assert found["std"] == round(float(known.std()), 6)
    assert (found["min"], found["max"]) == (1.0, 9.5)
    for name, quantile in QUANTILES.items():
        assert found[name] == round(float(np.quantile(known, quantile)), 6)


def test_a_block_of_nothing_is_null() -> None:
    """No value gives count 0 and null, never NaN."""
    found = block(np.array([np.nan]))
    assert found.pop("count") == 0
    assert set(found.values()) == {None}


def test_one_value_is_every_quantile() -> None:
    """A single value has no spread."""
    found = block(np.array([3.5]))
    assert found.pop("std") == 0.0
    assert set(found.values()) == {1, 3.5}
