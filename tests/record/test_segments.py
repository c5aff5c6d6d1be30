"""Promises of record segments."""

from __future__ import annotations

from pathlib import Path

import pytest

from sagellm_benchmark.errors import InputError
from sagellm_benchmark.record.segments import WRITE_AT, SegmentWriter, read_records

from .outcomes import record


def _segment(folder: Path, name: str, numbers: range) -> Path:
    writer = SegmentWriter(folder, name)
    for number in numbers:
        writer.append(record(number))
    writer.close()
    return writer.path


def test_round_trip_over_segments(tmp_path: Path) -> None:
    """What was written is read back equal, segment after segment."""
    paths = [
        _segment(tmp_path / "new", "a", range(3)),
        _segment(tmp_path / "new", "b", range(3, 5)),
    ]
    assert list(read_records(paths)) == [record(number) for number in range(5)]


def test_flush_puts_every_record_on_disk(tmp_path: Path) -> None:
    """After a flush the file holds all that was appended; before, only large batches."""
    writer = SegmentWriter(tmp_path, "a")
    writer.append(record(0))
    assert writer.path.read_bytes() == b""
    writer.flush()
    assert len(list(read_records([writer.path]))) == 1
    while writer.path.stat().st_size < WRITE_AT:
        writer.append(record(1))
    writer.close()


class _Slow:
    """A file that takes a hundred bytes at a time."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)

    def write(self, data: bytes) -> int:
        return self._file.write(bytes(data[:100])) or 0

    def close(self) -> None:
        self._file.close()


def test_a_short_write_is_carried_on(tmp_path: Path) -> None:
    """Where the kernel takes only part of a batch, the rest follows."""
    writer = SegmentWriter(tmp_path, "a")
    writer._file.close()
    writer._file = _Slow(writer.path)
    writer.append(record(0))
    writer.append(record(1))
    writer.close()
    assert [one.seq for one in read_records([writer.path])] == [0, 1]


def test_an_existing_segment_grows(tmp_path: Path) -> None:
    """Segments are append-only: opening one again adds to it."""
    _segment(tmp_path, "a", range(2))
    path = _segment(tmp_path, "a", range(2, 4))
    assert [one.seq for one in read_records([path])] == [0, 1, 2, 3]


def test_a_torn_last_line_is_dropped_and_counted(tmp_path: Path) -> None:
    """A process killed while writing costs its last line only, wherever it was cut."""
    path = _segment(tmp_path, "a", range(2))
    whole = path.read_bytes()
    ends = whole.index(b"\n") + 1
    for cut in range(ends + 1, len(whole) - 1, 97):
        path.write_bytes(whole[:cut])
        reader = read_records([path])
        assert [one.seq for one in reader] == [0]
        assert reader.torn == 1


def test_other_damage_names_file_and_line(tmp_path: Path) -> None:
    """A line that is no record, another schema or a missing file is one clear error."""
    path = _segment(tmp_path, "a", range(2))
    path.write_bytes(b"{}\n" + path.read_bytes())
    with pytest.raises(InputError, match=r"a\.jsonl:1: no record"):
        list(read_records([path]))
    path.write_bytes(path.read_bytes()[3:].replace(b"sagellm.record/1", b"sagellm.record/9"))
    with pytest.raises(InputError, match=r"a\.jsonl:1: schema 'sagellm.record/9'"):
        list(read_records([path]))
    path.write_bytes(
        path.read_bytes().replace(b"record/9", b"record/1").replace(b'"ok"', b'"fine"')
    )
    with pytest.raises(InputError, match=r"a\.jsonl:1: .*status"):
        list(read_records([path]))
    with pytest.raises(InputError, match=r"none\.jsonl: cannot be read"):
        list(read_records([tmp_path / "none.jsonl"]))


def test_unknown_keys_are_ignored(tmp_path: Path) -> None:
    """A record of a later release with more keys is read."""
    path = _segment(tmp_path, "a", range(1))
    path.write_bytes(path.read_bytes().replace(b'{"schema"', b'{"later":[1],"schema"'))
    assert list(read_records([path])) == [record(0)]


def test_a_private_segment_is_nobody_elses(tmp_path: Path) -> None:
    """Where text is kept, only the user who ran it may read it."""
    SegmentWriter(tmp_path, "a", private=True).close()
    assert (tmp_path / "a.jsonl").stat().st_mode & 0o077 == 0
