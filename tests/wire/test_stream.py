"""Promises of `wire.stream`: what a streamed answer's frames count as."""

from __future__ import annotations

import json
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.wire.openai import Endpoint
from sagellm_benchmark.wire.sse import FRAME_LIMIT
from sagellm_benchmark.wire.states import Status

from .lookalike import (
    DONE,
    END,
    FIRST,
    LAST_CHUNK,
    ROLE,
    STOP,
    STREAM_HEAD,
    body,
    chunk,
    event,
    fed,
    frame,
    head,
    outcome,
    streamed,
    token,
    told,
    usual,
)

OK = ("ok", None, None, None)
JSON = ("malformed", "body", "json", "distributed_runtime_error")
ERROR = ("stream_error", "body", "in_band", "unavailable")
GATEWAY_ERROR = (
    "[Stream error: Stream execution failed: HTTP error: peer closed connection without sending "
    "complete message body (incomplete chunked read) (code: ErrorCode.UNAVAILABLE)]"
)


def stamps(*events: bytes, **options):
    """When tokens came, as the number of the event that brought each, the role frame being 0."""
    result = outcome(*streamed(ROLE, *events, STOP, DONE), **options)
    return [stamp - FIRST for stamp in result.token_ns]


def test_only_frames_with_something_in_them_are_tokens():
    """Roles, empty content, comments and usage make no token; reasoning, refusals, tools do."""
    got = stamps(
        frame({"content": ""}),
        b": keepalive\n\n",
        frame({"reasoning_content": "hm"}),
        frame({"reasoning": "hm"}),
        frame({"content": "a"}),
        frame({"refusal": "no"}),
        frame({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f"}}]}),
        frame({"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]}),
        frame({}),
        event({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 9}}),
    )
    assert got == [3, 4, 5, 6, 7, 8]


def test_reasoning_starts_the_tokens_and_not_the_answer():
    """TTFT and TTFA differ where a model thinks first."""
    reads = streamed(ROLE, frame({"reasoning_content": "hm"}), token("a"), STOP, DONE)
    for keep_text in (False, True):
        result = outcome(*reads, keep_text=keep_text)
        assert (result.first_token_ns, result.first_answer_ns) == (FIRST + 1, FIRST + 2)
        assert result.text == "a" * keep_text


def test_completions_stream_their_text():
    """`text` deltas are tokens, empty ones are none."""
    reads = streamed(frame(text="a"), frame(text=""), frame(text="b", finish="length"), DONE)
    result = outcome(*reads, endpoint=Endpoint.COMPLETIONS, keep_text=True)
    assert told(result) == OK
    assert result.token_ns == [FIRST, FIRST + 2]
    assert (result.text, result.finish_reason) == ("ab", "length")


def test_a_token_beside_the_finish_reason_counts():
    """Ordinary servers put their last token into the finish frame."""
    result = outcome(*streamed(ROLE, token("a"), token("b]", "stop"), DONE))
    assert told(result) == OK
    assert result.token_ns == [FIRST + 1, FIRST + 2]


def test_an_empty_finish_reason_is_none():
    """Some servers write "" where others write null."""
    result = outcome(*streamed(token("a", ""), token("b", ""), STOP, DONE))
    assert (told(result), result.chunks, result.finish_reason, result.flags) == (OK, 2, "stop", [])


def test_frames_of_one_read_share_its_stamp():
    """One read of three tokens is three chunks, one read, one stamp."""
    reads = usual("a", "b", "c", "d")
    result = outcome(reads[0], b"".join(reads[1:4]), *reads[4:])
    assert result.token_ns == [FIRST + 1] * 3 + [FIRST + 2]
    assert (result.chunks, result.reads) == (4, 2)


def test_several_choices_each_have_an_end():
    """n=2: the answer is complete when both have finished, and both bring tokens."""
    events = [token("a", index=0), token("b", index=1), token("c", index=0)]
    first = frame(finish="stop", index=0)
    second = frame(finish="length", index=1)
    result = outcome(*streamed(ROLE, *events, first, token("d", index=1), second, DONE))
    assert told(result) == OK
    assert (result.chunks, result.finish_reason, result.flags) == (4, "stop", [])
    for cut in ([*events, first], [events[0], first, events[1]]):
        half = outcome(*streamed(ROLE, *cut, end=b""), eof=True)
        assert told(half)[0] == "incomplete"
    pair = json.loads(token("a")[6:])["choices"] + json.loads(token("b", index=1)[6:])["choices"]
    both = outcome(*streamed(event({"choices": pair}), first, second, DONE))
    assert (told(both), both.chunks) == (OK, 2)


def test_usage_is_kept_the_last_one_standing():
    """Usage in its own frame, in every frame, or half null."""
    usage = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
    result = outcome(
        *streamed(ROLE, token("a"), STOP, event({"choices": [], "usage": usage}), DONE)
    )
    assert (result.input_tokens, result.output_tokens, result.chunks) == (7, 2, 1)
    events = [
        token(
            text, usage={"prompt_tokens": 7, "completion_tokens": count, "total_tokens": 7 + count}
        )
        for count, text in enumerate("abc", 1)
    ]
    late = event({"choices": [], "usage": {"prompt_tokens": 8, "completion_tokens": None}})
    result = outcome(*streamed(ROLE, *events, STOP, late, DONE))
    assert (result.input_tokens, result.output_tokens, result.chunks) == (8, 3, 3)
    assert told(result) == OK


def test_a_normal_end_without_a_token_is_incomplete():
    """Empty where some were expected; ok where none were."""
    assert told(outcome(*usual())) == ("incomplete", "body", "empty", "unavailable")
    assert told(outcome(*usual(), expected_output=5))[2] == "empty"
    assert told(outcome(*usual(), expected_output=0)) == OK


def test_a_finish_reason_without_done_is_ok_and_neither_is_not():
    """The finish_reason is an end; `[DONE]` alone is one too."""
    result = outcome(*streamed(ROLE, token("a"), STOP))
    assert (told(result), result.flags, result.done_ns) == (OK, ["no_done"], None)
    result = outcome(*streamed(ROLE, token("a"), DONE))
    assert (told(result), result.flags, result.finish_reason) == (OK, [], None)
    result = outcome(*streamed(ROLE, token("a")))
    assert told(result) == ("incomplete", "body", "unfinished", "unavailable")
    assert result.message


def test_what_follows_the_end_is_flagged_and_changes_nothing():
    """A second finish, tokens after it, anything after `[DONE]`: the first wins."""
    events = [ROLE, token("a"), STOP, frame(finish="length"), token("b"), DONE]
    result = outcome(*streamed(*events, token("c"), b"data: junk\n\n", DONE))
    assert told(result) == OK
    assert (result.finish_reason, result.chunks, result.done_ns) == ("stop", 1, FIRST + 5)
    assert result.flags == ["second_finish=1", "data_after_finish=1", "data_after_done=3"]
    flood = streamed(*events[:3], DONE, b"data: " + b"x" * FRAME_LIMIT)
    assert told(outcome(*flood)) == OK


@pytest.mark.parametrize(
    ("last", "message", "code"),
    [
        (event({"error": {"message": "boom", "code": 429}}), "boom", "resource_exhausted"),
        (event({"error": "list index out of range"}), "list index out of range", "unavailable"),
        (
            STOP[:-3] + b',"error":{"message":"Engine unreachable: x"}}\n\n',
            "Engine unreachable: x",
            "unavailable",
        ),
        (
            b'event: error\ndata: {"message": "gone", "code": "comm_timeout"}\n\n',
            "gone",
            "comm_timeout",
        ),
        (b"event: error\ndata: plain words\n\n", "plain words", "unavailable"),
        (event({"object": "error", "message": "old", "code": 40001}), "old", "unavailable"),
        (token(GATEWAY_ERROR, "stop"), GATEWAY_ERROR[15:-1], "unavailable"),
        (
            token("[Stream error: list index out of range]", "stop"),
            "list index out of range",
            "unavailable",
        ),
    ],
)
def test_an_in_band_error_is_a_stream_error_with_its_tokens_kept(last, message, code):
    """Every known form, with the code it names; the error text is no token."""
    reads = streamed(ROLE, token("a"), token("b"), last, DONE)
    result = outcome(*reads, keep_text=True)
    assert told(result) == ("stream_error", "body", "in_band", code)
    assert result.message == message
    assert (result.token_ns, result.text) == ([FIRST + 1, FIRST + 2], "ab")
    assert fed(*reads).reusable
    assert told(outcome(*reads[:-1], eof=True))[0] == "stream_error"


def test_an_error_event_may_look_like_a_token():
    """The event's type decides, also in the middle of plain tokens."""
    result = outcome(*streamed(ROLE, token("a"), b"event: error\n" + token("b"), DONE))
    assert told(result) == ERROR
    assert result.chunks == 1


def test_an_error_at_once_has_no_ttft():
    """The gateway without an engine: 200, a role, an error, no token."""
    result = outcome(*streamed(ROLE, token(GATEWAY_ERROR, "stop"), DONE))
    assert told(result) == ERROR
    assert (result.first_token_ns, result.chunks) == (None, 0)


@pytest.mark.parametrize(
    "events",
    [
        [token("[Stream error: x]"), token("b")],
        [token("see [Stream error: x]", "stop")],
        [token("[Stream error: x]")],
        [frame({"content": "a"}, error=None), frame({"content": "b"}, error={})],
    ],
)
def test_an_answer_may_quote_an_error(events):
    """Without finish_reason, or with other words around it, the text is text."""
    result = outcome(*streamed(ROLE, *events, STOP, DONE))
    assert told(result) == OK
    assert result.chunks == len(events)


@pytest.mark.parametrize(
    "data",
    [
        b"data: hello\n\n",
        b"data: null\n\n",
        b"data: 1e999\n\n",
        b'data: {"choices":[{"delta":{"content":NaN}}]}\n\n',
        b'data: {"choices":[{"delta":{"content":7}}]}\n\n',
        b'data: {"choices":{"delta":1}}\n\n',
        b'data: {"choices":[{"delta":{"content":"x"\n\n',
        b'data: {"x":' + b"[" * 100_000 + b"\n\n",
    ],
)
def test_data_that_is_no_frame_is_malformed_with_its_place(data):
    """The byte of the body is named, the tokens before stay, the rest is not read."""
    reply = fed(*streamed(ROLE, token("a"), data, end=b""))
    assert reply.complete
    assert not reply.reusable
    result = reply.outcome(END)
    assert told(result) == JSON
    assert result.message.startswith(f"frame at body byte {len(ROLE + token('a'))}: ")
    assert result.chunks == 1


def test_flaws_of_text_are_counted_and_forgiven():
    """Invalid UTF-8 and lone surrogates cost characters, not the request."""
    bad = token("x").replace(b"x", b"\xff")
    lone = token("x").replace(b'"x"', rb'"\ud83d"')
    result = outcome(*streamed(ROLE, bad, lone, bad, STOP, DONE), keep_text=True)
    assert told(result) == OK
    assert (result.text, result.chunks) == ("\ufffd" * 3, 3)
    assert result.flags == ["invalid_utf8=2", "lone_surrogate=1"]


def test_line_separators_and_cut_characters_stay_whole():
    """U+2028 breaks no line; a character cut by a read is one character."""
    raw = token("x").replace(b"x", "é\u2028😀\x85".encode())
    data = STREAM_HEAD + b"".join(map(chunk, [ROLE, raw, STOP, DONE])) + LAST_CHUNK
    for cut in range(len(data)):
        result = outcome(data[:cut], data[cut:], keep_text=True)
        assert (told(result), result.text, result.chunks) == (OK, "é\u2028😀\x85", 1)


def test_foreign_and_empty_events_are_flagged():
    """Pings, empty data and objects without an answer do no harm."""
    ping = b"event: ping\ndata: now\n\n"
    result = outcome(*streamed(ROLE, ping, b"data:\n\n", event({"x": 1}), token("a"), STOP, DONE))
    assert told(result) == OK
    assert result.flags == ["foreign_frame=2", "empty_frame=1"]


def test_a_frame_without_its_blank_line_is_not_dispatched():
    """As the standard says: what the end cuts is discarded, and flagged."""
    result = outcome(*streamed(ROLE, token("a"), STOP, DONE[:-1]))
    assert told(result) == OK
    assert result.flags == ["unterminated_frame", "no_done"]


def test_a_frame_over_a_megabyte_is_too_large():
    """With a newline or without, in linear time; the tokens before it stay."""
    expected = ("malformed", "body", "too_large", "distributed_runtime_error")
    for tail in (b"", b"\n\n"):
        reads = streamed(ROLE, token("a"), b"data: " + b"x" * FRAME_LIMIT + tail)
        result = outcome(*reads)
        assert told(result) == expected
        assert result.chunks == 1
    big = outcome(*streamed(token("x" * (FRAME_LIMIT - 1000)), STOP, DONE))
    assert (told(big), big.chunks) == (OK, 1)


def test_a_drip_of_bytes_takes_linear_time():
    """A frame of 200 kB, one byte a chunk, takes nowhere near seconds."""
    data = b"".join(chunk(bytes([byte])) for byte in token("x" * 200_000))
    start = time.process_time()
    result = outcome(STREAM_HEAD, *(data[at : at + 6] for at in range(0, len(data), 6)), eof=True)
    assert result.chunks == 1
    assert time.process_time() - start < 10


SAMPLES = {
    "usual": usual("alpha ", "beta ", "é"),
    "error": streamed(ROLE, token("a"), token(GATEWAY_ERROR, "stop"), DONE),
    "odd": streamed(
        b"\xef\xbb\xbf" + ROLE.replace(b"\n", b"\r\n"), b":k\r\r", token("a"), STOP, DONE
    ),
    "json": streamed(ROLE, token("a"), b"data: oops\n\n", token("b"), STOP, DONE),
    "named": streamed(ROLE, b'event: error\rdata: {"message":"x"}\r\r', DONE),
    "many": streamed(ROLE, token("a", index=1), token("b"), STOP, token("c"), STOP, DONE, DONE),
    "refused": [body({"detail": "No (code: ErrorCode.UNAVAILABLE)"}, "500 Internal Server Error")],
    "interim": [b"HTTP/1.1 103 Early Hints\r\n\r\n", *usual("a")],
    "cut": usual("a", "b", "c")[:3],
    "http": [*usual("a")[:2], b"xyz\r\n"],
    "length": [head(content_length=len(ROLE + token("a") + STOP)) + ROLE + token("a") + STOP],
    "beyond": [b"".join(usual("a")) + body({})],
}


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.data())
@pytest.mark.parametrize("name", SAMPLES)
def test_any_cutting_of_the_bytes_gives_the_same_outcome(name, data):
    """State, tokens, flags and message do not depend on where the reads were cut."""
    whole = b"".join(SAMPLES[name])
    cuts = data.draw(st.lists(st.integers(0, len(whole)), max_size=20))
    edges = [0, *sorted(cuts), len(whole)]
    reads = [whole[at:to] for at, to in pairwise(edges) if at < to]
    results = [fed(*some, eof=True, keep_text=True).outcome(END) for some in ([whole], reads)]
    for result in results:
        result.token_ns = [FIRST] * len(result.token_ns)
        result.reads = result.bytes = 0
        result.first_byte_ns = result.first_frame_ns = result.first_token_ns = None
        result.first_answer_ns = result.last_token_ns = result.done_ns = None
    assert results[0] == results[1]


PIECES = [
    *(part for reads in SAMPLES.values() for part in reads),
    *(ROLE, STOP, DONE, LAST_CHUNK, STREAM_HEAD, token("x"), b"\xff\x00", b"{", b"\r\n", b"data: "),
    *(
        b"HTTP/1.1 200 OK\r\n\r\n",
        head(kind=None),
        head(content_encoding="gzip"),
        body(b"[" * 9999),
    ),
]


@settings(derandomize=True, deadline=None, max_examples=500)
@given(
    st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=60)), max_size=12),
    st.booleans(),
    st.sampled_from(list(Endpoint)),
)
def test_whatever_a_server_sends_nothing_raises(reads, stream, endpoint):
    """Garbage, and sense in a senseless order, always end in exactly one outcome."""
    reply = fed(*reads, stream=stream, endpoint=endpoint, keep_text=True)
    if not reply.complete:
        reply.eof(END)
    result = reply.outcome(END)
    assert isinstance(result.status, Status)
    assert result.token_ns == sorted(result.token_ns)
    assert (result.status is Status.OK) == (result.reason is None) == (result.message is None)
    json.dumps([result.message, result.flags]).encode()


