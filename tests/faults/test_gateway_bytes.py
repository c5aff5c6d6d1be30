"""What the gateway hides in a normal answer is found, and no normal answer is taken for it."""

from __future__ import annotations

import re

import pytest
from tests.faults.program import Program
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


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """What became of a request for each of these answers, in one run."""

    async def script(peer: Peer):
        while asked := await peer.request():
            number = int(re.search(rb"x-request-id: \S+-(\d+)\r\n", asked.lower())[1])
            _, reads = list(ALL.values())[number]
            await peer.send(*reads, gap=0.002)

    with server(script) as whom:
        options = (
            *made(requests=len(ALL), rate=40, output_tokens=1),
            "--host",
            whom.url,
            "--model",
            "m",
        )
        run = Program(tmp_path_factory.mktemp("gateway"), *options, "--no-preflight")
        try:
            came_out(run, 1)
            books_agree(run.run)
            assert run.run.states == {"stream_error": len(ERRORS), "ok": len(ANSWERS)}
            yield {list(ALL)[record.seq]: record for record in run.run.records}
        finally:
            run.close()


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
