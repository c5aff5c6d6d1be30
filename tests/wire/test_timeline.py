"""Promises of `wire.timeline`."""

from __future__ import annotations

from sagellm_benchmark.protocol import ErrorCode
from sagellm_benchmark.wire.states import End, Ending, Phase, Status
from sagellm_benchmark.wire.timeline import Timeline


def test_a_request_that_was_never_sent_has_an_outcome_too():
    """Dropped and skipped rows end without a reply."""
    dropped = Timeline(7).finish(Ending.DROPPED, 9)
    assert (dropped.status, dropped.code) == (Status.DROPPED, ErrorCode.RESOURCE_EXHAUSTED)
    assert (dropped.due_ns, dropped.sent_ns, dropped.ended_ns) == (7, None, 9)
    assert Timeline(7).finish(Ending.SKIPPED, 9).code is None


def test_the_load_names_an_ending_of_its_own():
    """Deadlines and cancels come as an `End`, their code from the table."""
    late = Timeline(7).finish(End(Status.TIMEOUT, Phase.BODY, "idle"), 9)
    assert (late.phase, late.reason, late.code) == ("body", "idle", ErrorCode.DEADLINE_EXCEEDED)


def test_the_code_comes_from_the_server_then_the_status_then_the_table():
    """A code that the server named wins over the one derived."""
    refused = Timeline(0).finish(Ending.REFUSED, 1, http_status=429)
    assert refused.code is ErrorCode.RESOURCE_EXHAUSTED
    named = Timeline(0).finish(Ending.REFUSED, 1, http_status=500, code=ErrorCode.COMM_TIMEOUT)
    assert named.code is ErrorCode.COMM_TIMEOUT


def test_reads_are_distinct_stamps_and_the_end_is_never_before_the_last_token():
    """Frames of one read share a stamp; stamps never decrease."""
    timeline = Timeline(0)
    timeline.token_ns += [5, 5, 6, 8, 8]
    done = timeline.finish(Ending.ANSWERED, 3)
    assert (done.chunks, done.reads, done.last_token_ns, done.ended_ns) == (5, 3, 8, 8)
