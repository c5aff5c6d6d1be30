"""Who did not deliver: the generator what was planned, or the target what was asked for.

Latencies of the measured requests in; sentences out, each with its numbers, each about one of the
two. A generator that is late sends fewer a second, or in another rhythm, of the requests that it
did send; a target that is slow fills the cap on requests in flight, and what is then due is
dropped. The two are never added up.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sagellm_benchmark.metrics.columns import SOURCES, STATUSES, UNKNOWN, Retries
from sagellm_benchmark.metrics.fidelity import distance, rate
from sagellm_benchmark.metrics.latency import Latencies

PACE = 0.98
"""A generator that sends less than this share of the rate that was due is said to."""

RHYTHM = 0.1
"""From this distance of the gaps sent from the gaps planned on it is said."""

INPUT = 0.05
"""From this difference between input tokens asked for and counted on it is said."""

_LEAST_SPAN_S = 1.0
_LEAST_SENT = 100
_DROPPED = STATUSES.index("dropped")


def generator_notes(measured: Latencies, *, closed: bool) -> Iterator[str]:
    """Of requests that were sent, against when they were due; nothing in a closed loop."""
    table = measured.table[~np.isnan(measured.table["sent"])]
    if closed or table.size < 2:
        return
    due, sent = np.sort(table["due"]), np.sort(table["sent"])
    wanted, reached = rate(due), rate(sent)
    lasted = due[-1] - due[0] >= _LEAST_SPAN_S
    if lasted and wanted and reached and reached < wanted * PACE:
        yield f"the generator sent {reached:.4g} requests/s of {wanted:.4g} planned: it was late"
    if table.size < _LEAST_SENT:
        return
    apart = distance(np.diff(due), np.diff(sent))
    if apart is not None and apart > RHYTHM:
        yield (
            f"the generator kept another rhythm than planned: the gaps between requests are "
            f"{apart:.2f} apart (Kolmogorov-Smirnov, over {RHYTHM:g})"
        )


def target_notes(measured: Latencies, retries: Retries) -> Iterator[str]:
    """Of what came back, against what was asked for."""
    table = measured.table
    dropped = int((table["status"] == _DROPPED).sum())
    if dropped:
        yield (
            f"{dropped} of {table.size} requests were dropped: as many as --max-in-flight allows "
            "were on the wire; they count as failed and against goodput"
        )
    if retries.requests:
        yield (
            f"{retries.requests} requests took {retries.attempts} attempts more than one, which "
            f"cost {retries.wasted_ns / 1e9:.4g} s"
        )
    aborted = int(measured.aborted.sum())
    if aborted:
        yield f"{aborted} of {table.size} requests were ended by their user, as asked: no failures"
    yield from _longer(measured)
    yield from _input(measured)


def _longer(measured: Latencies) -> Iterator[str]:
    """Replies with more tokens than the request allowed; a tokenizer may not be the target's."""
    table = measured.table[measured.ok]
    asked = table["asked_output"]
    told = (asked > 0) & (table["source"] != SOURCES.index("tokenizer"))
    over = np.where(told, table["output_tokens"] - asked, 0)
    longer = int((over > 0).sum())
    if longer:
        yield (
            f"{longer} of {table.size} replies longer than asked, by up to {int(over.max())} "
            "tokens: the target does not keep to max_tokens"
        )


def _input(measured: Latencies) -> Iterator[str]:
    """Prompts that are, by the server's count, not as long as the trace says."""
    table = measured.table
    both = measured.ok & (table["asked_input"] > 0) & (table["input_tokens"] != UNKNOWN)
    asked = int(table["asked_input"][both].sum(dtype=np.int64))
    got = int(table["input_tokens"][both].sum(dtype=np.int64))
    if asked and abs(got - asked) > asked * INPUT:
        more = "more" if got > asked else "fewer"
        yield (
            f"input tokens by usage are {abs(got - asked) / asked:.0%} {more} than asked: {got:,} "
            f"of {asked:,}"
        )
