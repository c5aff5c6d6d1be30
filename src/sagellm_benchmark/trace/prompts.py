"""Prompts made from token counts and block ids: the rules `words/1` and `tokens/1`.

In: a row. Out: its prompt, words with single spaces between, as many as make the row's tokens.
Equal block ids give equal bytes wherever they are made (any process, machine, Python); different
ids differ in their first word unless they are equal modulo the number of words, 4,096 as a rule,
and then within four. The salt changes the root block and nothing behind it: what a run shares
inside itself stays shared, and nothing crosses runs.

Rule: a block with id i, of a vocabulary of 2**b words, starts from x = (i·M + S) mod 2**(b·n), M
odd, S the salt's digest in the root block and 0 elsewhere. The n words that spell x come first, the
lowest bits first, and then words drawn from SHAKE-256 of the id. Each step of that is one-to-one,
so ids stay apart. With a tokenizer a word is a token: see `vocabulary`.
"""

from __future__ import annotations

import hashlib
import struct
from collections import OrderedDict
from dataclasses import dataclass

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.row import Row
from sagellm_benchmark.trace.tokenizer import Tokenizer
from sagellm_benchmark.trace.vocabulary import Vocabulary, of, plain

PROMPT_RULE, TOKEN_RULE = "words/1", "tokens/1"
"""Each changes whenever the same row would give another text."""

# Odd, hence one-to-one modulo any power of two; large, so that neighbours look nothing alike.
_SPREAD = 0x9E3779B97F4B
_CACHE_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Wording:
    """Of which words prompts are made, and how many of them make how many tokens.

    Attributes:
        tokens_per_word: Tokens of one of our words, in the mean.
        template_tokens: Tokens that the target adds to any prompt, such as a chat template's.
        source: Who says so: "option", "fitted" (to the target's own counts), "tokenizer" (a word is
            a token, and nothing is taken off for a template) or "assumed".
        tokenizer: Whose tokens the words are; None for plain words.
    """

    tokens_per_word: float = 1.0
    template_tokens: int = 0
    source: str = "assumed"
    tokenizer: Tokenizer | None = None

    @classmethod
    def exact(cls, tokenizer: Tokenizer) -> Wording:
        """A token a word."""
        return cls(source="tokenizer", tokenizer=tokenizer)

    @property
    def vocabulary(self) -> Vocabulary:
        """The words; the first time takes as long as a tokenizer is large, up to seconds.

        Raises:
            UsageError: The tokenizer has too few.
        """
        return plain() if self.tokenizer is None else of(self.tokenizer)

    @property
    def rule(self) -> str:
        """By which rule prompts are made."""
        return PROMPT_RULE if self.tokenizer is None else TOKEN_RULE

    @property
    def full_rule(self) -> str:
        """The rule, and what the words are taken from: all that decides on a row's text."""
        return self.rule if self.tokenizer is None else f"{self.rule} {self.tokenizer.sha256}"

    def total(self, tokens: int) -> int:
        """Words of a prompt that the target is to count so many tokens of; one at least."""
        return max(1, self.reach(tokens - self.template_tokens))

    def reach(self, tokens: int) -> int:
        """How many words from a prompt's start so many of its tokens reach."""
        return round(tokens / self.tokens_per_word)


ONE_TOKEN_A_WORD = Wording()


class Prompts:
    """Makes prompts; keeps the blocks that it made lately.

    Args:
        salt: Text that sets this run's prompts apart from other runs'; "" for none.
        block_size: Tokens of one prefix block; None where rows have no block ids.
        wording: How many words make how many tokens.
    """

    def __init__(
        self, salt: str, block_size: int | None, wording: Wording = ONE_TOKEN_A_WORD
    ) -> None:
        self._rule = wording.rule.encode()
        self._salt = salt.encode()
        self._salt_number = self._number(b"salt", self._salt) if salt else 0
        self._block_tokens = block_size or 1
        self._least_whole = int(self._block_tokens / wording.tokens_per_word)
        self._wording = wording
        self._blocks = _Cache(_CACHE_BYTES)

    def text(self, row: Row) -> str:
        """Make the prompt of a row without content of its own.

        Raises:
            UsageError: The row has no input tokens to make a prompt from.
        """
        if not row.input_tokens:
            raise UsageError(f"request {row.request_id}: no input_tokens to make a prompt from")
        total, written = self._wording.total(row.input_tokens), 0
        parts: list[str] = []
        for place, block_id in enumerate(row.prefix_block_ids or ()):
            # From the prompt's start, so that no block's rounding moves those behind it.
            end = min(total, self._wording.reach((place + 1) * self._block_tokens))
            if end > written:
                parts.append(self._block(block_id, end - written, root=place == 0))
                written = end
        if written < total:
            parts.append(self._unique(row.request_id, total - written))
        return " ".join(parts)

    def more(self, request_id: str, tokens: int) -> str:
        """Words that a conversation goes on with: of this request alone, so many tokens of them."""
        return self._unique(request_id, max(1, self._wording.reach(tokens)))

    def _block(self, block_id: int, words: int, *, root: bool) -> str:
        """The first `words` words of a block; only whole blocks are worth keeping."""
        whole = words >= self._least_whole
        key = (block_id, root, words)
        if whole and (text := self._blocks.get(key)) is not None:
            return text
        start = block_id * _SPREAD + (self._salt_number if root else 0)
        text = self._text(start, b"block", str(block_id).encode(), words)
        if whole:
            self._blocks.put(key, text)
        return text

    def _unique(self, request_id: str, words: int) -> str:
        """Words that no other request has: a prompt without blocks, or what is behind them."""
        name = self._salt + b"\0" + request_id.encode()
        return self._text(self._number(b"request", name), b"request", name, words)

    def _number(self, kind: bytes, name: bytes) -> int:
        """A number below 2**48 that stands for a name."""
        digest = hashlib.sha256(b"\0".join((self._rule, kind, name))).digest()
        return int.from_bytes(digest[:6], "little")

    def _text(self, start: int, kind: bytes, name: bytes, words: int) -> str:
        """The words that spell `start`, then as many drawn ones as it takes."""
        known = self._wording.vocabulary
        bits, listed = known.bits, known.words
        mask = len(listed) - 1
        seed = b"\0".join((self._rule, kind, name))
        drawn = struct.unpack(f"<{words}H", hashlib.shake_256(seed).digest(2 * words))
        leading = [listed[start >> bits * place & mask] for place in range(known.leading)]
        drawn_words = [listed[number & mask] for number in drawn[known.leading :]]
        return " ".join((leading + drawn_words)[:words])


class _Cache:
    """Texts by block, the longest unused thrown away first once their bytes exceed a bound."""

    def __init__(self, limit: int) -> None:
        self._texts: OrderedDict[tuple[int, bool, int], str] = OrderedDict()
        self._room = limit

    def get(self, key: tuple[int, bool, int]) -> str | None:
        text = self._texts.get(key)
        if text is not None:
            self._texts.move_to_end(key)
        return text

    def put(self, key: tuple[int, bool, int], text: str) -> None:
        self._texts[key] = text
        self._room -= len(text)
        while self._room < 0:
            _, old = self._texts.popitem(last=False)
            self._room += len(old)
