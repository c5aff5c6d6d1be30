"""A model's tokenizer, from its file: counts, boundaries, and text cut to a number of tokens.

In: a `tokenizer.json`, or the directory that holds one, and text. Out: numbers of tokens. Special
tokens and chat templates are never added: what is counted is the text. Nothing is downloaded. The
package `tokenizers` is imported when a tokenizer is loaded, and not before.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from sagellm_benchmark.errors import UsageError

if TYPE_CHECKING:
    import tokenizers

FILE = "tokenizer.json"
_INSTALL = "pip install 'isagellm-benchmark[tokenizers]'"


class Tokenizer:
    """A loaded tokenizer; any thread may use it, and other threads run while it counts.

    Args:
        path: Its file.
        sha256: Of the file's bytes, in hex.
        inner: What reads text.
    """

    def __init__(self, path: str, sha256: str, inner: tokenizers.Tokenizer) -> None:
        self.path = path
        self.sha256 = sha256
        self._inner = inner

    def count(self, text: str) -> int:
        """Tokens of a text."""
        return len(self._encode(text))

    def ends(self, text: str) -> list[int]:
        """Where each token of a text ends, in characters from its start."""
        return [end for _, end in self._encode(text).offsets]

    def pieces(self, text: str) -> list[tuple[str, int]]:
        """The tokens of a text, as the vocabulary spells them, each with where it ends."""
        found = self._encode(text)
        return [(token, end) for token, (_, end) in zip(found.tokens, found.offsets, strict=True)]

    def known(self) -> dict[str, int]:
        """Every token of the vocabulary but the special ones, with its number."""
        return self._inner.get_vocab(with_added_tokens=False)

    def clip(self, text: str, tokens: int) -> str:
        """The longest start of a text, cut between tokens, that has at most so many tokens."""
        ends = self.ends(text)
        if len(ends) <= tokens:
            return text
        for kept in range(tokens, 0, -1):
            # What is left of a character or a word may be more tokens than it was inside the text.
            cut = text[: ends[kept - 1]]
            if self.count(cut) <= tokens:
                return cut
        return ""

    def _encode(self, text: str) -> tokenizers.Encoding:
        # A batch of one: unlike `encode` it lets other threads run meanwhile.
        return self._inner.encode_batch([text], add_special_tokens=False)[0]


def load(path: str) -> Tokenizer:
    """Load a tokenizer.

    Args:
        path: A `tokenizer.json`, or a directory that holds one.

    Raises:
        UsageError: There is none, it is no tokenizer, or the package for it is missing.
    """
    # One text at a time needs no threads, which would take the cores that the load is sent from.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    file = Path(path) / FILE if Path(path).is_dir() else Path(path)
    try:
        data = file.read_bytes()
    except OSError as error:
        words = error.strerror or str(error)
        raise UsageError(
            f"--tokenizer {file}: {words}; name a model's {FILE}, or the directory that holds it"
        ) from None
    try:
        from tokenizers import Tokenizer as Inner
    except ImportError:
        raise UsageError(f"--tokenizer needs the package tokenizers: {_INSTALL}") from None
    try:
        inner = Inner.from_buffer(data)
    except ValueError as error:
        raise UsageError(f"--tokenizer {file}: no tokenizer: {error}") from None
    inner.no_truncation()
    inner.no_padding()
    return Tokenizer(str(file), hashlib.sha256(data).hexdigest(), inner)
