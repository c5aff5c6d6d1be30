"""Rows that are too long for the model, found before any load.

In: rows, the longest prompt allowed, the model's context. Out: the rows that can be sent, as a
stream: those too long are left out, or shortened, and counted. Nothing is kept but counts and the
longest. With a tokenizer recorded content is as long as that counts; without one as long as the row
says, and one that does not say so is never too long.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace import content
from sagellm_benchmark.trace.row import Row
from sagellm_benchmark.trace.tokenizer import Tokenizer

FAIL, DROP, CLIP = "fail", "drop", "clip"
TOO_LONG = "too_long"
"""The reason under which rows left out are counted."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long a request may be, and what becomes of one that is longer.

    Attributes:
        input_tokens: Most tokens of a prompt; None for any number.
        context_tokens: Most tokens of prompt and reply together; None where nobody knows.
        too_long: "fail" (the plan is refused), "drop" (left out) or "clip" (its prompt shortened).
        reply_tokens: Tokens that each reply needs room for; None for those that the row asks for.
        tokenizer: Counts and shortens recorded content.
    """

    input_tokens: int | None = None
    context_tokens: int | None = None
    too_long: str = FAIL
    reply_tokens: int | None = None
    tokenizer: Tokenizer | None = None

    def tokens(self, row: Row, room: int) -> int | None:
        """Tokens of a row's prompt, exactly if they are over the room; None where nobody knows."""
        if self.tokenizer is None or not row.has_content:
            return row.input_tokens
        return content.tokens(row, self.tokenizer, room)

    def room(self, row: Row) -> int | None:
        """Most tokens that this row's prompt may have; None for any number."""
        if self.context_tokens is None:
            return self.input_tokens
        left = self.context_tokens - self.reply(row)
        return left if self.input_tokens is None else min(left, self.input_tokens)

    def reply(self, row: Row) -> int:
        """Tokens of the context that this row's reply takes."""
        return (row.reply_tokens or 1) if self.reply_tokens is None else self.reply_tokens

    def words(self) -> str:
        """The limits in force, for a person."""
        parts = []
        if self.context_tokens is not None:
            parts.append(f"the model's context of {self.context_tokens:,} tokens")
        if self.input_tokens is not None:
            parts.append(f"--max-input-tokens {self.input_tokens}")
        return " and ".join(parts)


class Fitting:
    """Holds the rows of one pass against the limits.

    Args:
        lengths: The limits.

    Attributes:
        too_long: Rows over them so far.
        longest: The one with the longest prompt.
        longest_tokens: The tokens of that.
    """

    def __init__(self, lengths: Lengths) -> None:
        self.lengths = lengths
        self.too_long = 0
        self.longest: Row | None = None
        self.longest_tokens = 0

    def fitting(self, rows: Iterator[Row]) -> Iterator[Row]:
        """The rows that can be sent, as a stream.

        Raises:
            UsageError: A row that is to be shortened cannot be; raised while iterating.
        """
        free = self.lengths.input_tokens is None and self.lengths.context_tokens is None
        return rows if free else self._fitting(rows)

    def _fitting(self, rows: Iterator[Row]) -> Iterator[Row]:
        clips = self.lengths.too_long == CLIP
        for row in rows:
            room = self.lengths.room(row)
            tokens = None if room is None else self.lengths.tokens(row, room)
            if room is None or tokens is None or tokens <= room:
                yield row
                continue
            self.too_long += 1
            if tokens > self.longest_tokens:
                self.longest, self.longest_tokens = row, tokens
            if clips:
                yield self._clipped(row, room)

    def finish(self, rows: int) -> None:
        """Refuse the plan where rows are too long and nothing else was asked for.

        Args:
            rows: How many of the pass could be sent.

        Raises:
            UsageError: Some were too long.
        """
        row = self.longest
        if row is None or self.lengths.too_long != FAIL:
            return
        raise UsageError(
            f"--too-long fail: {self.too_long:,} of {rows + self.too_long:,} requests are too long "
            f"for {self.lengths.words()}; the longest, {row.request_id}, has "
            f"{self.longest_tokens:,} tokens in and {self.lengths.reply(row):,} out: leave them "
            f"out with --too-long drop, or shorten {self._shortened()} with --too-long clip"
        )

    def _shortened(self) -> str:
        return "made prompts" if self.lengths.tokenizer is None else "prompts"

    def _clipped(self, row: Row, room: int) -> Row:
        if row.has_content and room > 0:
            return self._clipped_content(row, room)
        if room < 1:
            raise UsageError(
                f"--too-long clip: request {row.request_id} asks for {self.lengths.reply(row):,} "
                f"tokens out, which leave no room for a prompt in {self.lengths.words()}: write "
                f"--too-long drop"
            )
        return msgspec.structs.replace(row, input_tokens=room)

    def _clipped_content(self, row: Row, room: int) -> Row:
        if row.prompt_token_ids is not None:
            return content.first_ids(row, room)
        if self.lengths.tokenizer is None:
            raise UsageError(
                f"--too-long clip: request {row.request_id} has recorded content of "
                f"{row.input_tokens:,} tokens, which cannot be shortened without the model's "
                f"tokenizer: write --tokenizer PATH, or --too-long drop"
            )
        clipped = content.clipped(row, self.lengths.tokenizer, room)
        if clipped is None:
            raise UsageError(
                f"--too-long clip: request {row.request_id} has more texts than there is room for "
                f"tokens in {self.lengths.words()}: write --too-long drop"
            )
        return clipped
