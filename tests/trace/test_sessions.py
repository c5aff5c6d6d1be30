"""Sessions and think times of a trace."""

from __future__ import annotations

from files import native

from sagellm_benchmark.trace.source import open_trace
from sagellm_benchmark.trace.statistics import inspect


def test_turns_are_counted_by_session(tmp_path):
    """Rows of each session are its turns, in whatever order they come; think times are exact."""
    sessions = ["a", "b", "a", "c", "a", "b", None]
    rows = [{"session_id": each, "think_time_s": think} for each, think in
            zip(sessions, [None, None, 2.0, None, 4.0, 9.0, None], strict=True)]  # fmt: skip
    figures = inspect(open_trace(native(tmp_path / "t.jsonl", *rows)))
    assert figures["sessions"] == 3
    assert figures["turns"] == {"mean": 2.0, "p50": 2.0, "p90": 2.8, "p99": 2.98, "max": 3.0}
    assert figures["think_time_s"] == {"rows": 3, "p50": 4.0, "p90": 8.0, "p99": 8.9, "max": 9.0}


def test_without_sessions_there_is_nothing_to_say(tmp_path):
    """No session and no think time are None, and 0 sessions."""
    figures = inspect(open_trace(native(tmp_path / "t.jsonl", {}, {})))
    assert (figures["sessions"], figures["turns"], figures["think_time_s"]) == (0, None, None)
