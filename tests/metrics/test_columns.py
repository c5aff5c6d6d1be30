"""Promises of the columns."""

from __future__ import annotations

import numpy as np

from record.outcomes import outcome, record
from sagellm_benchmark.metrics.columns import STATUSES, UNKNOWN, Columns
from sagellm_benchmark.record.builder import Warmup
from sagellm_benchmark.record.record import Asked
from sagellm_benchmark.wire.states import Status

from .runs import columns_of, mixed_run


def test_a_table_holds_the_records_in_order_of_seq() -> None:
    """Times, tokens and states come out as they went in, sorted; unknown is NaN or -1."""
    records = mixed_run(50, seed=1)
    table = columns_of(reversed(records)).table()
    for row, one in zip(table, records, strict=True):
        assert row["seq"] == one.seq
        assert STATUSES[row["status"]] == one.status
        assert row["due"] == one.due_s
        assert np.isnan(row["sent"]) if one.sent_s is None else row["sent"] == one.sent_s
        assert row["input_tokens"] == (UNKNOWN if one.input_tokens is None else one.input_tokens)


def test_memory_is_flat() -> None:
    """A request takes under 100 bytes, whatever its reply was."""
    columns = Columns()
    columns.add(record(0, outcome(tokens=[1000.0 + step for step in range(5000)])))
    assert columns.table().itemsize < 100


def test_adding_goes_on_after_a_table_was_taken() -> None:
    """A table taken while the run goes on is a copy."""
    columns = columns_of([record(0)])
    table = columns.table()
    columns.add(record(1))
    assert (table.size, columns.table().size) == (1, 2)


def test_only_measured_ok_requests_have_gaps() -> None:
    """Failed requests and warm-up are not in the histograms of gaps."""
    failed, warm = outcome(status=Status.INCOMPLETE), record(2, warmup=Warmup("s", 9))
    columns = columns_of([record(0, failed), record(1), warm])
    assert columns.gaps.total().chunk_gap.block()["count"] == 2


def test_only_ok_replies_are_short() -> None:
    """A failed reply is a failure, not a short one."""
    failed = outcome(status=Status.INCOMPLETE, flags=["short_output"], output_tokens=1)
    short = outcome(output_tokens=1)
    asked = Asked(None, 10)
    table = columns_of([record(0, failed, asked=asked), record(1, short, asked=asked)]).table()
    assert table["short"].tolist() == [False, True]
