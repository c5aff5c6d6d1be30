"""Words that prompts are made of: common English ones, or such as are one token each.

In: a tokenizer, or none. Out: a power of two of different lowercase words. With a tokenizer each of
them is one token, at a text's start and behind a space, and no token of the vocabulary reaches from
one of them into the next: so a text of n words is n tokens, whatever words they are, and every seam
between words is one between tokens. That is looked up in the vocabulary and then tried out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain, islice, repeat
from pathlib import Path
from sys import maxsize

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.tokenizer import Tokenizer

_WORDS_FILE = Path(__file__).parent.parent / "data" / "words.txt"
_MOST_BITS, _LEAST_BITS = 12, 4
_NUMBER_BITS = 48
_SPACES = "\u0120\u2581 "
"""How vocabularies spell a space: byte-level ones, SentencePiece's, and the rest."""
_ACROSS = re.compile(f"[a-z][{_SPACES}]([a-z]*)")
_WORD = re.compile("[a-z]{2,16}")
_END = "</w>"
_FIRST = "the"
_SOME = 8192


class Vocabulary:
    """Words, as many as `2**bits`.

    Args:
        words: At least as many; those beyond a power of two are left out.

    Attributes:
        words: The words; a word's place stands for `bits` bits.
        bits: So many a word.
        leading: Words that spell any number below `2**48`.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.bits = min(_MOST_BITS, len(words).bit_length() - 1)
        self.words = tuple(words[: 1 << self.bits])
        self.leading = -(-_NUMBER_BITS // self.bits)


@cache
def plain() -> Vocabulary:
    """4,096 common English words, each one token in the vocabularies of most models."""
    return Vocabulary(_WORDS_FILE.read_text("ascii").split())


@cache
def of(tokenizer: Tokenizer) -> Vocabulary:
    """Words of one token each: the plain ones first, then the vocabulary's own.

    Raises:
        UsageError: There are too few of them, or they do not keep apart.
    """
    known = tokenizer.known()
    taken = _across(known)
    common = plain().words
    words = list(_single(tokenizer, common, taken))
    for some in _own(known, without=common):
        if len(words) >= len(common):
            break
        words += _single(tokenizer, some, taken)
    if len(words) < 1 << _LEAST_BITS:
        raise UsageError(
            f"--tokenizer {tokenizer.path}: only {len(words)} words are one token each and keep "
            f"apart, too few to make prompts of: write --tokens-per-word X instead"
        )
    found = Vocabulary(words)
    _try_out(tokenizer, found.words)
    return found


def _own(known: Mapping[str, int], without: Sequence[str]) -> Iterator[list[str]]:
    """The vocabulary's own words in the order of their numbers, some thousands at a time."""
    spelled = map(_bare, sorted(known, key=known.__getitem__))
    words = dict.fromkeys(filter(_WORD.fullmatch, spelled))
    for word in without:
        words.pop(word, None)
    rest = iter(words)
    while some := list(islice(rest, _SOME)):
        yield some


def _across(known: Iterable[str]) -> tuple[str, ...]:
    """How words begin that a token may reach into from the word before."""
    return tuple({met[1] for token in known for met in _ACROSS.finditer(token)})


def _bare(token: str) -> str:
    return token.lstrip(_SPACES).removesuffix(_END)


def _single(tokenizer: Tokenizer, words: Sequence[str], taken: tuple[str, ...]) -> Iterator[str]:
    """Of these words those that are one token, at the start and behind a space."""
    pieces = chain(tokenizer.pieces(" ".join((_FIRST, *words))), repeat(("", maxsize)))
    at = len(_FIRST)
    token, end = next(pieces)
    for word in words:
        while end <= at:
            token, end = next(pieces)
        at += 1 + len(word)
        if end == at and _bare(token) == word and not word.startswith(taken):
            alone = tokenizer.pieces(word)
            if len(alone) == 1 and _bare(alone[0][0]) == word:
                yield word


def _try_out(tokenizer: Tokenizer, words: tuple[str, ...]) -> None:
    """Read all words in both orders."""
    for order in (words, words[::-1]):
        if tuple(_bare(token) for token, _ in tokenizer.pieces(" ".join(order))) != order:
            raise UsageError(
                f"--tokenizer {tokenizer.path}: its tokens reach from one word into the next, so "
                f"that no prompt can be made to length: write --tokens-per-word X instead"
            )
