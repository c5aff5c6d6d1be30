"""Traces as a whole: passes, counts, errors, memory."""

from __future__ import annotations

import gzip
import hashlib
import os
import tracemalloc

import pytest
from files import DEMO, TRACES, jsonl, native, rows_of
from hypothesis import given, settings
from hypothesis import strategies as st
from lookalikes import azure

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.source import open_trace

MOONCAKE = {"timestamp": 0, "input_length": 5, "output_length": 1}


@pytest.mark.parametrize("name", ["mooncake_lookalike.jsonl", "azure_lookalike.csv"])
def test_passes_are_alike(name):
    """Each pass gives the same rows and the same counts."""
    trace = open_trace(TRACES / name)
    first = list(trace.rows())
    assert list(trace.rows()) == first
    assert trace.rows_read == len(first) + sum(trace.drops.values())


def test_the_digest_is_the_files(tmp_path):
    """sha256 is that of the bytes on disk, gzipped or not."""
    assert open_trace(DEMO).sha256 == hashlib.sha256(DEMO.read_bytes()).hexdigest()


def test_bad_rows_are_named_together(tmp_path):
    """All bad rows of a pass come in one error with their lines, and no row after the first one."""
    rows = [MOONCAKE, {**MOONCAKE, "timestamp": -1}, MOONCAKE, {**MOONCAKE, "output_length": -1}]
    path = jsonl(tmp_path / "m.jsonl", *rows)
    with pytest.raises(UsageError) as caught:
        open_trace(path)
    first, *rest = str(caught.value).splitlines()
    assert "2 bad rows" in first
    assert [line.split(": ")[0].rpartition(":")[2] for line in rest] == ["2", "4"]


def test_at_most_ten_bad_rows_are_named(tmp_path):
    """A file full of bad rows ends at the tenth."""
    path = jsonl(tmp_path / "m.jsonl", *[{**MOONCAKE, "timestamp": -1}] * 50)
    with pytest.raises(UsageError, match="10 or more bad rows") as caught:
        open_trace(path, format="mooncake")
    assert len(str(caught.value).splitlines()) == 11


def test_skipped_rows_are_counted_by_reason(tmp_path):
    """With skip_bad every row left out has a reason, and the count adds up."""
    rows = [MOONCAKE, {**MOONCAKE, "timestamp": -1}, {**MOONCAKE, "input_length": 0}, MOONCAKE]
    trace = open_trace(jsonl(tmp_path / "m.jsonl", *rows), skip_bad=True)
    assert len(list(trace.rows())) == 2
    assert trace.drops == {"bad_timestamp": 1, "zero_input": 1}
    assert trace.rows_read == 4


def test_rows_that_wait_keep_their_place(tmp_path):
    """A row without a time stays behind the row before it while others are sorted."""
    row = {"input_length": 5, "output_length": 1}
    path = jsonl(
        tmp_path / "m.jsonl",
        {**row, "timestamp": 2000, "request_id": "late"},
        {**row, "wait_for": ["late"], "request_id": "after"},
        {**row, "timestamp": 1000, "request_id": "early"},
    )
    assert [each.request_id for each in rows_of(path)] == ["early", "late", "after"]


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=60))
def test_any_order_is_sorted_stably(tmp_path_factory, times):
    """Rows come out by time, equal times in the file's order, from 0 on."""
    path = jsonl(
        tmp_path_factory.mktemp("order") / "m.jsonl",
        *({**MOONCAKE, "timestamp": time} for time in times),
    )
    trace = open_trace(path)
    expected = sorted(enumerate(times, 1), key=lambda pair: pair[1])
    assert [row.source_row for row in trace.rows()] == [number for number, _ in expected]
    assert trace.inversions == sum(late < early for early, late in zip(times, times[1:]))  # noqa: B905, RUF007
    assert next(trace.rows()).arrival_time_s == 0.0


@pytest.mark.parametrize("form", ["azure", "native"])
def test_memory_is_flat(tmp_path, form):
    """200,000 gzipped rows stream within a few MB, far below what the rows would take."""
    path = tmp_path / "big.gz"
    if form == "azure":
        path.write_bytes(gzip.compress(azure(200_000), 1))
    else:
        native(tmp_path / "big", *[{}] * 200_000)
        path.write_bytes(gzip.compress((tmp_path / "big").read_bytes(), 1))
    tracemalloc.start()
    try:
        count = sum(1 for _ in open_trace(path).rows())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 200_000
    assert peak < 16e6


def test_a_pipe_is_refused(tmp_path):
    """It gives its bytes once, and a trace is read more than once: nobody waits for any."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match=r"pipe: a pipe or a device.*save it first"):
        open_trace(tmp_path / "pipe")
