"""The prefix cache."""

from __future__ import annotations

from sagellm_benchmark.sim.prefix_cache import BLOCK_WORDS, PrefixCache, block_hashes

WORDS = [f"w{k}" for k in range(3 * BLOCK_WORDS)]


def test_only_full_blocks_are_hashed():
    """A prompt of n words has n // 64 blocks."""
    assert [len(block_hashes(WORDS[:count])) for count in (0, 63, 64, 127, 128, 192)] == [
        0,
        0,
        1,
        1,
        2,
        3,
    ]


def test_a_hash_covers_all_that_precedes_its_block():
    """Prompts that differ in their first word share no block."""
    other = block_hashes(["x", *WORDS[1:]])
    assert not set(other) & set(block_hashes(WORDS))
    assert block_hashes(WORDS)[:1] == block_hashes(WORDS[:BLOCK_WORDS])


def test_a_whole_prompt_that_is_known_still_computes_its_last_token():
    """The model needs one position to go on from."""
    cache = PrefixCache(10)
    cache.insert(block_hashes(WORDS))
    assert cache.match(block_hashes(WORDS), len(WORDS)) == len(WORDS) - 1
    assert cache.match([], 0) == 0


def test_the_least_recently_used_blocks_are_forgotten():
    """What was used last stays; of one prompt its end goes first."""
    first, second = block_hashes(WORDS), block_hashes(["x", *WORDS[1:]])
    cache = PrefixCache(4)
    cache.insert(first)
    cache.insert(second)
    assert cache.match(second, 1000) == 3 * BLOCK_WORDS
    assert cache.match(first, 1000) == BLOCK_WORDS


def test_hits_are_counted_against_what_was_asked():
    """The two totals give the token hit rate."""
    cache = PrefixCache(10)
    blocks = block_hashes(WORDS)
    cache.match(blocks, 192)
    cache.insert(blocks)
    cache.match(blocks[:1], 100)
    assert (cache.hit_tokens, cache.query_tokens) == (64, 292)
