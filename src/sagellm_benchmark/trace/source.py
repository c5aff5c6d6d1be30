"""A trace: a header, and rows that can be read again and again without holding them in memory.

In: a file and what the user said of it, or rows made by this program. Out: rows in order of
arrival, in seconds from the trace's origin (of a foreign format: from its first row). Each call of
`rows()` is a new pass with its own count; after a complete one `rows_read == rows emitted +
sum(drops)`. Bad rows end a pass with one error that names them.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from sagellm_benchmark.errors import InputError
from sagellm_benchmark.jsonl import read_lines
from sagellm_benchmark.trace.formats import registry
from sagellm_benchmark.trace.formats.format import Format, Options, Reading
from sagellm_benchmark.trace.instant import instant_text
from sagellm_benchmark.trace.order import Timed, grid_s, in_order
from sagellm_benchmark.trace.row import Header, Row
from sagellm_benchmark.trace.tally import Tally

_SAMPLE = 2000
_NS_PER_S = 1_000_000_000


class Trace:
    """Rows with a header.

    Attributes:
        header: What is known of all rows.
        path: The file; None where the rows are made.
        format: The name of the file's format.
    """

    def __init__(
        self,
        header: Header,
        start: Callable[[Tally], Iterator[Row]],
        *,
        path: Path | None,
        format: str,
        skip_bad: bool = False,
        origins: Sequence[Trace] = (),
    ) -> None:
        self.header = header
        self.path = path
        self.format = format
        self._start = start
        self._skip_bad = skip_bad
        self._origins = origins
        self._waits: bool | None = None
        self._tally = Tally(path)
        self._sha256: str | None = None

    def rows(self) -> Iterator[Row]:
        """Begin a new pass.

        Raises:
            UsageError: Rows are bad, or the file is; raised while iterating.
        """
        self._tally = self.tally()
        return self._start(self._tally)

    def tally(self) -> Tally:
        """A new count, for `counted`."""
        return Tally(self.path, skip_bad=self._skip_bad)

    def counted(self, tally: Tally) -> Iterator[Row]:
        """Begin a new pass beside the latest one, with a count of its own.

        Raises:
            UsageError: Rows are bad, or the file is; raised while iterating.
        """
        return self._start(tally)

    def changed(
        self, header: Header, start: Callable[[Tally], Iterator[Row]], others: Sequence[Trace] = ()
    ) -> Trace:
        """What a change makes of this trace, and of others beside it: rows of its own."""
        return Trace(
            header,
            start,
            path=self.path,
            format=self.format,
            skip_bad=self._skip_bad,
            origins=(self, *others),
        )

    @property
    def waits(self) -> bool:
        """Whether some row waits for others; found once, in a pass up to the first that does.

        No change makes a row wait that did not: what was changed is looked at.
        """
        if self._origins:
            return any(each.waits for each in self._origins)
        if self._waits is None:
            self._waits = any(row.depends_on for row in self.counted(self.tally()))
        return self._waits

    @property
    def rows_read(self) -> int:
        """Rows of the source that the latest pass has read so far."""
        return self._tally.rows_read

    @property
    def drops(self) -> dict[str, int]:
        """Rows that the latest pass has left out so far, by reason."""
        return dict(self._tally.drops)

    @property
    def added(self) -> dict[str, int]:
        """Rows that the latest pass has had beside those of the source so far, by reason."""
        return dict(self._tally.added)

    @property
    def inversions(self) -> int:
        """Rows that the latest pass found earlier in time than the row before them."""
        return self._tally.inversions

    @property
    def sha256(self) -> str | None:
        """The file's digest as it lies on disk, in hex; None where the rows are made."""
        if self._sha256 is None and self.path is not None:
            self._sha256 = _file_sha256(self.path)
        return self._sha256


def open_trace(
    path: str | Path,
    *,
    format: str | None = None,
    mapping: Mapping[str, str] | None = None,
    time_unit: str | None = None,
    skip_bad: bool = False,
) -> Trace:
    """Open a trace file; its first rows are read to learn its time's origin and grid.

    Args:
        path: The file, plain or gzipped.
        format: A name from `registry.FORMATS`; None recognises it by content.
        mapping: Row field to column, for the format `columns`.
        time_unit: `s`, `ms` or `rfc3339`, for the format `columns`.
        skip_bad: Count bad rows as drops and go on, instead of raising.

    Raises:
        UsageError: The file cannot be read or recognised, or its first rows are bad.
    """
    path = Path(path)
    _check_lasting(path)
    kind = registry.named(format) if format else registry.sniffed(path)
    options = Options(path.name, mapping or {}, time_unit)
    file = _File(path, kind, options)
    header = file.header(Tally(path, skip_bad=skip_bad))
    return Trace(header, file.rows, path=path, format=kind.name, skip_bad=skip_bad)


def _check_lasting(path: Path) -> None:
    """Refuse what gives its bytes only once."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path) from None
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise InputError("a pipe or a device; a trace is read more than once: save it first", path)


class _File:
    """The passes over one file."""

    def __init__(self, path: Path, kind: Format, options: Options) -> None:
        self._path = path
        self._kind = kind
        self._options = options

    def header(self, tally: Tally) -> Header:
        reading = self._reading()
        if not self._kind.window:
            return reading.header
        timed = islice(self._timed(reading, tally), _SAMPLE)
        times_ns = [time_ns for time_ns, _ in timed if time_ns is not None]
        known: dict[str, Any] = {}
        if reading.wall and times_ns:
            known["time_origin"] = instant_text(times_ns[0])
        if step_s := grid_s(times_ns):
            known["time_resolution_s"] = step_s
        return msgspec.structs.replace(reading.header, **known)

    def rows(self, tally: Tally) -> Iterator[Row]:
        reading = self._reading()
        timed = self._timed(reading, tally)
        if not self._kind.window:
            return (row for _, row in timed)
        return _from_first(timed, reading.link)

    def _reading(self) -> Reading:
        return self._kind.start(self._path, read_lines(self._path), self._options)

    def _timed(self, reading: Reading, tally: Tally) -> Iterator[Timed]:
        parsed = tally.parsed(reading.records, reading.parse)
        if not self._kind.window:
            return parsed
        return in_order(parsed, self._kind.window, tally, self._path)


def _from_first(
    timed: Iterator[Timed], link: Callable[[int | None, Row], None] | None
) -> Iterator[Row]:
    """Set arrivals to seconds from the first one, subtracted as integers; link the rows."""
    origin_ns: int | None = None
    for time_ns, row in timed:
        if time_ns is not None:
            if origin_ns is None:
                origin_ns = time_ns
            row.arrival_time_s = (time_ns - origin_ns) / _NS_PER_S
        if link is not None:
            link(time_ns, row)
        yield row


def _file_sha256(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path) from None
    return digest.hexdigest()
