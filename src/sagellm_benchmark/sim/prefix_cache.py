"""Which beginnings of prompts an engine still remembers: a least-recently-used set of block hashes.

A block is 64 words; its hash covers everything before it, so equal hashes mean equal beginnings.
Hashes live in one process and are never written down.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

BLOCK_WORDS = 64


def block_hashes(words: Sequence[str]) -> list[int]:
    """Hash every full block of a prompt, each together with all that precedes it."""
    hashes, parent = [], 0
    for end in range(BLOCK_WORDS, len(words) + 1, BLOCK_WORDS):
        parent = hash((parent, *words[end - BLOCK_WORDS : end]))
        hashes.append(parent)
    return hashes


class PrefixCache:
    """The blocks that were computed and not yet pushed out.

    Args:
        capacity: Blocks to remember; 0 remembers none.
    """

    def __init__(self, capacity: int) -> None:
        self.query_tokens = 0
        self.hit_tokens = 0
        self.evicted_blocks = 0
        self._capacity = capacity
        self._blocks: OrderedDict[int, None] = OrderedDict()

    def match(self, blocks: Sequence[int], prompt_tokens: int) -> int:
        """Count the tokens of a prompt that need no computing; its last one always does."""
        known = 0
        for block in blocks:
            if block not in self._blocks:
                break
            known += 1
        hit = max(0, min(known * BLOCK_WORDS, prompt_tokens - 1))
        self.query_tokens += prompt_tokens
        self.hit_tokens += hit
        return hit

    def insert(self, blocks: Sequence[int]) -> None:
        """Remember a prompt's blocks; of one prompt, the later blocks are forgotten first."""
        for block in reversed(blocks):
            self._blocks[block] = None
            self._blocks.move_to_end(block)
        while len(self._blocks) > self._capacity:
            self._blocks.popitem(last=False)
            self.evicted_blocks += 1
