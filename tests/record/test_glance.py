"""Outlines with gaps say the same as whole records."""

from __future__ import annotations

import pytest

from sagellm_benchmark.metrics.columns import Columns
from sagellm_benchmark.metrics.histogram import Histogram
from sagellm_benchmark.record.archive import open_archive
from sagellm_benchmark.record.glance import GlanceAtGaps, GlanceAtItl

from .directories import write_run
from .outcomes import outcome, record


@pytest.mark.parametrize("itl", ["list", "hist"])
def test_gaps_and_stamps_are_the_records_own(tmp_path, itl):
    """One by one or counted, with a tokenizer or without: the same table, the same histogram."""
    made = [
        record(0, outcome(tokens=[1100, 1120, 1150], frame_tokens=[1, 2, 1]), itl=itl),
        record(1, outcome(), itl=itl),
        record(2, outcome(tokens=[]), itl=itl),
    ]
    archive = open_archive(write_run(tmp_path / "r", made))
    whole, chunk_gaps, latencies = Columns(), Histogram(), Histogram()
    for one in archive.records():
        whole.add(one)
    short = Columns()
    for gaps, itls in zip(archive.every(GlanceAtGaps), archive.every(GlanceAtItl), strict=True):
        short.outline(gaps)
        if not gaps.measured:
            continue
        chunk_gaps.add(gaps.gaps_ms)
        latencies.add(itls.latencies.itl_list)
        if gaps.counted is not None:
            chunk_gaps.add_counts(gaps.counted)
            latencies.add_counts(itls.counted or itls.counted_gaps)
    assert short.table().tobytes() == whole.table().tobytes()
    assert chunk_gaps.block() == whole.gaps.total().chunk_gap.block()
    assert latencies.block() == whole.gaps.total().itl.block()
