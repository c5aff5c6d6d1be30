"""A target that never answers ends the run; one that once did, does not."""

from __future__ import annotations

import pytest

from record.outcomes import at, outcome, record
from sagellm_benchmark.load.outage import Outage
from sagellm_benchmark.wire.states import CODES, Phase, Status


def refused(status=Status.CONNECT_ERROR, phase=Phase.CONNECT):
    """A request that found no connection."""
    words = {"code": CODES[status], "message": "Connection refused"}
    return record(0, outcome(tokens=[], status=status, phase=phase, **words))


def test_so_many_in_a_row_end_the_run_once():
    """The reason names the number, the limit and the last message; it is given once."""
    outage = Outage(3)
    given = [outage.add(refused()) for _ in range(5)]
    assert given[:2] == given[3:] == [None, None]
    assert given[2] == (
        "3 requests in a row found no connection and none before them was answered "
        "(the limit is 3): Connection refused"
    )


@pytest.mark.parametrize("phase", [Phase.DNS, Phase.CONNECT, Phase.TLS])
@pytest.mark.parametrize("status", [Status.CONNECT_ERROR, Status.TIMEOUT])
def test_no_answer_to_the_connect_counts_too(status, phase):
    """A name that is none, a port that is shut, a packet filter that swallows: all the same."""
    assert Outage(1).add(refused(status, phase)) is not None


def test_another_ending_starts_the_count_again():
    """A connection that stood, and brought nothing, is no answer and no outage."""
    outage = Outage(2)
    reset = record(0, outcome(tokens=[], status=Status.INCOMPLETE, phase=Phase.HEADERS))
    slow = record(0, outcome(tokens=[], status=Status.TIMEOUT, phase=Phase.HEADERS))
    for other in (reset, slow):
        assert outage.add(refused()) is None
        assert outage.add(other) is None
    assert outage.add(refused()) is None
    assert outage.add(refused()) is not None


@pytest.mark.parametrize("status", [Status.OK, Status.HTTP_ERROR, Status.INCOMPLETE])
def test_after_an_answer_an_outage_is_a_result(status):
    """A target that goes away in mid-run is measured, whatever it said and however long."""
    outage = Outage(2)
    answered = outcome(status=status, first_byte_ns=at(1050.0))
    assert outage.add(record(0, answered)) is None
    assert [outage.add(refused()) for _ in range(9)] == [None] * 9


def test_what_was_never_sent_says_nothing():
    """Dropped and skipped requests neither count nor start the count again."""
    outage = Outage(2)
    assert outage.add(refused()) is None
    assert outage.add(record(0, outcome(1.0, None, [], status=Status.DROPPED))) is None
    assert outage.add(refused()) is not None
