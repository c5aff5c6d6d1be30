"""Azure traces: exact times, and every defect of the public files."""

from __future__ import annotations

import pytest
from files import TRACES, real_slices, rows_of
from lookalikes import azure

from sagellm_benchmark.errors import InputError, UsageError
from sagellm_benchmark.trace.source import open_trace

HEADER = b"TIMESTAMP,ContextTokens,GeneratedTokens\r\n"


def _file(tmp_path, data):
    path = tmp_path / "azure.csv"
    path.write_bytes(data)
    return path


def test_the_lookalike_is_what_its_generator_makes():
    """traces/azure_lookalike.csv is made here, byte for byte."""
    assert (TRACES / "azure_lookalike.csv").read_bytes() == azure()


def test_the_2023_form(tmp_path):
    """CRLF, seven digits and a missing last line end: exact times from the first row on."""
    data = b"2023-11-16 18:17:03.9799600,4808,10\r\n2023-11-16 18:17:04.0319601,3180,8"
    trace = open_trace(_file(tmp_path, HEADER + data))
    first, second = trace.rows()
    assert trace.format == "azure"
    assert trace.header.time_origin == "2023-11-16T18:17:03.97996Z"
    assert (first.arrival_time_s, second.arrival_time_s) == (0.0, 0.0520001)
    assert (first.input_tokens, first.output_tokens, first.source_row) == (4808, 10, 1)
    assert second.request_id == "row-2"


def test_the_2024_form_mixes_fractions(tmp_path):
    """A fraction may be absent, six or seven digits, with or without a zone, in one file."""
    rows = [
        b"2024-05-12 00:00:00+00:00,1,1",
        b"2024-05-12 00:00:00.001163+00:00,2,1",
        b"2024-05-12 00:00:01.5Z,3,1",
        b"2024-05-12 00:00:02.0000001,4,1",
    ]
    path = _file(tmp_path, HEADER + b"\n".join(rows))
    assert [row.arrival_time_s for row in rows_of(path)] == [0.0, 0.001163, 1.5, 2.0000001]


def test_columns_go_by_name(tmp_path):
    """A byte order mark, other columns and another order change nothing; images are kept."""
    data = (
        b"\xef\xbb\xbfTIMESTAMP,NumImages,GeneratedTokens,ContextTokens\n"
        b"2024-10-15T12:00:00.269Z,0,491,770\n\n2024-10-15T12:00:05.819Z,2,126,949\n"
    )
    first, second = rows_of(_file(tmp_path, data))
    assert (first.input_tokens, first.output_tokens, first.modalities) == (770, 491, None)
    assert (second.input_tokens, second.modalities) == (949, {"image_count": 2})


def test_semicolons_are_fine(tmp_path):
    """Mirrors that saved the file again with semicolons are read too."""
    data = b"TIMESTAMP;ContextTokens;GeneratedTokens\n2024-10-15T12:00:00.269Z;7;1\n"
    assert rows_of(_file(tmp_path, data))[0].input_tokens == 7


def test_unsorted_rows_are_sorted_and_counted(tmp_path):
    """Rows out of order are put in order, stably, with the source row kept and the step counted."""
    rows = [b"2024-05-12 00:00:0%d,%d,1" % (second, tokens) for second, tokens in
            ((1, 10), (3, 20), (2, 30), (3, 40))]  # fmt: skip
    trace = open_trace(_file(tmp_path, HEADER + b"\r\n".join(rows)))
    assert [row.source_row for row in trace.rows()] == [1, 3, 2, 4]
    assert trace.inversions == 1


def test_zero_input_is_a_named_drop(tmp_path):
    """A row without input cannot be sent: it is dropped and counted; zero output is kept."""
    data = b"2024-05-12 00:00:01,0,5\n2024-05-12 00:00:02,5,0\n"
    trace = open_trace(_file(tmp_path, HEADER + data))
    (row,) = trace.rows()
    assert (row.output_tokens, trace.drops, trace.rows_read) == (0, {"zero_input": 1}, 2)


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (b"2024-05-12 00:00:02,abc,1", "ContextTokens"),
        (b"2024-05-12 00:00:02,-5,1", "ContextTokens"),
        (b"2024-05-12 00:00:02,5,1.5", "GeneratedTokens"),
        (b"2024-05-12 00:00:02,99999999,1", "ContextTokens"),
        (b"2024-05-12 00:00:02,5", "columns"),
        (b"12.5,5,1", "TIMESTAMP"),
        (b"2024-05-12 00:00:02.12345678901,5,1", "TIMESTAMP"),
    ],
)
def test_bad_rows_name_line_and_field(tmp_path, line, field):
    """A bad row fails with its line and field, or is a drop with its field where that was asked."""
    path = _file(tmp_path, HEADER + b"2024-05-12 00:00:01,5,1\n" + line)
    with pytest.raises(UsageError, match=rf"azure\.csv:3: {field}: "):
        rows_of(path)
    trace = open_trace(path, skip_bad=True)
    assert len(list(trace.rows())) == 1
    assert trace.drops == {f"bad_{field}": 1}


def test_a_missing_column_is_named(tmp_path):
    """Forcing the format on another table says which column is not there."""
    path = _file(tmp_path, b"TIMESTAMP,ContextTokens\n2024-05-12 00:00:02,5\n")
    with pytest.raises(InputError, match="no column GeneratedTokens"):
        open_trace(path, format="azure")


def test_the_real_dirty_look(tmp_path):
    """The hand-made dirty file of the real slices fails at its bad row and at nothing else."""
    path = real_slices() / "handmade/azure_dirty.csv"
    with pytest.raises(UsageError, match=":6: ContextTokens"):
        rows_of(path)
    trace = open_trace(path, skip_bad=True)
    assert len(list(trace.rows())) == 4
    assert trace.rows_read == 4 + sum(trace.drops.values())


def test_a_column_that_is_there_twice(tmp_path):
    """Nobody knows which of them is meant: the file is refused."""
    path = _file(tmp_path, b"TIMESTAMP,ContextTokens,ContextTokens,GeneratedTokens\n")
    with pytest.raises(InputError, match=":1: more than one column ContextTokens"):
        rows_of(path, format="azure")
