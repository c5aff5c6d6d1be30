"""Records as a Parquet file: typed columns, lists kept, in groups of rows.

In: records, in any number. Out: a file; in memory is one group at a time. Needs pyarrow, which
comes with the package's extra `parquet`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, BinaryIO

import msgspec

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.record.buckets import BucketCounts
from sagellm_benchmark.record.record import RequestRecord
from sagellm_benchmark.report.export import flat

GROUP_ROWS = 20_000
GROUP_VALUES = 1_000_000
"""A group ends at so many rows, or so many values in the lists of gaps."""


def write_parquet(file: BinaryIO, records: Iterable[RequestRecord], *, run_id: str) -> int:
    """Write the file.

    Returns:
        How many records are in it.

    Raises:
        UsageError: There is no pyarrow.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise UsageError(
            "--to parquet needs pyarrow: pip install 'isagellm-benchmark[parquet]'"
        ) from None
    schema = _schema(pa, run_id)
    written = values = 0
    group: list[list[Any]] = []
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for record in records:
            group.append(flat.row(record))
            values += len(record.chunk_gaps_ms)
            if len(group) >= GROUP_ROWS or values >= GROUP_VALUES:
                written += _write(pa, writer, schema, group)
                group, values = [], 0
        if group or not written:
            written += _write(pa, writer, schema, group)
    return written


def _write(pa: Any, writer: Any, schema: Any, group: list[list[Any]]) -> int:
    columns = zip(*group, strict=True) if group else [()] * len(schema)
    arrays = [
        pa.array([_histogram(v) for v in values] if pa.types.is_struct(f.type) else values, f.type)
        for f, values in zip(schema, columns, strict=True)
    ]
    writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
    return len(group)


def _schema(pa: Any, run_id: str) -> Any:
    whole, number = pa.int64(), pa.float64()
    types = {
        flat.TEXT: pa.string(),
        flat.WHOLE: whole,
        flat.NUMBER: number,
        flat.TRUTH: pa.bool_(),
        flat.TEXTS: pa.list_(pa.string()),
        flat.NUMBERS: pa.list_(number),
        flat.HISTOGRAM: pa.struct(
            {
                "sum_us": whole,
                "squares_us2": number,
                "min_us": whole,
                "max_us": whole,
                "buckets": pa.list_(whole),
            }
        ),
    }
    fields = [pa.field(column.name, types[column.kind]) for column in flat.COLUMNS]
    return pa.schema(fields, metadata={"run_id": run_id})


def _histogram(counts: BucketCounts | None) -> dict[str, Any] | None:
    """Squares of long gaps add up to more than 64 bits."""
    if counts is None:
        return None
    return msgspec.structs.asdict(counts) | {"squares_us2": float(counts.squares_us2)}
