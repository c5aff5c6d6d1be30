"""CSV that every reader takes, and no spreadsheet runs."""

from __future__ import annotations

import csv
import json
from io import StringIO

import pytest

from metrics.runs import mixed_run
from record.outcomes import record
from sagellm_benchmark.report.export.flat import COLUMNS, row
from sagellm_benchmark.report.export.spreadsheet import csv_lines


def read(records):
    """The lines as a reader has them."""
    text = b"\n".join(csv_lines(records)).decode()
    return list(csv.DictReader(StringIO(text, newline="")))


@pytest.mark.parametrize("options", [{}, {"itl": "hist"}], ids=["list", "hist"])
def test_it_reads_back(options):
    """A line a record; empty is null, a list is JSON, a number is exact."""
    records = mixed_run(60, 4, **options)
    found = read(records)
    assert len(found) == len(records)
    for one, line in zip(records, found, strict=True):
        assert list(line) == [column.name for column in COLUMNS]
        for column, value in zip(COLUMNS, row(one), strict=True):
            text = line[column.name]
            if value is None:
                assert text == ""
            elif column.kind == "text":
                assert text == value
            elif column.kind == "histogram":
                assert json.loads(text)["buckets"] == value.buckets
            else:
                assert json.loads(text) == value


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
def test_no_cell_is_a_formula(sign):
    """A name that begins like one gets an apostrophe; a negative number is none."""
    (line,) = read([record(0, name=f"{sign}1+1", model="a=b")])
    assert line["name"] == f"'{sign}1+1"
    assert line["model"] == "a=b"


def test_a_number_below_zero():
    """Numbers are numbers."""
    one = record(0)
    one.due_s = -0.5
    assert read([one])[0]["due_s"] == "-0.5"


def test_text_of_several_lines():
    """Quotes, commas and line ends stay in their cell."""
    one = record(0)
    one.text = 'a "b",\nc'
    assert read([one])[0]["text"] == one.text


def test_no_records():
    """The head is there all the same."""
    assert len(list(csv_lines([]))) == 1
