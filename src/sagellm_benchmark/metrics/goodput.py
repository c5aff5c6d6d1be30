"""Goodput by other objectives than those that a run was made with, from its records.

Records and objectives in, the summary's block `goodput` out, with the same meaning: good is what is
ok within every objective, of all that was planned, warm-up left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sagellm_benchmark.metrics.blocks import Selection, goodput
from sagellm_benchmark.metrics.columns import Columns
from sagellm_benchmark.metrics.latency import Latencies
from sagellm_benchmark.metrics.slo import Slo
from sagellm_benchmark.record.outline import Outline


def goodput_of(
    records: Iterable[Outline], slos: tuple[Slo, ...], duration_s: float | None
) -> dict[str, Any]:
    """The block.

    Args:
        records: Of one run, all of them.
        slos: Objectives; those for the run as a whole do not matter here.
        duration_s: The run's, of its summary.
    """
    columns = Columns()
    for record in records:
        columns.outline(record)
    latencies = Latencies(columns.table())
    measured = latencies.where(~latencies.table["warmup"])
    return goodput(Selection(measured, columns.gaps.total(), duration_s), slos)
