"""Line files: numbers, gzip, what is no data, and files that appear whole."""

from __future__ import annotations

import gzip
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.errors import InputError, UsageError
from sagellm_benchmark.jsonl import read_lines, write_lines


def _lines(path):
    return list(read_lines(path))


def test_lines_are_numbered_and_bare(tmp_path):
    """Line numbers count from 1, line ends of either kind and a byte order mark are taken off."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbfone\r\ntwo\n\nfour")
    assert _lines(path) == [(1, b"one"), (2, b"two"), (3, b""), (4, b"four")]


@settings(derandomize=True, deadline=None, max_examples=30)
@given(
    st.lists(st.binary(max_size=40).filter(lambda line: b"\n" not in line and b"\r" not in line))
)
def test_gzip_changes_no_line(tmp_path_factory, lines):
    """A gzipped file, of several members too, gives the same lines as the plain one."""
    folder = tmp_path_factory.mktemp("gz")
    data = b"".join(line + b"\n" for line in lines)
    plain, packed = folder / "plain", folder / "packed"
    plain.write_bytes(data)
    half = len(data) // 2
    packed.write_bytes(gzip.compress(data[:half]) + gzip.compress(data[half:]))
    if not plain.read_bytes().startswith((b"\xff\xfe", b"\xfe\xff", b"\x1f\x8b")):
        assert _lines(plain) == _lines(packed)


def test_chunk_borders_show_nowhere(tmp_path):
    """Lines longer than a read, and lines that end at its border, come out whole."""
    lines = [b"a" * (1 << 20), b"b" * ((1 << 20) - 1), b"c" * 3_000_000, b""]
    path = tmp_path / "long"
    write_lines(path, lines)
    assert [line for _, line in read_lines(path)] == lines


def test_cut_gzip_names_the_line(tmp_path):
    """A gzip file whose end is missing is an error at the line where it stops."""
    path = tmp_path / "cut.gz"
    data = gzip.compress(b"".join(b"%d\n" % n for n in range(100_000)))
    path.write_bytes(data[: len(data) // 2])
    seen = 0
    with pytest.raises(InputError, match="cut download") as caught:
        for number, line in read_lines(path):
            assert line == b"%d" % (number - 1)
            seen = number
    assert caught.value.line == seen + 1 > 1


def test_corrupt_gzip_is_named(tmp_path):
    """Flipped bytes in a gzip file are reported as such, not as bad rows or a traceback."""
    path = tmp_path / "bad.gz"
    data = bytearray(gzip.compress(b"".join(b"%d\n" % n for n in range(100_000))))
    data[2000:2040] = bytes(40)
    path.write_bytes(data)
    with pytest.raises(InputError, match="corrupt gzip"):
        _lines(path)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "git lfs pull"),
        ("a\nb".encode("utf-16"), "UTF-16"),
        (b"x" * (18 << 20), "16 MiB"),
        (gzip.compress(gzip.compress(b"{}", mtime=0), mtime=0), "gzip data within gzip data"),
        (b"PK\x03\x04\n", "ZIP archive"),
        (b"PAR1\n", "Parquet"),
    ],
)
def test_what_is_no_data_is_named(tmp_path, data, what):
    """A Git LFS pointer, UTF-16 text, an archive and an endless line are named, with the line."""
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(InputError, match=what) as caught:
        _lines(path)
    assert caught.value.line == 1


@pytest.mark.parametrize("name", ["missing", "."])
def test_unreadable_paths_are_input_errors(tmp_path, name):
    """A missing file and a folder end in one line that names them."""
    with pytest.raises(InputError, match="cannot be read"):
        _lines(tmp_path / name)


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_equal_lines_give_equal_files(tmp_path, name):
    """Writing is deterministic, gzip header included, and reads back."""
    (tmp_path / "x").mkdir()
    first, second = tmp_path / name, tmp_path / "x" / name
    for path in (first, second):
        write_lines(path, [b"1", b"2"])
    assert first.read_bytes() == second.read_bytes()
    assert _lines(first) == [(1, b"1"), (2, b"2")]


def test_files_are_never_overwritten(tmp_path):
    """An existing file stays as it is."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"mine")
    with pytest.raises(UsageError, match="exists"):
        write_lines(path, [b"1"])
    assert path.read_bytes() == b"mine"


def test_a_pipe_never_becomes_a_file(tmp_path):
    """Nor a device, whatever was allowed: `--out /dev/full --force` would be the end of it."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(UsageError, match="is no file"):
        write_lines(path, [b"1"], force=True)
    assert path.is_fifo()


def test_a_failed_write_leaves_nothing(tmp_path):
    """When the lines fail half-way, neither the file nor a draft of it remains."""

    def lines():
        yield b"1"
        raise InputError("bad row", "t", 2)

    with pytest.raises(InputError):
        write_lines(tmp_path / "a.jsonl", lines())
    assert list(tmp_path.iterdir()) == []


def test_unwritable_folders_are_usage_errors(tmp_path):
    """A folder that does not exist ends in one line that names the file."""
    with pytest.raises(UsageError, match="cannot be written"):
        write_lines(tmp_path / "none" / "a.jsonl", [b"1"])
