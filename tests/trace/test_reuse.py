"""Prefix caches of every size at once, against caches that are simulated one by one."""

from __future__ import annotations

from itertools import accumulate
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sagellm_benchmark.trace.reuse as module
from sagellm_benchmark.sim.prefix_cache import PrefixCache
from sagellm_benchmark.trace.reuse import Reuse, _Sums
from sagellm_benchmark.trace.row import SCHEMA, Header, Row, Source

fixed = settings(derandomize=True, deadline=None)
SIZE = 16


def _reuse(prompts):
    """Follow prompts of so many tokens in blocks of these ids."""
    reuse = Reuse(Header(schema=SCHEMA, source=Source(name="test"), block_size=SIZE))
    for number, (ids, tokens) in enumerate(prompts):
        reuse.add(Row(request_id=str(number), input_tokens=tokens, prefix_block_ids=ids))
    return reuse


def _full(ids):
    return list(ids), len(ids) * SIZE


def _simulated(prompts, capacity):
    """Share of blocks that the simulated engine's cache holds."""
    cache, hits, blocks = PrefixCache(capacity), 0, 0
    for ids, _ in prompts:
        chained = list(accumulate(ids, lambda *pair: hash(pair), initial=-1))[1:]
        hits += cache.match(chained, 1 << 40) // 64
        cache.insert(chained)
        blocks += len(ids)
    return hits / blocks


paths = st.lists(
    st.lists(st.integers(0, 3), min_size=1, max_size=6).map(_full), min_size=1, max_size=60
)


@fixed
@given(paths, st.integers(0, 40))
def test_each_size_is_the_cache_that_is_simulated(prompts, held):
    """Of any prompts, a cache of any size hits what an engine's cache of that size hits."""
    reuse = _reuse(prompts)
    assert reuse.hits(held).block == pytest.approx(_simulated(prompts, held))
    assert reuse.hits(held).token == pytest.approx(reuse.hits(held).block)


@pytest.mark.parametrize("together", [1, 2, 7])
@fixed
@given(prompts=paths, held=st.integers(0, 40))
def test_adding_up_on_the_way_changes_nothing(prompts, held, together):
    """The curve is the same however often its steps are added up meanwhile."""
    with patch.object(module, "_FEW", together):
        reuse = _reuse(prompts)
    assert reuse.curve([held, 99]) == _reuse(prompts).curve([held, 99])


@fixed
@given(paths)
def test_a_cache_as_large_as_all_blocks_has_no_bound(prompts):
    """The largest cache is the endless one, a larger one never hits less, none hits none."""
    reuse = _reuse(prompts)
    curve = reuse.curve(range(reuse.distinct + 3))
    assert curve[reuse.distinct] == curve[-1] == reuse.hits()
    assert curve == sorted(curve)
    assert curve[0] == (0.0, 0.0)


def test_a_block_is_the_same_only_behind_the_same():
    """An id that stands behind another prefix is another block, in files that number text alone."""
    reuse = _reuse([_full([1, 2]), _full([3, 4]), _full([1, 4]), _full([1, 4])])
    assert reuse.hits().block == (1 + 2) / 8
    assert reuse.distinct == 5


def test_a_last_block_counts_its_tokens_only():
    """What a short last block saves are the tokens in it, and of a longer one what was met."""
    reuse = _reuse([([1, 2], 20), ([1, 2], 20), ([1, 2, 3], 40), ([1, 2, 3], 40)])
    assert reuse.hits().token == (0 + 20 + 20 + 40) / 120
    assert reuse.hits(1).token == (0 + 16 + 16 + 16) / 120


def test_rows_without_blocks_count_as_input():
    """A prompt without blocks is never served, and there is no figure where no row has any."""
    assert _reuse([(None, 10)]).hits() is None
    reuse = _reuse([([1], 16), ([1], 16), (None, 32)])
    assert reuse.hits() == (0.5, 0.25)


@fixed
@given(st.lists(st.integers(0, 9), min_size=1, max_size=400), st.data())
def test_sums_are_sums(numbers, data):
    """The sum behind a place is that of the list, after any changes."""
    sums = _Sums()
    for number in numbers:
        sums.append(number)
    places = st.integers(0, len(numbers) - 1)
    for at in data.draw(st.lists(places, max_size=5)):
        sums.add(at, 7)
        numbers[at] += 7
    for at in data.draw(st.lists(places, min_size=1, max_size=5)):
        assert sums.behind(at) == sum(numbers[at + 1 :])
    assert len(sums) == len(numbers)


def test_sums_carry_over_many_rows():
    """Beyond the first two levels, too, the sum behind a place is that of the list."""
    sums = _Sums()
    for number in range(40_000):
        sums.append(number % 10)
    for at in (0, 127, 128, 16_383, 16_384, 20_000, 39_999):
        assert sums.behind(at) == sum(number % 10 for number in range(at + 1, 40_000))
