"""What holds for the fields of a row, whatever format it came from.

In: a value as a file had it. Out: the value as a Row carries it, or a BadRowError that names the
field.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from sagellm_benchmark.trace.row import Row
from sagellm_benchmark.trace.tally import BadRowError, DroppedError

MAX_TOKENS = 10_000_000
"""Tokens of one prompt or reply; beyond it a number is no token count but a mistake."""

MAX_ID = 200
"""Characters of an id."""

_DIGITS = 40
_MAX_TOKEN_ID = (1 << 32) - 1
_WHOLE = re.compile(rb"(\d{1,12})(?:\.0+)?")

Record = TypeVar("Record")


def decoded(decode: Callable[[Any], Record], line: bytes | bytearray) -> Record:
    """Decode a line of JSON and name the field where it fails."""
    try:
        return decode(line)
    except msgspec.ValidationError as error:
        what, _, field = str(error).partition(" - at `$.")
        raise BadRowError(field.rstrip("`") or "row", what) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRowError("json", str(error)) from None


def time_ns(field: str, cell: bytes, parse: Callable[[bytes], int]) -> int:
    """Apply a parser of trace.instant and name the field where it fails."""
    try:
        return parse(cell)
    except ValueError as error:
        raise BadRowError(field, f"{shown(cell)} is not a time: {error}") from None


def count(field: str, cell: bytes) -> int:
    """Read a count of tokens or images from the text of a cell; `12.0` is 12."""
    if cell.isdigit() and len(cell) < 8:
        return int(cell)
    whole = _WHOLE.fullmatch(cell)
    if whole is None:
        raise BadRowError(field, f"{shown(cell)} is no whole number of 0 or more")
    return bounded(field, int(whole[1]))


def input_count(field: str, cell: bytes) -> int:
    """Read a prompt's tokens from the text of a cell; drop the row if there are none."""
    return count(field, cell) or some_input(field, 0)


def string(field: str, cell: bytes) -> str:
    """Read the text of a cell."""
    try:
        return cell.decode()
    except UnicodeDecodeError:
        raise BadRowError(field, f"{shown(cell)} is not UTF-8") from None


def shown(cell: bytes) -> str:
    """Quote what a file had, cut to a readable length."""
    return repr(cell[:60].decode("utf-8", "replace"))


def digits(value: int) -> str:
    """Write a number out, cut to a readable length."""
    text = str(value)
    return text if len(text) <= _DIGITS else f"{text[:_DIGITS]}…"


def bounded(field: str, value: int) -> int:
    """Refuse a count that is negative or absurd."""
    if not 0 <= value <= MAX_TOKENS:
        raise BadRowError(field, f"{digits(value)} is not between 0 and {MAX_TOKENS:,}")
    return value


def identifier(field: str, value: str) -> str:
    """Refuse an id that is empty, too long, or carries control characters."""
    if not 0 < len(value) <= MAX_ID or not value.isprintable():
        raise BadRowError(field, f"an id is 1 to {MAX_ID} printable characters")
    return value


def some_input(field: str, tokens: int) -> int:
    """Drop a row without input: there is nothing to send."""
    if tokens == 0:
        raise DroppedError("zero_input")
    return bounded(field, tokens)


def take_token_ids(row: Row, field: str, ids: list[int]) -> None:
    """Make ids a row's prompt, and their number its input tokens; drop the row if there is none."""
    tokens = some_input(field, len(ids))
    if row.input_tokens not in (None, tokens):
        raise BadRowError(field, f"{tokens} ids where input_tokens is {row.input_tokens}")
    if not 0 <= min(ids) <= max(ids) <= _MAX_TOKEN_ID:
        raise BadRowError(field, f"an id is not between 0 and {_MAX_TOKEN_ID}")
    row.prompt_token_ids = ids
    row.input_tokens = tokens


def blocks(row: Row, field: str, block_size: int, *, partial_tail_hashed: bool | None) -> None:
    """Refuse block ids that do not cover the prompt: they are of another block size.

    A wrong size goes unseen otherwise, and makes prompts share far more or far less than they did.
    The last, partial block has an id (ceil), has none (floor), or it is not known (either).
    """
    if row.prefix_block_ids is None or row.input_tokens is None:
        return
    have, tokens = len(row.prefix_block_ids), row.input_tokens
    floor, ceil = tokens // block_size, -(-tokens // block_size)
    most = floor if partial_tail_hashed is False else ceil
    if have != most and (partial_tail_hashed is not None or have != floor):
        raise BadRowError(
            field,
            f"{have} blocks of {block_size} tokens where {tokens} input tokens make {most}: "
            "is it another block size?",
        )
