"""What the gateway hides in a normal answer is found, and no normal answer is taken for it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.faults.program import program
from tests.load.processes import books_agree, came_out, made
from tests.load.scripted import Peer, server
from tests.wire.lookalike import DONE, ROLE, STOP, frame, streamed, token, usual

CODED = (
    "[Stream error: Stream execution failed: No healthy engines available for model nope "
    "(code: ErrorCode.UNAVAILABLE)]"
)
BARE = "[Stream error: list index out of range]"
NESTED = (
    "[Stream error: 1 validation error for StreamEventEnd\nfinish_reason\n  Input should be "
    "'stop' [type=enum, input_value='eos', input_type=str]\n    For further information visit "
    "https://errors.pydantic.dev]"
)
PROXIED = frame({}, "stop", error={"message": "Engine unreachable: All connection attempts failed"})

ERRORS = {
    "no engine": (0, streamed(ROLE, token(CODED, "stop"), DONE)),
    "died midway": (2, streamed(ROLE, token("alpha "), token("beta "), token(CODED, "stop"), DONE)),
    "no code": (1, streamed(ROLE, token("alpha "), token(BARE, "stop"), DONE)),
    "lines and brackets": (1, streamed(ROLE, token("alpha "), token(NESTED, "stop"), DONE)),
    "proxied": (0, streamed(PROXIED, DONE)),
    "proxied midway": (1, streamed(ROLE, token("alpha "), PROXIED, DONE)),
    "in one read": (1, [b"".join(streamed(ROLE, token("alpha "), token(CODED, "stop"), DONE))]),
}
ANSWERS = {
    "as always": (2, usual("alpha ", "beta ")),
    "content beside the finish": (2, streamed(ROLE, token("alpha "), token("beta", "stop"), DONE)),
    "a bracket beside the finish": (1, streamed(ROLE, token("[Stream error]", "stop"), DONE)),
    "the text quoted": (3, usual("It said ", CODED, " again.")),
    "the text alone, no finish": (1, usual(CODED)),
    "quoted beside the finish": (
        2,
        streamed(ROLE, token("Its words: "), token(f"'{CODED}'", "stop"), DONE),
    ),
    "words before it": (1, streamed(ROLE, token(f"see {BARE}", "stop"), DONE)),
    "an error that is null": (1, streamed(ROLE, frame({"content": "a"}, error=None), STOP, DONE)),
}
ALL = {**ERRORS, **ANSWERS}
UNASKED = ("--no-preflight", "--scrape", "none")


def _number(asked):
    """Which request of the run this is."""
    return int(re.search(rb"x-request-id: \S+-(\d+)\r\n", asked.lower())[1])


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """What became of a request for each of these answers, in one run."""

    async def script(peer: Peer):
        while asked := await peer.request():
            _, reads = list(ALL.values())[_number(asked)]
            await peer.send(*reads, gap=0.002)

    with server(script) as whom:
        options = (
            *made(requests=len(ALL), rate=40, output_tokens=1),
            "--host",
            whom.url,
            "--model",
            "m",
            *UNASKED,
        )
        with program(tmp_path_factory.mktemp("gateway"), *options) as run:
            came_out(run, 1)
            books_agree(run.run)
            assert run.run.states == {"stream_error": len(ERRORS), "ok": len(ANSWERS)}
            yield {list(ALL)[record.seq]: record for record in run.run.records}


@pytest.mark.parametrize("name", ERRORS)
def test_a_hidden_error_is_found(records, name):
    """Whatever its shape, it is a `stream_error` with the tokens before it, and is no token."""
    record = records[name]
    assert (record.status, record.phase, record.reason) == ("stream_error", "body", "in_band")
    assert (record.error.code, record.http_status) == ("unavailable", 200)
    assert record.chunks == ERRORS[name][0]
    assert "[Stream error" not in record.error.message
    assert record.error.message


@pytest.mark.parametrize("name", ANSWERS)
def test_a_normal_answer_is_none(records, name):
    """A last token beside the finish_reason is a token, and a quotation is an answer."""
    record = records[name]
    assert (record.status, record.error, record.flags) == ("ok", None, [])
    assert record.chunks == ANSWERS[name][0]


BESIDE = Path(__file__).parents[3] / "shared" / "data" / "golden"
CAPTURES = {
    "chat_stream": ("ok", 2, None),
    "engine_abort_midstream": ("stream_error", 2, "peer closed connection"),
    "unknown_model_stream": ("stream_error", 0, "No healthy engines available"),
    "unknown_model_nonstream": ("http_error", 0, "No healthy engines available"),
    "422": ("http_error", 0, ""),
}


@pytest.mark.skipif(not BESIDE.is_dir(), reason="captures of a real gateway are not at hand")
def test_captures_of_the_real_gateway(tmp_path):
    """What a real gateway sent is told apart by the program as the look-alikes are."""
    names = list(CAPTURES)

    async def script(peer: Peer):
        asked = await peer.request()
        await peer.send((BESIDE / f"{names[_number(asked)]}.http").read_bytes())

    with server(script) as whom:
        load = made(requests=len(CAPTURES), rate=40, output_tokens=1)
        options = (*load, "--host", whom.url, "--model", "m", *UNASKED)
        with program(tmp_path, *options) as run:
            came_out(run, 1)
            books_agree(run.run)
            for record in run.run.records:
                status, chunks, words = CAPTURES[names[record.seq]]
                assert (record.status, record.chunks) == (status, chunks)
                assert words is None or words in record.error.message
