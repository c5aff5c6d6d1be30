"""Records on disk: append-only files of one JSON record a line.

A writer encodes at once and writes in batches; a whole record stands in the file before the next
one begins. A reader takes any number of segments in order; the line that a killed process left
unfinished at a segment's end is dropped and counted, any other damage is an error with file and
line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Generic, TypeVar

import msgspec

from sagellm_benchmark.clock import now
from sagellm_benchmark.errors import InputError
from sagellm_benchmark.record.outline import Outline
from sagellm_benchmark.record.record import SCHEMA, RequestRecord

R = TypeVar("R", bound=RequestRecord | Outline)

_READ_AT = 256 * 1024
"""Bytes that are read at once: a few lines at a time would cost as much as reading them."""

WRITE_AT = 256 * 1024
"""Bytes that are held back at most before they are written without waiting for `flush`."""


class SegmentWriter:
    """One growing segment, `<directory>/<name>.jsonl`.

    Args:
        directory: Made if it is missing.
        name: The segment's name, without its suffix.
        private: Nobody else may read it, whatever the umask: there is text in it.

    Attributes:
        records: Records taken so far.
        held_peak: The most bytes that were held back.
        writing_ns: Nanoseconds spent in the system's `write`, during which nothing else ran.
        longest_ns: The longest of these in one go.

    Raises:
        OSError: From here and from every method: the disk is full, the directory cannot be written.
    """

    def __init__(self, directory: str | Path, name: str, *, private: bool = False) -> None:
        folder = Path(directory)
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{name}.jsonl"
        self.path.touch(mode=0o600 if private else 0o666)
        self._file = self.path.open("ab", buffering=0)
        self._encoder = msgspec.json.Encoder()
        self._held = bytearray()
        self.records = 0
        self.held_peak = 0
        self.writing_ns = 0
        self.longest_ns = 0

    def append(self, record: RequestRecord) -> None:
        """Add one record; it is on disk after the next `flush`."""
        self._encoder.encode_into(record, self._held, -1)
        self._added()

    def append_line(self, line: bytes) -> None:
        """Add a record that another segment holds, as it stands there, without its line end."""
        self._held += line
        self._added()

    def _added(self) -> None:
        self._held.append(0x0A)
        self.records += 1
        if len(self._held) >= WRITE_AT:
            self.flush()

    def flush(self) -> None:
        """Write what is held back."""
        if not self._held:
            return
        self.held_peak = max(self.held_peak, len(self._held))
        began = now()
        try:
            while self._held:
                written = self._file.write(self._held)
                del self._held[:written]
        finally:
            took = now() - began
            self.writing_ns += took
            self.longest_ns = max(self.longest_ns, took)

    def close(self) -> None:
        """Write what is held back and close the file, also where the writing fails."""
        try:
            self.flush()
        finally:
            self._file.close()


class RecordReader(Iterator[R], Generic[R]):
    """Records of several segments, one after the other.

    Args:
        paths: The segments.
        kind: What is read of each record: all of it, or an outline.

    Attributes:
        torn: Unfinished last lines that were dropped so far.
        found: Records of the segments that were read to their end.
        segment: The number of the segment that the last record was read from.
        offset: Where in it that record's line begins, in bytes.
        line: That line, with its end.
    """

    def __init__(self, paths: Iterable[str | Path], kind: type[R]) -> None:
        self.torn = 0
        self.found = 0
        self.segment = 0
        self.offset = 0
        self.line = b""
        self._decoder = msgspec.json.Decoder(kind)
        self._records = self._read([Path(path) for path in paths])

    def __next__(self) -> R:
        return next(self._records)

    def __iter__(self) -> Iterator[R]:
        return self._records  # a step less for each of a million records

    def _read(self, paths: list[Path]) -> Iterator[R]:
        decode = self._decoder.decode
        for self.segment, path in enumerate(paths):
            with _opened(path) as file:
                end = number = torn = 0
                for number, line in enumerate(file, 1):
                    self.offset, end = end, end + len(line)
                    try:
                        record = decode(line)
                    except msgspec.DecodeError as error:
                        if not line.endswith(b"\n"):
                            torn = 1
                            continue
                        raise InputError(f"no record of {SCHEMA}: {error}", path, number) from error
                    if record.schema != SCHEMA:
                        schemas = f"schema {record.schema!r}, expected {SCHEMA!r}"
                        raise InputError(schemas, path, number)
                    self.line = line
                    yield record
            self.torn += torn
            self.found += number - torn


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb", buffering=_READ_AT)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path) from error


def read_records(paths: Iterable[str | Path]) -> RecordReader[RequestRecord]:
    """Read the records of segments in the order given.

    Raises:
        InputError: While reading, for a file that cannot be read or a line that is no record.
    """
    return RecordReader(paths, RequestRecord)


def read_outlines(paths: Iterable[str | Path]) -> RecordReader[Outline]:
    """Read the outlines of the records of segments, three times as fast.

    Raises:
        InputError: As `read_records`.
    """
    return RecordReader(paths, Outline)
