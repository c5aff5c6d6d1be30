"""Promises of the notes."""

from __future__ import annotations

from record.outcomes import outcome, record

from .runs import summary_of


def test_a_clean_run_needs_no_notes() -> None:
    """Usage counts, one stamp a frame, nothing short: nothing to say."""
    assert summary_of([record(n, outcome(output_tokens=3)) for n in range(5)])["notes"] == []


def test_where_tokens_are_counted_in_chunks() -> None:
    """Chunks as the only count are called a lower bound, in whole or in part."""
    (whole,) = summary_of([record(0)])["notes"]
    assert "counted in chunks (lower bound)" in whole
    (part,) = summary_of([record(0), record(1, outcome(output_tokens=3))])["notes"]
    assert part.startswith("output tokens of some replies")


def test_shared_stamps_blur_gaps() -> None:
    """Frames that came in one read are said from 5 % on."""
    (note,) = summary_of([record(0, outcome(output_tokens=3, reads=2))])["notes"]
    assert note.startswith("33% of the token frames came together")
