"""Promises of the stalls' share in the summary."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from record.outcomes import outcome, record
from sagellm_benchmark.metrics.stalls import stalls

from .runs import columns_of, mixed_run

TIMES = st.lists(st.integers(0, 3000), min_size=2, max_size=12, unique=True).map(sorted)


def test_a_stall_says_what_it_touched() -> None:
    """Requests sent before its end and ended after its start, by span and in all."""
    table = columns_of(
        record(number, outcome(due, due, [due + 5], due + 10))
        for number, due in enumerate((0, 100, 200, 300))
    ).table()
    found = stalls(table, [[0.004, 0.105], [0.25, 0.27], [0.305, 0.5]], {})
    assert found["stalls"] == [
        {"start_s": 0.004, "end_s": 0.105, "worker": None, "requests": 2},
        {"start_s": 0.25, "end_s": 0.27, "worker": None, "requests": 0},
        {"start_s": 0.305, "end_s": 0.5, "worker": None, "requests": 1},
    ]
    assert found["stalled_requests"] == {"count": 3, "fraction": 0.75}


def test_nothing_stalled_and_nothing_sent() -> None:
    """No stall touches nobody; of no request there is no share."""
    table = columns_of([record(0)]).table()
    assert stalls(table, [], {}) == {
        "stalls": [],
        "stalled_requests": {"count": 0, "fraction": 0.0},
    }
    found = stalls(table[:0], [[0.0, 1.0]], {})
    assert found["stalled_requests"] == {"count": 0, "fraction": None}


@settings(derandomize=True, deadline=None, max_examples=60)
@given(TIMES, st.integers(0, 5))
def test_spans_and_records_agree(times: list[int], seed: int) -> None:
    """A person who looks for the records by their stamps finds as many."""
    records = mixed_run(60, seed)
    pairs = times[: len(times) // 2 * 2]
    spans = [[a / 1000, b / 1000] for a, b in zip(pairs[::2], pairs[1::2], strict=True)]
    found = stalls(columns_of(records).table(), spans, {})

    def touched(start: float, end: float) -> set[int]:
        return {
            one.seq
            for one in records
            if one.sent_s is not None and one.sent_s < end and one.ended_s > start
        }

    by_hand = [touched(*span) for span in spans]
    assert [stall["requests"] for stall in found["stalls"]] == [len(seqs) for seqs in by_hand]
    assert found["stalled_requests"]["count"] == len(set().union(*by_hand))
    assert np.isfinite(found["stalled_requests"]["fraction"])


def test_a_worker_that_stands_still_touches_its_own() -> None:
    """Two workers have as much on the wire: a stall of one counts that one's requests alone."""
    columns = columns_of(
        record(number, outcome(0, 0, [900], 1000), worker=f"w{number % 2}") for number in range(20)
    )
    spans = [[0.2, 0.5, "w1"], [0.3, 0.9, "idle"], [0.6, 0.8, "w1"]]
    found = stalls(columns.table(), spans, columns.workers)
    assert [(stall["worker"], stall["requests"]) for stall in found["stalls"]] == [
        ("w1", 10),
        ("idle", 0),
        ("w1", 10),
    ]
    assert found["stalled_requests"] == {"count": 10, "fraction": 0.5}


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.lists(st.tuples(TIMES, st.sampled_from("abc")), max_size=6), st.integers(0, 5))
def test_workers_add_up(stood: list[tuple[list[int], str]], seed: int) -> None:
    """Counted over all workers at once, or each by itself: the same, however spans overlap."""
    spans: dict[str, list[list[object]]] = {"a": [], "b": [], "c": []}
    for times, worker in stood:
        if not spans[worker]:
            pairs = zip(times[::2], times[1::2], strict=False)
            spans[worker] = [[a / 1000, b / 1000, worker] for a, b in pairs]
    records = {worker: mixed_run(40, seed + ord(worker), worker=worker) for worker in spans}
    columns = columns_of(one for own in records.values() for one in own)
    together = sorted(span for own in spans.values() for span in own)
    found = stalls(columns.table(), together, columns.workers)
    alone = 0
    for worker, own in spans.items():
        table = columns_of(records[worker]).table()
        alone += stalls(table, [span[:2] for span in own], {})["stalled_requests"]["count"]
    assert found["stalled_requests"]["count"] == alone
