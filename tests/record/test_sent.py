"""A run's records as a trace."""

from __future__ import annotations

import msgspec
import pytest

from sagellm_benchmark.errors import InputError
from sagellm_benchmark.record.record import RequestRecord
from sagellm_benchmark.record.segments import SegmentWriter
from sagellm_benchmark.record.sent import sent_trace
from sagellm_benchmark.trace.statistics import inspect

from .outcomes import record


def _run(folder, *changes: dict) -> None:
    """Write a run whose records differ from a good one by so much."""
    good: RequestRecord = record()
    for part, records in enumerate((changes[::2], changes[1::2])):
        writer = SegmentWriter(folder / "records", f"local-{part}")
        for change in records:
            writer.append(msgspec.structs.replace(good, **change))
        writer.close()


def test_rows_come_as_they_were_sent(tmp_path) -> None:
    """Rows are in the order of sending, whatever the order of ending; lengths are those counted."""
    _run(
        tmp_path,
        {"seq": 0, "sent_s": 2.0, "input_tokens": 7, "output_tokens": 3},
        {"seq": 1, "sent_s": 0.5, "input_tokens": None, "output_tokens": 4},
        {"seq": 2, "sent_s": 1.0, "input_tokens": 9, "output_tokens": 5, "status": "incomplete"},
    )
    rows = list(sent_trace(tmp_path).rows())
    assert [row.arrival_time_s for row in rows] == [0.5, 1.0, 2.0]
    assert [row.input_tokens for row in rows] == [None, 9, 7]
    assert [row.output_tokens for row in rows] == [4, None, 3]


def test_what_was_never_sent_is_counted(tmp_path) -> None:
    """Every record is a row or a drop under its status, and so is a line that was cut."""
    _run(
        tmp_path,
        {"sent_s": 1.0},
        {"sent_s": None, "status": "dropped"},
        {"sent_s": None, "status": "skipped"},
    )
    with (tmp_path / "records/local-1.jsonl").open("ab") as file:
        file.write(b'{"schema":"sagellm.rec')
    figures = inspect(sent_trace(tmp_path))
    assert figures["format"] == "run"
    assert (figures["rows_read"], figures["rows"]) == (4, 1)
    assert figures["drops"] == {"dropped": 1, "skipped": 1, "torn_record": 1}


def test_think_time_runs_from_the_last_end(tmp_path) -> None:
    """A turn's think time is from the end of the last request it waited for to its sending."""
    turn = {"session_id": "s", "sent_s": 0.0, "ended_s": 1.0}
    _run(
        tmp_path,
        {**turn, "row_id": "a"},
        {**turn, "row_id": "b", "ended_s": 4.0},
        {**turn, "row_id": "c", "depends_on": ["a", "b"], "sent_s": 4.5, "ended_s": 5.0},
        {**turn, "row_id": "d", "depends_on": ["gone", "a"], "sent_s": 6.0, "ended_s": 7.0},
    )
    rows = list(sent_trace(tmp_path).rows())
    assert [row.think_time_s for row in rows] == [None, None, 0.5, None]
    assert len({row.session_id for row in rows}) == 1


def test_a_directory_without_records_is_no_run(tmp_path) -> None:
    """A folder that is no run is refused in one line that names it."""
    with pytest.raises(InputError, match=r"no run: there is no records/\*\.jsonl in it"):
        sent_trace(tmp_path)
