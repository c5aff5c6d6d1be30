"""Recorded content by a tokenizer: how many tokens it has, and cut to so many.

In: a row with messages, a prompt or token ids. Out: tokens, or the same row with less text. Counted
is text alone, each piece by itself: no chat template, no image, no tool. What is cut is cut from
the end, since beginnings are what requests share; every message keeps its role, its place, its
other parts and at least one token.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from sagellm_benchmark.trace.row import Row
from sagellm_benchmark.trace.tokenizer import Tokenizer


def tokens(row: Row, tokenizer: Tokenizer, limit: int) -> int:
    """Tokens of a row's content; where it cannot be more than `limit`, any number up to that.

    No token is shorter than a byte, so most rows need no counting.
    """
    if row.prompt_token_ids is not None:
        return len(row.prompt_token_ids)
    texts = list(_texts(row))
    longest = sum(len(text.encode("utf-8", "replace")) + 1 for text in texts)
    return longest if longest <= limit else sum(map(tokenizer.count, texts))


def first_ids(row: Row, limit: int) -> Row:
    """The same row with at most so many of its token ids, which no tokenizer need count."""
    ids = (row.prompt_token_ids or [])[:limit]
    return msgspec.structs.replace(row, prompt_token_ids=ids, input_tokens=len(ids))


def clipped(row: Row, tokenizer: Tokenizer, limit: int) -> Row | None:
    """The same row with at most so many tokens of text; None where that cannot be."""
    counts = [tokenizer.count(text) for text in _texts(row)]
    kept = _shares(counts, limit)
    if kept is None:
        return None
    texts = [
        text if share == count else tokenizer.clip(text, share)
        for text, count, share in zip(_texts(row), counts, kept, strict=True)
    ]
    return _with_texts(row, iter(texts), sum(map(tokenizer.count, texts)))


def _shares(counts: list[int], limit: int) -> list[int] | None:
    """How many tokens each text keeps, the last ones losing theirs first; None: not even one."""
    kept = list(counts)
    over = sum(counts) - limit
    for place in reversed(range(len(kept))):
        lost = max(0, min(over, kept[place] - 1))
        kept[place] -= lost
        over -= lost
    return None if over > 0 else kept


def _texts(row: Row) -> Iterator[str]:
    """Every text of the content, in order."""
    if row.prompt is not None:
        yield row.prompt
    for message in row.messages or ():
        content = message.get("content")
        if isinstance(content, str):
            yield content
        for part in content if isinstance(content, list) else ():
            if _is_text(part):
                yield part["text"]


def _with_texts(row: Row, texts: Iterator[str], count: int) -> Row:
    """The same row with other texts in their places."""
    if row.prompt is not None:
        return msgspec.structs.replace(row, prompt=next(texts), input_tokens=count)
    messages = [_message(message, texts) for message in row.messages or ()]
    return msgspec.structs.replace(row, messages=messages, input_tokens=count)


def _message(message: dict[str, Any], texts: Iterator[str]) -> dict[str, Any]:
    content = message.get("content")
    if isinstance(content, str):
        return {**message, "content": next(texts)}
    if not isinstance(content, list):
        return message
    parts = [{**part, "text": next(texts)} if _is_text(part) else part for part in content]
    return {**message, "content": parts}


def _is_text(part: Any) -> bool:
    return isinstance(part, dict) and isinstance(part.get("text"), str)
