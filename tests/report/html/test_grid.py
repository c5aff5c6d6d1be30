"""What came to pass in each bin is what one counts by hand, however bins fall."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.report.html.grid import MOST_BINS, grid_over

SPANS = st.lists(
    st.tuples(st.floats(0, 50), st.floats(0, 20), st.integers(0, 500)), min_size=1, max_size=40
)


def drawn(spans):
    """Starts, ends and amounts as arrays, and a grid over them."""
    starts = np.array([start for start, *_ in spans])
    ends = starts + np.array([length for _, length, _ in spans])
    amounts = np.array([float(amount) for *_, amount in spans])
    return starts, ends, amounts, grid_over(float(ends.max()), len(spans))


@given(SPANS)
@settings(derandomize=True, deadline=None, max_examples=60)
def test_nothing_is_lost_between_bins(spans):
    """Counts add up to all, and amounts a second to all amounts."""
    starts, ends, amounts, grid = drawn(spans)
    widths = np.diff(grid.edges)
    assert grid.counts(starts).sum() == len(spans)
    assert (grid.flow(starts, ends, amounts) * widths).sum() == pytest.approx(amounts.sum())


@given(SPANS)
@settings(derandomize=True, deadline=None, max_examples=60)
def test_the_most_at_once_is_the_most_at_once(spans):
    """The highest bin is the highest number that ever was under way."""
    starts, ends, _, grid = drawn(spans)
    lasting = ends > starts
    starts, ends = starts[lasting], ends[lasting]
    most = max((int(((starts <= moment) & (ends > moment)).sum()) for moment in starts), default=0)
    assert grid.most_at_once(starts, ends).max(initial=0) == most


def test_what_lasts_counts_in_every_bin():
    """A request that began long ago is in flight where nothing begins or ends."""
    grid = grid_over(60.0, 2)
    assert set(grid.most_at_once(np.array([0.5]), np.array([59.9])).tolist()) == {1}


def test_quantiles_are_numpys_bin_by_bin():
    """The linear rule, over the values of the bin; a bin without any has none."""
    grid = grid_over(24.0, 10)
    times, values = np.array([0.1, 0.2, 0.3, 5.5, np.nan]), np.array([1.0, 2.0, 4.0, np.nan, 9.0])
    found = grid.quantiles(times, values)
    assert found[0].tolist() == pytest.approx(np.percentile([1.0, 2.0, 4.0], (50, 90, 99)).tolist())
    assert np.isnan(found[1:]).all()


@given(st.floats(0, 1e7), st.integers(0, 10_000_000))
@settings(derandomize=True, deadline=None, max_examples=100)
def test_bins_are_few_whatever_the_run(span, requests):
    """A page has a bounded number of points, and the last bin ends with the run."""
    grid = grid_over(span, requests)
    assert 1 <= grid.bins <= MOST_BINS
    assert (np.diff(grid.edges) > 0).all()
    assert grid.edges[-1] == pytest.approx(max(span, 1e-3))
