"""Records of a file that is either JSON lines or a single JSON document.

In: a file. Out: `(line, bytes)` of each record: a line, or an element of the document's array, or
the whole document where it is one object. Lines are streamed; a document is loaded, up to 256 MB.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from sagellm_benchmark.errors import InputError
from sagellm_benchmark.jsonl import read_chunks
from sagellm_benchmark.trace.formats.format import Lines, rows_only
from sagellm_benchmark.trace.formats.head import read_head

MAX_BYTES = 256_000_000
"""Of one document, unpacked."""

_ARRAY = re.compile(rb"\s*\[")

_decode_array = msgspec.json.Decoder(list[msgspec.Raw]).decode


def records(path: Path, lines: Lines, split: str) -> Iterator[tuple[int, bytes | bytearray]]:
    """Give each record with its line.

    Args:
        path: The file.
        lines: Its lines.
        split: The command that makes JSON lines of a document which is too big.

    Raises:
        InputError: A document is too big, or no JSON; raised while iterating.
    """
    if not read_head(path).document:
        return rows_only(lines)
    return _elements(path, split)


def _elements(path: Path, split: str) -> Iterator[tuple[int, bytes | bytearray]]:
    document = _loaded(path, split)
    if not _ARRAY.match(document):
        yield 1, document
        return
    try:
        elements = _decode_array(document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"not JSON: {error}", path) from None
    yield from placed(document, elements)


def placed(
    document: bytes | bytearray, elements: Iterable[msgspec.Raw], line: int = 1
) -> Iterator[tuple[int, bytes]]:
    """Give each part of a document, in its order, with the line that it begins on."""
    begun = ended = 0
    for element in elements:
        text = bytes(element)
        found = document.find(text, ended)
        line += document.count(b"\n", begun, found)
        begun, ended = found, found + len(text)
        yield line, text


def _loaded(path: Path, split: str) -> bytearray:
    document = bytearray()
    for chunk in read_chunks(path):
        document += chunk
        if len(document) > MAX_BYTES:
            raise InputError(
                f"a JSON document of over {MAX_BYTES // 10**6} MB; JSON lines are streamed, "
                f"whatever their size: {split}",
                path,
            )
    return document
