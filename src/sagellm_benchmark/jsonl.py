"""Line files, plain or gzipped, read and written as streams.

In: a path. Out: `(line number, bytes)` pairs, numbered from 1, without line ends and without a byte
order mark, in constant memory whatever the file's size. What cannot be the data is named with its
line: a Git LFS pointer, a gzip stream that is cut or corrupt, UTF-16, a line over 16 MiB. A written
file appears whole or not at all, never replaces one that exists, and the same lines give the same
bytes, gzipped too.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterable, Iterator
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from sagellm_benchmark.errors import InputError, UsageError

_CHUNK = 1 << 20
_MAX_LINE = 16 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"


def read_lines(path: str | Path) -> Iterator[tuple[int, bytes]]:
    """Yield each line with its number.

    Raises:
        InputError: The file cannot be opened, or is not lines of text.
    """
    path = Path(path)
    with _open(path) as file:
        number = 0
        try:
            for number, line in _lines(file, path):
                yield number, line
        except EOFError:
            message = "the gzip stream ends here, before its end mark: a cut download?"
            raise InputError(message, path, number + 1) from None
        except (zlib.error, gzip.BadGzipFile) as error:
            raise InputError(f"corrupt gzip data ({error})", path, number + 1) from None
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", path) from None


def write_lines(path: str | Path, lines: Iterable[bytes]) -> None:
    """Write lines to a new file, gzipped where its name ends in `.gz`.

    Raises:
        UsageError: The file exists, or its folder cannot be written to.
    """
    path = Path(path)
    if path.exists():
        raise UsageError(f"{path}: exists; choose another name or remove it")
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with draft.open("xb") as file:
            _write(file, lines, zipped=path.suffix == ".gz")
        draft.rename(path)
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


def _lines(file: BufferedReader | gzip.GzipFile, path: Path) -> Iterator[tuple[int, bytes]]:
    number, rest = 0, b""
    # read1 hands over what was decoded before a cut; read would lose it, and the line with it.
    while chunk := file.read1(_CHUNK):
        if number == 0 and not rest:
            chunk = _first(chunk, path)
        *whole, rest = (rest + chunk).split(b"\n")
        if len(rest) > _MAX_LINE:
            raise InputError("the line is longer than 16 MiB", path, number + len(whole) + 1)
        for line in whole:
            number += 1
            yield number, line[:-1] if line.endswith(b"\r") else line
    if rest:
        yield number + 1, rest.removesuffix(b"\r")


def _first(chunk: bytes, path: Path) -> bytes:
    if chunk.startswith(_LFS_POINTER):
        raise InputError("a Git LFS pointer, not the data: run `git lfs pull`", path, 1)
    if chunk.startswith(_UTF16_BOMS):
        raise InputError("UTF-16 text: save it as UTF-8", path, 1)
    return chunk.removeprefix(_UTF8_BOM)
