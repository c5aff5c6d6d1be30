"""Promises of `wire.states`."""

from __future__ import annotations

import pytest

from sagellm_benchmark.protocol import ErrorCode
from sagellm_benchmark.wire.states import (
    CODES,
    ENDINGS,
    Ending,
    Status,
    http_code,
    is_short,
    settled,
)


def test_every_ending_and_every_status_has_its_row():
    """The tables are complete: nothing can end unclassified."""
    assert set(ENDINGS) == set(Ending)
    assert set(CODES) == set(Status)


def test_every_failed_ending_says_why():
    """A reason stands wherever a request failed, and nowhere else; one ending, one row."""
    for ending, end in ENDINGS.items():
        assert (end.reason is None) == (ending is Ending.ANSWERED)
    assert len(set(ENDINGS.values())) == len(ENDINGS)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "invalid_argument"),
        (422, "invalid_argument"),
        (429, "resource_exhausted"),
        (500, "unavailable"),
        (503, "unavailable"),
        (302, "unavailable"),
    ],
)
def test_http_statuses_give_the_protocols_code(status, code):
    """429 is its own, other 4xx are the client's fault, the rest the server's."""
    assert http_code(status) is ErrorCode(code)


def test_short_is_exact_by_usage_and_an_estimate_by_chunks():
    """Chunks are no tokens: only under four fifths of them is a reply called short."""
    assert is_short(10, 9, 10)
    assert not is_short(10, 10, 3)
    assert not is_short(10, None, 8)
    assert is_short(10, None, 7)
    assert not is_short(10, None, None)


@pytest.mark.parametrize(
    ("facts", "ending"),
    [
        ({}, Ending.ANSWERED),
        ({"answered": False}, Ending.UNFINISHED),
        ({"empty": True}, Ending.EMPTY),
        ({"empty": True, "asked": 0}, Ending.ANSWERED),
        ({"empty": True, "asked": None}, Ending.EMPTY),
        ({"exact": True, "output_tokens": 9}, Ending.SHORT),
        ({"exact": True, "output_tokens": 10}, Ending.ANSWERED),
        ({"exact": True, "output_tokens": 9, "asked": None}, Ending.ANSWERED),
        ({"output_tokens": 9}, Ending.ANSWERED),
    ],
)
def test_a_conversation_that_nothing_broke_is_judged_by_what_came(facts, ending):
    """No end, no token, too few tokens, or well."""
    usual = {"answered": True, "empty": False, "asked": 10, "exact": False}
    assert settled(**(usual | {"output_tokens": None, "chunks": 10} | facts)) is ending
