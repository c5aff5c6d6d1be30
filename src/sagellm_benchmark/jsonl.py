"""Line files, plain or gzipped, read and written as streams.

In: a path. Out: `(line number, bytes)` pairs, numbered from 1, without line ends and without a byte
order mark, in constant memory whatever the file's size. What cannot be the data is named with its
line: a Git LFS pointer, a gzip stream that is cut or corrupt, UTF-16, an archive, a line over 16
MiB. A written file appears whole or not at all, replaces one that exists only where that was asked
for, and the same lines give the same bytes, gzipped too.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from sagellm_benchmark.errors import InputError, UsageError

_CHUNK = 1 << 20
_MAX_LINE = 16 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_UTF8_BOM = b"\xef\xbb\xbf"
_NOT_LINES = {
    b"version https://git-lfs.github": "a Git LFS pointer, not the data: run `git lfs pull`",
    b"\xff\xfe": "UTF-16 text: save it as UTF-8",
    b"\xfe\xff": "UTF-16 text: save it as UTF-8",
    _GZIP_MAGIC: "gzip data within gzip data: unpack it once",
    b"PK\x03\x04": "a ZIP archive: unpack it",
    b"BZh": "bzip2 data: unpack it, or pack it with gzip",
    b"\xfd7zXZ\0": "xz data: unpack it, or pack it with gzip",
    b"\x28\xb5\x2f\xfd": "Zstandard data: unpack it, or pack it with gzip",
    b"PAR1": "a Parquet table: write it as CSV or JSON lines",
}
"""What a file begins with that cannot be lines of text, and what to do."""

_BROKEN = (EOFError, zlib.error, OSError)


def read_lines(path: str | Path) -> Iterator[tuple[int, bytes]]:
    """Yield each line with its number.

    Raises:
        InputError: The file cannot be opened, or is not lines of text.
    """
    path = Path(path)
    number, start = 0, [b""]
    with _open(path) as file:
        try:
            for chunk in _text(file, path):
                if b"\n" not in chunk:
                    start.append(chunk)
                else:
                    *whole, rest = b"".join([*start, chunk]).split(b"\n")
                    if b"\r" in chunk:
                        whole = [line.removesuffix(b"\r") for line in whole]
                    yield from enumerate(whole, number + 1)
                    number, start = number + len(whole), [rest]
                if sum(map(len, start)) > _MAX_LINE:
                    raise InputError("the line is longer than 16 MiB", path, number + 1)
            if last := b"".join(start):
                yield number + 1, last.removesuffix(b"\r")
        except _BROKEN as error:
            raise _broken(error, path, number + 1) from None


def read_chunks(path: str | Path) -> Iterator[bytes]:
    """Yield a file's text in pieces of at most 1 MiB, unpacked and without a byte order mark.

    Raises:
        InputError: The file cannot be opened, or is no text.
    """
    path = Path(path)
    with _open(path) as file:
        try:
            yield from _text(file, path)
        except _BROKEN as error:
            raise _broken(error, path, None) from None


def write_lines(path: str | Path, lines: Iterable[bytes], *, force: bool = False) -> None:
    """Write lines to a new file, gzipped where its name ends in `.gz`.

    Args:
        path: The file.
        lines: Without their ends.
        force: Take the place of a file that exists.

    Raises:
        UsageError: The file exists, or its folder cannot be written to.
    """
    with new_file(path, force=force) as file:
        _write(file, lines, zipped=Path(path).suffix == ".gz")


@contextmanager
def new_file(path: str | Path, *, force: bool = False) -> Iterator[BinaryIO]:
    """A file to write into, which gets its name when all is written, and otherwise is no more.

    Args:
        path: The file.
        force: Take the place of a file that exists.

    Raises:
        UsageError: The file exists, or cannot be written.
    """
    path = Path(path)
    if path.exists() and not force:
        raise UsageError(f"{path}: exists; choose another name or remove it")
    if path.exists() and not path.is_file():  # a device or a pipe would become a file
        raise UsageError(f"{path}: is no file; name another")
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with draft.open("xb") as file:
            yield file
        draft.replace(path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        draft.unlink(missing_ok=True)


def _write(file: BinaryIO, lines: Iterable[bytes], *, zipped: bool) -> None:
    if not zipped:
        file.writelines(line + b"\n" for line in lines)
        return
    # No name and no time in the gzip header: equal lines give equal files.
    with gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=6, mtime=0) as packed:
        for line in lines:
            packed.write(line + b"\n")


def _open(path: Path) -> BufferedReader | gzip.GzipFile:
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == _GZIP_MAGIC
        return gzip.open(path) if zipped else path.open("rb")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path) from None


def _text(file: BufferedReader | gzip.GzipFile, path: Path) -> Iterator[bytes]:
    # read1 hands over what was decoded before a cut; read would lose it, and the line with it.
    if chunk := file.read1(_CHUNK):
        yield _first(chunk, path)
    while chunk := file.read1(_CHUNK):
        yield chunk


def _broken(error: Exception, path: Path, line: int | None) -> InputError:
    if isinstance(error, EOFError):
        message = "the gzip stream ends here, before its end mark: a cut download?"
        return InputError(message, path, line)
    if isinstance(error, (zlib.error, gzip.BadGzipFile)):
        return InputError(f"corrupt gzip data ({error})", path, line)
    return InputError(f"cannot be read: {getattr(error, 'strerror', error)}", path)


def _first(chunk: bytes, path: Path) -> bytes:
    for start, what in _NOT_LINES.items():
        if chunk.startswith(start):
            raise InputError(what, path, 1)
    return chunk.removeprefix(_UTF8_BOM)
