"""Promises of the recorder."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from sagellm_benchmark.record.record import RequestRecord, StatusWord
from sagellm_benchmark.record.recorder import Recorder
from sagellm_benchmark.record.segments import SegmentWriter, read_records
from sagellm_benchmark.wire.states import Status

from .outcomes import outcome, record


def test_every_record_goes_to_disk_and_listeners(tmp_path: Path) -> None:
    """Counts, segment and listeners agree on what came."""
    heard: list[RequestRecord] = []
    writer = SegmentWriter(tmp_path, "a")
    recorder = Recorder(writer, (heard.append,))
    records = [record(0), record(1, outcome(status=Status.TIMEOUT)), record(2)]
    for one in records:
        recorder.planned += 1
        recorder.add(one)
    recorder.close()
    recorder.close()
    assert heard == records == list(read_records([writer.path]))
    assert recorder.counts["ok"] == 2
    assert recorder.counts["timeout"] == 1
    assert set(recorder.counts) == {status.value for status in Status} == set(get_args(StatusWord))
    assert recorder.missing == 0
    assert recorder.failed is None


def test_a_planned_row_without_a_record_is_seen() -> None:
    """The ledger says how many records are missing, or came twice."""
    recorder = Recorder(None)
    recorder.planned = 2
    recorder.add(record(0))
    assert recorder.missing == 1
    recorder.add(record(1))
    recorder.add(record(1))
    assert recorder.missing == -1


def test_a_full_disk_is_said_and_figures_go_on(tmp_path: Path) -> None:
    """ENOSPC ends the writing with a reason; counts and listeners see every later record."""
    (tmp_path / "a.jsonl").symlink_to("/dev/full")
    heard: list[RequestRecord] = []
    recorder = Recorder(SegmentWriter(tmp_path, "a"), (heard.append,))
    recorder.add(record(0))
    assert recorder.failed is None
    recorder.flush()
    assert recorder.failed is not None
    assert "a.jsonl" in recorder.failed
    assert "No space left" in recorder.failed
    recorder.add(record(1))
    recorder.flush()
    recorder.close()
    assert len(heard) == recorder.counts["ok"] == 2


def test_a_disk_that_fills_at_the_end_is_said(tmp_path: Path) -> None:
    """A last batch that cannot be written at close is a failure too."""
    (tmp_path / "a.jsonl").symlink_to("/dev/full")
    recorder = Recorder(SegmentWriter(tmp_path, "a"))
    recorder.add(record(0))
    recorder.close()
    assert recorder.failed is not None


def test_the_cost_of_writing_is_told(tmp_path: Path) -> None:
    """Seconds, the longest write, the most bytes held back and the records handed over."""
    recorder = Recorder(SegmentWriter(tmp_path, "a"))
    assert recorder.figures() == {"write_s": 0.0, "write_max_ms": 0.0, "held_peak_bytes": 0}
    for batch in (1, 30, 5):
        for seq in range(batch):
            recorder.add(record(seq))
        recorder.flush()
    recorder.flush()
    recorder.close()
    figures = recorder.figures()
    assert figures is not None
    assert 0 < figures["write_max_ms"] <= figures["write_s"] * 1000
    size = (tmp_path / "a.jsonl").stat().st_size
    assert 0.7 * size < figures["held_peak_bytes"] < size
    assert recorder.written == recorder.recorded == 36


def test_without_a_segment_nothing_is_told() -> None:
    """Where nothing is kept on disk there is no cost and no number."""
    recorder = Recorder(None)
    recorder.add(record(0))
    assert (recorder.figures(), recorder.written) == (None, None)
