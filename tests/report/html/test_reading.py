"""What is looked up in the records is what is in them, wherever it lies."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from metrics.runs import columns_of, mixed_run
from record.directories import write_segment
from report.reports import archive_of
from sagellm_benchmark.errors import InputError
from sagellm_benchmark.record.record import RecordError
from sagellm_benchmark.report.html import reading
from sagellm_benchmark.report.html.reading import read_requests


@pytest.fixture
def records():
    """Every state, a few hundred requests."""
    return mixed_run(300, 4)


def test_the_table_is_the_summarys(tmp_path, records):
    """The same rows that the summary was made of, in whatever order and segments they lie."""
    archive = archive_of(tmp_path / "r", records[200:])
    write_segment(archive.directory / "records", "a", records[100:200][::-1])
    write_segment(archive.directory / "records", "z", records[:100])
    found = read_requests(archive)
    expected = columns_of(records).table()
    for name in expected.dtype.names:
        if name != "group":  # numbered as they are met
            assert np.array_equal(
                found.latencies.table[name], expected[name], equal_nan=name not in ("seq",)
            )
    assert [found.groups[n].model for n in found.latencies.table["group"]] == [
        one.model for one in records
    ]


def test_the_slowest_are_the_slowest(tmp_path, records):
    """Measured and ok, the slowest first, each the whole record."""
    found = read_requests(archive_of(tmp_path / "r", records)).slowest["e2e_ms"]
    ok = [one for one in records if one.status == "ok" and not one.warmup]
    ok.sort(key=lambda one: one.last_token_s - one.sent_s, reverse=True)
    assert found == ok[:5]


def test_failures_are_told_by_kind(tmp_path, records):
    """The summary's kinds and counts, each with its first record."""
    archive = archive_of(tmp_path / "r", records)
    found = read_requests(archive).kinds
    told = [error["count"] for error in archive.summary["errors"]]
    assert [kind.tally.count for kind in found] == told
    for kind in found:
        assert kind.example in records
        assert kind.example.seq == min(kind.tally.seqs)


def test_a_flood_of_messages_takes_no_memory(tmp_path, records, monkeypatch):
    """Where every message is another, those beyond a bound are told by their state alone."""
    monkeypatch.setattr(reading, "_MOST_KINDS", 5)
    odd = [
        msgspec.structs.replace(
            one, status="http_error", error=RecordError("unavailable", chr(103 + one.seq) * 9)
        )
        for one in records[:20]
    ]
    found = read_requests(archive_of(tmp_path / "r", odd))
    assert sorted(kind.tally.count for kind in found.kinds) == [1, 1, 1, 1, 1, 15]


def test_gaps_are_of_a_sample_in_large_runs(tmp_path, records, monkeypatch):
    """Every k-th request's, and k is told; all of them in small runs."""
    archive = archive_of(tmp_path / "r", records)
    whole = read_requests(archive)
    told = archive.summary["latency"]["itl_ms"]["count"]
    assert (whole.gap_every, whole.gaps.itl.block()["count"]) == (1, told)
    monkeypatch.setattr(reading, "GAP_SAMPLE", 20)
    part = read_requests(archive)
    assert part.gap_every > 5
    assert 0 < part.gaps.itl.block()["count"] < told / 3


def test_a_bad_line_is_named(tmp_path, records):
    """File and line, and no page of half a run."""
    archive = archive_of(tmp_path / "r", records)
    (archive.directory / "records" / "z.jsonl").write_text('{"seq": 1}\n{}\n')
    with pytest.raises(InputError, match=r"z\.jsonl:1"):
        read_requests(archive)
