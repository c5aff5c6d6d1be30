"""Promises of the notes on who did not deliver."""

from __future__ import annotations

import numpy as np

from record.outcomes import outcome, record
from sagellm_benchmark.record.record import Asked, RequestRecord
from sagellm_benchmark.wire.states import Status

from .runs import summary_of

EVEN = 10.0 * np.arange(200)


def _sent_at(sent: np.ndarray, due: np.ndarray = EVEN, **more: object) -> list[RequestRecord]:
    """Requests that came well, due every 10 ms and sent when said, in milliseconds."""
    pairs = zip(due.tolist(), sent.tolist(), strict=True)
    return [
        record(seq, outcome(at_due, at_sent, [at_sent + 5], output_tokens=1, **more))
        for seq, (at_due, at_sent) in enumerate(pairs)
    ]


def test_a_generator_that_falls_behind_is_named() -> None:
    """Fewer a second than planned, of what was sent; a closed loop has no plan to fall behind."""
    late = _sent_at(EVEN * 1.08)
    (note,) = [line for line in summary_of(late)["notes"] if "generator" in line]
    assert note == "the generator sent 93.06 requests/s of 100.5 planned: it was late"
    assert summary_of(late, closed=True)["notes"] == []
    assert summary_of(_sent_at(EVEN + 0.3))["notes"] == []


def test_another_rhythm_is_named() -> None:
    """Bunches of ten have the same rate and not the same gaps."""
    (note,) = summary_of(_sent_at(np.ceil(EVEN / 100) * 100))["notes"]
    assert note.startswith("the generator kept another rhythm than planned: the gaps")
    assert "0.90 apart" in note


def test_a_target_that_fills_the_cap_is_no_fault_of_the_generator() -> None:
    """Dropped requests are noted as such; what was sent was sent in time, so nothing else is."""
    records = _sent_at(EVEN)
    for seq in range(50, 150):
        unsent = outcome(float(EVEN[seq]), None, [], status=Status.DROPPED, reason="max_in_flight")
        records[seq] = record(seq, unsent)
    summary = summary_of(records)
    assert summary["fidelity"]["achieved_rps"] < summary["fidelity"]["offered_rps"] * 0.6
    rhythm = [line for line in summary["notes"] if "generator" in line]
    assert rhythm == []
    assert summary["notes"][0].startswith("100 of 200 requests were dropped: as many as --max-in-")
    assert summary["goodput"]["fraction"] == 0.5
    assert summary["protocol_metrics"]["error_rate"] == 0.5


def test_replies_longer_than_asked() -> None:
    """A target that does not keep to max_tokens is named, with how far it went."""
    asked = Asked(None, 10)
    records = [record(n, outcome(output_tokens=10 + 7 * (n == 2)), asked=asked) for n in range(3)]
    (note,) = summary_of(records)["notes"]
    assert note.startswith("1 of 3 replies longer than asked, by up to 7 tokens")


def test_prompts_of_another_length() -> None:
    """Input tokens by usage more than 5 % off what was asked are noted, both sums named."""

    def notes(got: int) -> list[str]:
        reply = outcome(output_tokens=3, input_tokens=got)
        found: list[str] = summary_of([record(0, reply, asked=Asked(1000, None))])["notes"]
        return found

    assert notes(1040) == notes(1000) == notes(960) == []
    assert notes(1180) == ["input tokens by usage are 18% more than asked: 1,180 of 1,000"]
    assert notes(500) == ["input tokens by usage are 50% fewer than asked: 500 of 1,000"]


def test_retries_are_told() -> None:
    """How many requests took more than one attempt, and what that cost."""
    records = [record(n, outcome(output_tokens=3)) for n in range(4)]
    for one, attempt in zip(records, (1, 2, 4, 1), strict=True):
        one.attempt, one.wasted_s = attempt, 0.25 * (attempt - 1)
    assert summary_of(records)["notes"] == [
        "2 requests took 4 attempts more than one, which cost 1 s"
    ]
