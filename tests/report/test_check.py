"""What `check` prints, from objects as `--json` prints them."""

from __future__ import annotations

import pytest

from sagellm_benchmark.report.check import WIDTH, check_text, notes

MEASURED = {"how": "measured", "note": None}
SERVER = {
    **{"asked": True, "dialect": "sagellm", "name": "sageLLM Gateway", "version": "0.1.0"},
    "engines": [
        {"engine_id": "e1", "model": "m", "healthy": True, "state": "READY", "kind": "llm"},
        {"engine_id": "e2", "model": "m", "healthy": False, "state": "ERROR", "kind": "llm"},
    ],
    "models": ["m", "other"],
    "context_tokens": None,
    "usage": {"whole": True, "stream": False},
    "sample": {
        **{"ttft_ms": 41.234, "connect_ms": 0.2, "chunks": 16, "chunks_per_s": 66.41},
        "finish_reason": "stop",
    },
    "parameters": {
        "max_tokens": {"state": "honoured", **MEASURED},
        "stop": {"state": "dropped", **MEASURED},
        "n": {"state": "dropped", **MEASURED},
        "logprobs": {"state": "refused", "how": "measured", "note": "HTTP 400"},
        "seed": {"state": "unclear", "how": "measured", "note": "replies are always the same"},
        "top_p": {"state": "dropped", "how": "known", "note": None},
        "user": {"state": "dropped", "how": "known", "note": None},
    },
    "cut_reason": "stop",
    "hides_failures": True,
    "any_model": False,
    "echoes_request_id": True,
    "skipped": [],
    **{"gets": 3, "requests": 11, "seconds": 1.4612},
    "tokens": {"per_word": 1.304, "template": 9, "source": "fitted", "why": None, "counts": []},
    "cap": {"streams": 100, "requests_per_s": 100.0, "tokens_per_s": 1500.0},
}
FOUND = {"target": "http://127.0.0.1:8889", "ready": True, "server": SERVER}


def found(ready=True, **changes):
    """The same with other findings."""
    return {**FOUND, "ready": ready, "server": {**SERVER, **changes}}


GOLDEN = """\
sageLLM Gateway 0.1.0 with its control plane
  at          http://127.0.0.1:8889
  engines     1 of 2 engines healthy, e1: m (READY), e2: m (ERROR)
  models      m, other
  usage       whole replies with token counts, streams without token counts
  tokens      1.304 tokens a word and 9 for its template, as the target counts
  context     unknown
  one stream  TTFT 41.2 ms, 16 chunks at 66.4/s, finish_reason stop, one sample
  honoured    max_tokens
  dropped     stop, n
  dropped     known of this gateway, not measured: top_p, user
  refused     logprobs
  unclear     seed: replies are always the same
  request ids come back
  asked       3 pages, 11 small requests, in 1.46 s
"""


def test_what_is_printed():
    """Everything that was found, what was seen apart from what is known."""
    text = check_text(FOUND)
    assert text.startswith(GOLDEN)
    assert text[len(GOLDEN) :].startswith("! Known of this gateway: one process of it carries 100")


def test_no_line_is_wider_than_the_block():
    """80 columns, notes included, whatever the number of parameters."""
    many = {f"parameter_{n}": {"state": "dropped", **MEASURED} for n in range(30)}
    assert max(map(len, check_text(found(parameters=many)).splitlines())) <= WIDTH


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "HTTP 200 and an error in its text"),
        ({}, "a stream that its engine ends early looks like a success"),
        ({}, "output tokens are counted in chunks, a lower bound"),
        ({}, "finish_reason stop: it looks like one that ended by itself"),
        ({}, "--max-input-tokens N finds rows that are too long"),
        ({"any_model": True}, "a wrong --model would not be found"),
        (
            {"dialect": "sagellm-proxy", "cap": {**SERVER["cap"], "streams": None}},
            "an engine that fails in a stream shows as HTTP 200",
        ),
    ],
    ids=str,
)
def test_what_it_means(changes, words):
    """Each finding that touches the figures comes with what it means for them."""
    assert any(words in note for note in notes({**SERVER, **changes}))


def test_a_server_without_surprises_needs_no_notes():
    """Nothing is said for the sake of saying it."""
    plain = {
        **{"dialect": "openai", "cap": None, "context_tokens": 8192, "cut_reason": "length"},
        **{"hides_failures": False, "usage": {"whole": True, "stream": True}},
    }
    assert notes({**SERVER, **plain}) == []


def test_an_early_end_concludes_nothing():
    """What was not asked is not told, and no conclusion is drawn."""
    nothing = {
        **{"engines": None, "models": [], "sample": None, "parameters": {}, "requests": 0},
        **{"usage": {"whole": None, "stream": None}, "echoes_request_id": None},
        **{"dialect": None, "name": None, "version": None},
    }
    text = check_text(found(ready=False, **nothing))
    assert text == (
        "of unknown dialect\n"
        "  at          http://127.0.0.1:8889\n"
        "  context     unknown\n"
        "  asked       3 pages, 0 small requests, in 1.46 s\n"
    )


def test_what_the_time_did_not_reach_is_named():
    """A slow server's check says what it did not come to."""
    assert "not asked   n, seed: the time was over" in check_text(found(skipped=["n", "seed"]))
