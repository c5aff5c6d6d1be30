"""Prompts made from token counts and block ids: the rule `words/1`.

In: a row. Out: its prompt, one plain word a token, single spaces between. Equal block ids give
equal bytes wherever they are made (any process, machine, Python); different ids differ in their
first word unless they are equal modulo 4,096, and then within four. The salt changes the root block
and nothing behind it: what a run shares inside itself stays shared, and nothing crosses runs.

Rule: word k of a block with id i starts from x = (i·M + S) mod 2**48, M odd, S the salt's digest in
the root block and 0 elsewhere. The four words x mod 4096, x div 4096 mod 4096, … come first, and
then words drawn from SHAKE-256 of the id. Each step of that is one-to-one, so ids stay apart.
"""

from __future__ import annotations

import hashlib
import struct
from collections import OrderedDict
from functools import cache
from pathlib import Path

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.row import Row

PROMPT_RULE = "words/1"
"""Changes whenever the same row would give another text."""

_WORDS_FILE = Path(__file__).parent.parent / "data" / "words.txt"
_BITS = 12
_LEADING = 4
_RANGE = 1 << (_BITS * _LEADING)
# Odd, hence one-to-one modulo 2**48; large, so that neighbouring ids look nothing alike.
_SPREAD = 0x9E3779B97F4B
_CACHE_BYTES = 16 << 20


@cache
def vocabulary() -> tuple[str, ...]:
    """4,096 common English words, each one token in the vocabularies of most models."""
    return tuple(_WORDS_FILE.read_text("ascii").split())


class Prompts:
    """Makes prompts; keeps the blocks that it made lately.

    Args:
        salt: Text that sets this run's prompts apart from other runs'; "" for none.
        block_size: Tokens of one prefix block; None where rows have no block ids.
        words_per_token: Words to write for one token of the target's tokenizer.
    """

    def __init__(self, salt: str, block_size: int | None, words_per_token: float = 1.0) -> None:
        self._salt = salt.encode()
        self._salt_number = _number(b"salt", self._salt) if salt else 0
        self._block_words = max(1, round((block_size or 1) * words_per_token))
        self._words_per_token = words_per_token
        self._blocks = _Cache(_CACHE_BYTES)

    def text(self, row: Row) -> str:
        """Make the prompt of a row without content of its own.

        Raises:
            UsageError: The row has no input tokens to make a prompt from.
        """
        if not row.input_tokens:
            raise UsageError(f"request {row.request_id}: no input_tokens to make a prompt from")
        left = max(1, round(row.input_tokens * self._words_per_token))
        parts: list[str] = []
        for place, block_id in enumerate(row.prefix_block_ids or ()):
            if left <= 0:
                break
            parts.append(self._block(block_id, min(left, self._block_words), root=place == 0))
            left -= self._block_words
        if left > 0:
            parts.append(self._unique(row.request_id, left))
        return " ".join(parts)

    def _block(self, block_id: int, words: int, *, root: bool) -> str:
        """The first `words` words of a block; only whole blocks are worth keeping."""
        key = (block_id, root)
        if words == self._block_words and (text := self._blocks.get(key)) is not None:
            return text
        start = (block_id * _SPREAD + (self._salt_number if root else 0)) % _RANGE
        text = _text(start, b"block", str(block_id).encode(), words)
        if words == self._block_words:
            self._blocks.put(key, text)
        return text

    def _unique(self, request_id: str, words: int) -> str:
        """Words that no other request has: a prompt without blocks, or what is behind them."""
        name = self._salt + b"\0" + request_id.encode()
        return _text(_number(b"request", name), b"request", name, words)


class _Cache:
    """Texts by block, the longest unused thrown away first once their bytes exceed a bound."""

    def __init__(self, limit: int) -> None:
        self._texts: OrderedDict[tuple[int, bool], str] = OrderedDict()
        self._room = limit

    def get(self, key: tuple[int, bool]) -> str | None:
        text = self._texts.get(key)
        if text is not None:
            self._texts.move_to_end(key)
        return text

    def put(self, key: tuple[int, bool], text: str) -> None:
        self._texts[key] = text
        self._room -= len(text)
        while self._room < 0:
            _, old = self._texts.popitem(last=False)
            self._room += len(old)


def _number(kind: bytes, name: bytes) -> int:
    """A number below 2**48 that stands for a name."""
    digest = hashlib.sha256(b"\0".join((PROMPT_RULE.encode(), kind, name))).digest()
    return int.from_bytes(digest[:6], "little")


def _text(start: int, kind: bytes, name: bytes, words: int) -> str:
    """Four words that spell `start`, then as many drawn words as it takes."""
    known = vocabulary()
    seed = b"\0".join((PROMPT_RULE.encode(), kind, name))
    drawn = struct.unpack(f"<{words}H", hashlib.shake_256(seed).digest(2 * words))
    mask = (1 << _BITS) - 1
    leading = [known[start >> _BITS * place & mask] for place in range(min(_LEADING, words))]
    return " ".join(leading + [known[number & mask] for number in drawn[_LEADING:]])
