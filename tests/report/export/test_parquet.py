"""Parquet: typed columns, lists kept, groups that memory can hold."""

from __future__ import annotations

import io
import sys

import msgspec
import pytest

from metrics.runs import mixed_run
from record.outcomes import record
from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.report.export import parquet
from sagellm_benchmark.report.export.flat import COLUMNS, row

pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")


def written(records):
    """The file, opened again."""
    file = io.BytesIO()
    assert parquet.write_parquet(file, iter(records), run_id="r") == len(records)
    return pq.ParquetFile(io.BytesIO(file.getvalue()))


@pytest.mark.parametrize("options", [{}, {"itl": "hist"}], ids=["list", "hist"])
def test_it_reads_back(options):
    """Every value comes back as it was, null as null, lists as lists."""
    records = mixed_run(80, 6, **options)
    table = written(records).read().to_pylist()
    for one, found in zip(records, table, strict=True):
        assert list(found) == [column.name for column in COLUMNS]
        expected = [
            msgspec.structs.asdict(value) if isinstance(value, msgspec.Struct) else value
            for value in row(one)
        ]
        assert list(found.values()) == expected


def test_types_do_not_depend_on_the_run():
    """A run without a single error has the column of its messages all the same."""
    assert written([]).schema_arrow == written(mixed_run(80, 6)).schema_arrow


def test_groups(monkeypatch):
    """A group ends at its rows, or at its values where the lists are long."""
    monkeypatch.setattr(parquet, "GROUP_ROWS", 4)
    records = [record(seq) for seq in range(10)]
    found = written(records)
    assert found.metadata.num_row_groups == 3
    monkeypatch.setattr(parquet, "GROUP_VALUES", 4)
    assert written(records).metadata.num_row_groups == 5
    assert found.read().column("seq").to_pylist() == list(range(10))


def test_squares_of_long_gaps():
    """Their sum is over 64 bits."""
    one = mixed_run(1, 1, itl="hist")[0]
    one.gap_histogram = msgspec.convert(
        {"sum_us": 1, "squares_us2": 2**70, "min_us": 1, "max_us": 1, "buckets": [1, 1]},
        type(record(0, itl="hist").gap_histogram),
    )
    (found,) = written([one]).read().to_pylist()
    assert found["gap_histogram"]["squares_us2"] == float(2**70)


def test_without_pyarrow(monkeypatch):
    """One line says what to install."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"pip install 'isagellm-benchmark\[parquet\]'"):
        parquet.write_parquet(io.BytesIO(), [], run_id="r")