GOLDEN = Path(__file__).parents[2].parent / "shared" / "data" / "golden"
CAPTURES = {
    "chat_stream": (OK, 2, True),
    "engine_abort_midstream": (ERROR, 2, True),
    "unknown_model_stream": (ERROR, 0, True),
    "chat_nonstream": (OK, 0, False),
    "completions": (OK, 0, False),
    "unknown_model_nonstream": (("http_error", "headers", "status", "unavailable"), 0, False),
    "422": (("http_error", "headers", "status", "invalid_argument"), 0, True),
}


@pytest.mark.skipif(not GOLDEN.is_dir(), reason="captures of a real gateway are not at hand")
@pytest.mark.parametrize("name", CAPTURES)
@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_captures_of_the_real_gateway_are_read_right(name, step):
    """The hand-written look-alikes above do not differ from the real thing."""
    expected, chunks, stream = CAPTURES[name]
    data = (GOLDEN / f"{name}.http").read_bytes()
    reads = [data[at : at + step] for at in range(0, len(data), step)]
    result = outcome(*reads, stream=stream)
    assert (told(result), result.chunks) == (expected, chunks)


def test_no_more_text_is_held_than_there_is_room_for():
    """What no record will hold takes no memory while the reply flows; the tokens all count."""
    reads = streamed(ROLE, *[token("word ")] * 900, STOP, DONE)
    result = outcome(*reads, keep_text=True, room=1001)
    assert result.text == ("word " * 900)[:1001]
    assert result.chunks == 900
    assert outcome(*reads, keep_text=True).text == "word " * 900
