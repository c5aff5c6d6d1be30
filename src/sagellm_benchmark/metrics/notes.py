"""What a reader of the figures must know, in sentences.

Selections of a run in, lines out, each with its number. A note is no judgement: it says what the
figures do not show by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from sagellm_benchmark.metrics.blocks import short_output, tokens
from sagellm_benchmark.metrics.columns import SOURCES, Retries
from sagellm_benchmark.metrics.delivery import generator_notes, target_notes
from sagellm_benchmark.metrics.gateway import gateway_limit
from sagellm_benchmark.metrics.latency import Latencies
from sagellm_benchmark.metrics.steady import Unsteady, Window

SHARED_STAMPS = 0.05
"""From this share of token frames without a stamp of their own on, gap percentiles are blurred."""


def notes(
    whole: Latencies,
    measured: Latencies,
    hosts: np.ndarray,
    names: Sequence[str],
    dialect: str | None,
    unreached: int,
    window: Window | Unsteady,
    *,
    closed: bool,
    retries: Retries,
) -> list[str]:
    """All notes of a run.

    Args:
        whole: All requests.
        measured: Those that are not warm-up.
        hosts: Of each row of `whole`, the number of its host.
        names: The hosts by their numbers.
        dialect: What the target speaks, None if unknown.
        unreached: Rows of the trace that the run did not come to.
        window: Where the run was steady, or why it was not.
        closed: A closed loop, which has no schedule.
        retries: Attempts that did not count.
    """
    lines = [
        *generator_notes(measured, closed=closed),
        window.reason if isinstance(window, Unsteady) and window.fell_behind else None,
        *target_notes(measured, retries),
        *_gateways(whole, hosts, names, dialect),
        _short(measured, dialect),
        _source(measured),
        _shared(measured),
        _warmup(whole, measured),
        f"{unreached} rows of the trace were not reached" if unreached else None,
    ]
    return [line for line in lines if line]


def shared_stamp_fraction(latencies: Latencies) -> float | None:
    """Share of token frames that came in one read with an earlier one: no stamp of their own."""
    table = latencies.table
    chunks = int(table["chunks"].sum(dtype=np.int64))
    return 1 - int(table["reads"].sum(dtype=np.int64)) / chunks if chunks else None


def _gateways(
    whole: Latencies, hosts: np.ndarray, names: Sequence[str], dialect: str | None
) -> Iterable[str]:
    """One process a host: each is looked at by itself, and named where there are several."""
    for number, name in enumerate(names):
        limit = gateway_limit(whole.where(hosts == number), dialect)
        if limit is not None:
            yield limit if len(names) == 1 else f"{name}: {limit}"


def _short(measured: Latencies, dialect: str | None) -> str | None:
    short = short_output(measured)
    if not short["count"]:
        return None
    line = f"{short['count']} of {int(measured.ok.sum())} replies shorter than asked"
    if short["estimate"]:
        line += " (an estimate: the server did not count them)"
    return line + ("; this gateway hides truncation" if dialect == "sagellm" else "")


def _source(measured: Latencies) -> str | None:
    source = tokens(measured)["source"]
    if source == "chunks":
        return "output tokens are counted in chunks (lower bound): the server gave no usage"
    if source != "mixed":
        return None
    by_chunks = measured.table["source"][measured.ok] == SOURCES.index("chunks")
    way = "in chunks (lower bound)" if by_chunks.any() else "by the tokenizer"
    return f"output tokens of some replies are counted {way}, not by usage"


def _shared(measured: Latencies) -> str | None:
    fraction = shared_stamp_fraction(measured)
    if fraction is None or fraction < SHARED_STAMPS:
        return None
    return (
        f"{fraction:.0%} of the token frames came together with another and share its time: "
        "TTFT and TPOT are right, percentiles of gaps and ITL are not"
    )


def _warmup(whole: Latencies, measured: Latencies) -> str | None:
    warm = whole.table.size - measured.table.size
    if warm and not measured.table.size:
        return f"all {warm} requests were warm-up: nothing was measured, --warmup is too long"
    failed = int(whole.failed.sum()) - int(measured.failed.sum())
    if not failed:
        return None
    return f"{failed} of {warm} warm-up requests failed; no figure but the counts shows them"
