"""Promises of the books."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.metrics.ledger import Ledger

from .runs import mixed_run, summary_of


def test_books_that_agree() -> None:
    """As many records as planned, each once, all on disk: no complaint."""
    assert Ledger(planned=3, states={"ok": 2, "timeout": 1}, distinct=3).complaints() == []
    assert Ledger(planned=1, states={"ok": 1}, distinct=1, written=1).complaints() == []
    assert Ledger(planned=0, states={}, distinct=0, written=0).complaints() == []


def test_one_missing_and_one_twice_do_not_make_up_for_each_other() -> None:
    """The sum of the states is right, and the books are not."""
    ledger = Ledger(planned=3, states={"ok": 3}, distinct=2)
    assert ledger.recorded == ledger.planned
    assert ledger.complaints() == [
        "counts do not add up: 3 planned, 2 recorded, 1 without a record",
        "1 requests recorded twice, 0 are allowed",
    ]


def test_what_else_does_not_add_up() -> None:
    """Lost, never planned, or not on disk: each is said with its number."""
    (lost,) = Ledger(planned=3, states={"ok": 1, "lost": 2}, distinct=3).complaints()
    assert lost == "2 requests lost, 0 are allowed"
    (more,) = Ledger(planned=1, states={"ok": 3}, distinct=3).complaints()
    assert more == "counts do not add up: 1 planned, 3 recorded, 2 never planned"
    (unwritten,) = Ledger(planned=2, states={"ok": 2}, distinct=2, written=1).complaints()
    assert unwritten == "counts do not add up: 2 records, 1 on disk"


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.randoms(use_true_random=False), st.integers(0, 3), st.integers(0, 3))
def test_a_summary_is_not_fooled(dice: random.Random, missing: int, twice: int) -> None:
    """Whatever records go missing or come twice, the run is invalid; with none of it, it is not."""
    records = [one for one in mixed_run(40, seed=1) if one.status != "lost"]
    planned = len(records)
    kept = dice.sample(records, planned - missing)
    kept += dice.sample(kept, twice)
    summary = summary_of(kept, planned=planned, rows=planned)
    complained = [reason for reason in summary["verdict"]["reasons"] if "record" in reason]
    assert bool(complained) == bool(missing or twice)
    assert (summary["verdict"]["state"] == "invalid") >= bool(missing or twice)
