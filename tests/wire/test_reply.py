"""Promises of `wire.reply` about framing, heads and endings."""

from __future__ import annotations

import gc
import gzip
import zlib

import pytest

from sagellm_benchmark.wire import http
from sagellm_benchmark.wire.openai import Endpoint
from sagellm_benchmark.wire.states import Phase, Status

from .lookalike import (
    DONE,
    END,
    FIRST,
    LAST_CHUNK,
    ROLE,
    SENT,
    STOP,
    STREAM_HEAD,
    body,
    chunk,
    event,
    fed,
    head,
    new_reply,
    outcome,
    streamed,
    token,
    told,
    usual,
)

OK = ("ok", None, None, None)
CUT = ("incomplete", "body", "closed", "unavailable")
JSON_REPLY = {
    "id": "chatcmpl-1",
    "choices": [{"index": 0, "message": {"content": "alpha beta "}, "finish_reason": "length"}],
    "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9},
}


def test_a_gateway_stream_gives_its_stamps():
    """The role frame is the first frame and no token; the last token is no `[DONE]`."""
    result = outcome(*usual("alpha ", "beta "), keep_text=True)
    assert told(result) == OK
    assert result.first_byte_ns == result.first_frame_ns == FIRST
    assert result.token_ns == [FIRST + 1, FIRST + 2]
    assert (result.first_token_ns, result.first_answer_ns) == (FIRST + 1, FIRST + 1)
    assert (result.last_token_ns, result.done_ns, result.ended_ns) == (FIRST + 2, FIRST + 4, END)
    assert (result.chunks, result.reads, result.finish_reason) == (2, 2, "stop")
    assert (result.text, result.server_id, result.http_status) == (
        "alpha beta ",
        "chatcmpl-75ca",
        200,
    )
    assert result.bytes == sum(map(len, usual("alpha ", "beta ")))
    assert (result.message, result.flags, result.input_tokens) == (None, [], None)


def test_a_complete_reply_lets_the_connection_be_used_again():
    """Keep-alive and nothing beyond the end: reusable, until a stray byte or the close comes."""
    reply = fed(*usual("a"))
    assert reply.complete
    assert reply.reusable
    reply.feed(b"x", END)
    assert not reply.reusable
    reply = fed(*usual("a"))
    reply.eof(END)
    assert not reply.reusable


def test_connection_close_is_honoured():
    """The server's `connection: close` forbids another request."""
    reads = usual("a")
    reads[0] = reads[0].replace(b"vary: Origin", b"connection: close")
    assert not fed(*reads).reusable


def test_a_reply_says_how_it_goes_while_it_goes():
    """The text so far and the framing are there before the end."""
    reply = fed(*usual("a", "b")[:2], keep_text=True)
    assert (reply.text, reply.chunked, reply.complete) == ("a", True, False)
    assert not fed(body(JSON_REPLY)[:90], stream=False).chunked


def test_bytes_after_the_end_spoil_the_connection_and_not_the_answer():
    """A second response in the same read is flagged and belongs to nobody."""
    reads = usual("a")
    reads[-1] += body({"error": "x"}, "500 No")
    reply = fed(*reads)
    assert not reply.reusable
    assert told(reply.outcome(END)) == OK
    assert reply.outcome(END).flags == ["bytes_after_end"]
    reads[-1] = usual("a")[-1] + b"\0garbage"
    assert fed(*reads).outcome(END).flags == ["bytes_after_end"]


def test_stamps_never_decrease():
    """A stamp before the one before it, or before the sending, counts as that one."""
    reply = new_reply()
    for read, stamp in zip(usual("a", "b"), [SENT - 5, 3000, 2500, 2600, 2700], strict=True):
        reply.feed(read, stamp)
    result = reply.outcome(100)
    assert (result.first_byte_ns, result.token_ns) == (SENT, [3000, 3000])
    assert result.done_ns == result.ended_ns == 3000


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_body_that_the_close_ends_needs_an_end_of_its_own(version):
    """Without length and chunks only finish_reason or `[DONE]` makes it ok."""
    start = head(version=version, connection="close")
    good = outcome(start, ROLE + token("a"), STOP + DONE, eof=True)
    assert told(good) == OK
    assert good.flags == ["close_delimited"]
    assert good.token_ns == [FIRST + 1]
    bad = outcome(start, ROLE + token("a"), token("b"), eof=True)
    assert told(bad) == ("incomplete", "body", "unfinished", "unavailable")
    assert bad.chunks == 2


def test_a_json_body_that_the_close_cut_is_incomplete():
    """Where only the close says where the body ends, half a JSON text was cut off."""
    whole = body(JSON_REPLY).replace(b"content-length: ", b"x-length: ")
    assert told(outcome(whole, eof=True, stream=False)) == OK
    assert told(outcome(whole[:-9], eof=True, stream=False)) == CUT


def test_interim_responses_are_ignored():
    """100 and 103 come and go before the answer."""
    reads = usual("a")
    hints = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
    result = outcome(hints + reads[0], *reads[1:])
    assert told(result) == OK
    assert result.http_status == 200


def test_trailers_are_ignored():
    """What follows the last chunk changes nothing."""
    reads = streamed(ROLE, token("a"), STOP, DONE, end=b"0\r\nx-sum: 1\r\n\r\n")
    reply = fed(*reads)
    assert told(reply.outcome(END)) == OK
    assert reply.reusable


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x16\x03\x01\x02\x00",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -3\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n",
        b"data: {}\n\n",
    ],
)
def test_bytes_that_are_no_http_are_malformed(data):
    """A server that does not speak HTTP is told apart from one that is down."""
    result = outcome(data)
    assert told(result) == ("malformed", "headers", "http", "distributed_runtime_error")
    assert result.message
    assert not fed(data).reusable


def test_bad_chunk_framing_keeps_the_tokens_before_it():
    """Bytes that are no chunk end the reply; what came stays."""
    reads = [*usual("a", "b")[:3], b"zz\r\nno chunk"]
    result = outcome(*reads)
    assert told(result) == ("malformed", "body", "http", "distributed_runtime_error")
    assert result.token_ns == [FIRST + 1, FIRST + 2]


def test_endless_headers_are_cut_off():
    """A head has an end within a quarter of a megabyte."""
    reply = new_reply()
    reply.feed(b"HTTP/1.1 200 OK\r\n", FIRST)
    for _ in range(10):
        reply.feed(b"x-pad: " + b"y" * 60_000 + b"\r\n", FIRST)
    result = reply.outcome(END)
    assert told(result) == ("malformed", "headers", "too_large", "distributed_runtime_error")


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 200 OK\r\ncontent-ty"])
def test_a_connection_that_closes_before_the_headers_is_incomplete(data):
    """Nothing answered: phase headers, and no TTFB where no byte came."""
    reads = [data] if data else []
    result = outcome(*reads, eof=True)
    assert told(result) == ("incomplete", "headers", "closed", "unavailable")
    assert (result.first_byte_ns is None) == (not data)
    reply = fed(*reads)
    reply.broken(END, "reset by peer")
    assert told(reply.outcome(END)) == ("incomplete", "headers", "broken", "unavailable")


def test_a_stream_that_is_cut_keeps_its_tokens():
    """FIN or reset inside the body: incomplete with the k tokens that came."""
    reads = usual("a", "b", "c")[:3]
    assert told(outcome(*reads, eof=True)) == CUT
    reply = fed(*reads)
    reply.broken(END, "reset by peer")
    result = reply.outcome(END)
    assert told(result) == ("incomplete", "body", "broken", "unavailable")
    assert result.message == "reset by peer"
    assert result.chunks == 2


def test_a_short_content_length_body_is_incomplete():
    """Fewer bytes than announced."""
    assert told(outcome(body(JSON_REPLY)[:-3], eof=True, stream=False)) == CUT
    frames = ROLE + token("a")
    start = head(content_length=len(frames) + 50)
    result = outcome(start + frames, eof=True)
    assert told(result) == CUT
    assert result.chunks == 1


def test_a_cut_after_the_answer_is_no_failure():
    """Once `[DONE]` or a finish_reason came, the end of the connection is only flagged."""
    reads = usual("a")
    done = outcome(*reads[:-1], reads[-1][: -len(LAST_CHUNK)], eof=True)
    assert told(done) == OK
    assert (done.flags, done.message) == (["cut_after_answer"], None)
    finished = outcome(*reads[:-1], eof=True)
    assert told(finished) == OK
    assert finished.flags == ["no_done", "cut_after_answer"]


def test_a_connection_held_open_after_done_can_be_let_go():
    """The answer's end is known while the response goes on; giving it up then is ok."""
    reads = usual("a")
    reply = fed(*reads[:-1], reads[-1][: -len(LAST_CHUNK)])
    assert not reply.complete
    assert reply.answered_ns == FIRST + 3
    other = fed(*reads[:-1], reads[-1][: -len(LAST_CHUNK)])
    reply.abandon(Status.TIMEOUT, None, "idle", None, END)
    assert told(reply.outcome(END)) == OK
    assert not reply.reusable
    assert other.outcome(END) == reply.outcome(END)
    assert not other.reusable


@pytest.mark.parametrize(
    ("reads", "status", "reason", "expected"),
    [
        (
            [],
            Status.TIMEOUT,
            "first_token",
            ("timeout", "headers", "first_token", "deadline_exceeded"),
        ),
        (usual("a")[:2], Status.TIMEOUT, "idle", ("timeout", "body", "idle", "deadline_exceeded")),
        (usual("a")[:2], Status.CANCELLED, "stop", ("cancelled", "body", "stop", None)),
    ],
)
def test_the_load_ends_a_request_where_it_stands(reads, status, reason, expected):
    """Deadlines and cancels keep the tokens and name the phase."""
    reply = fed(*reads)
    reply.abandon(status, None, reason, "gave up", END)
    result = reply.outcome(END)
    assert told(result) == expected
    assert result.chunks == max(0, len(reads) - 1)
    assert result.message == "gave up"


def test_the_load_ends_a_whole_reply_where_it_stands():
    """Half a JSON body is not judged where a deadline or a reset has ended it."""
    reply = fed(body(JSON_REPLY)[:-3], stream=False)
    reply.abandon(Status.TIMEOUT, None, "total", None, END)
    assert told(reply.outcome(END)) == ("timeout", "body", "total", "deadline_exceeded")
    reply = fed(body(JSON_REPLY)[:-3], stream=False)
    reply.broken(END, "reset")
    assert told(reply.outcome(END))[2] == "broken"


def test_a_failure_before_the_response_carries_its_phase():
    """Connecting is the load's business; the reply only takes the words."""
    reply = new_reply()
    reply.abandon(Status.CONNECT_ERROR, Phase.DNS, "dns", "no such host", END)
    assert told(reply.outcome(END)) == ("connect_error", "dns", "dns", "unavailable")


def test_the_first_ending_wins():
    """What comes after the end changes nothing."""
    reply = fed(b"no http at all")
    reply.abandon(Status.TIMEOUT, None, "total", None, END)
    reply.eof(END)
    reply.broken(END, "x")
    reply.feed(b"more", END)
    assert told(reply.outcome(END))[0] == "malformed"


def test_an_outcome_before_the_end_is_a_mistake():
    """Nobody takes half a result."""
    with pytest.raises(RuntimeError, match="not ended"):
        fed(*usual("a")[:2]).outcome(END)


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate"])
def test_compression_that_nobody_asked_for_is_undone_and_flagged(coding):
    """Each flushed frame counts when it comes, not at the end of the body."""
    packer = zlib.compressobj(wbits=31 if "gzip" in coding else 15)
    start = head(transfer_encoding="chunked", content_encoding=coding)
    parts = [ROLE, token("a"), token("b"), STOP + DONE]
    reads = [chunk(packer.compress(part) + packer.flush(zlib.Z_SYNC_FLUSH)) for part in parts]
    reads[-1] += chunk(packer.flush()) + LAST_CHUNK
    result = outcome(start, *reads)
    assert told(result) == OK
    assert result.flags == [coding]
    assert result.token_ns == [FIRST + 2, FIRST + 3]


def test_a_compression_bomb_is_too_large(monkeypatch):
    """What unfolds without end is stopped."""
    monkeypatch.setattr(http, "INFLATED_LIMIT", 1 << 20)
    bomb = gzip.compress(b":\n" * (5 << 20))
    result = outcome(head(content_encoding="gzip", content_length=len(bomb)) + bomb)
    assert told(result) == ("malformed", "body", "too_large", "distributed_runtime_error")


def test_compression_that_is_broken_or_unknown_is_malformed():
    """Neither is guessed at."""
    start = head(content_encoding="gzip", content_length=40)
    assert told(outcome(start + b"x" * 40))[:3] == ("malformed", "body", "encoding")
    start = head(content_encoding="br", content_length=4)
    result = outcome(start + b"\x0b\x02\x80a")
    assert told(result)[:3] == ("malformed", "body", "encoding")
    assert result.message == "content-encoding br"


def test_truncated_compression_is_flagged():
    """A packed stream without its own end, in a body that ended well."""
    packed = gzip.compress(ROLE + token("a") + STOP + DONE)[:-8]
    result = outcome(head(content_encoding="gzip", content_length=len(packed)) + packed)
    assert "truncated_encoding" in result.flags
    assert result.status is Status.OK


def test_a_redirect_is_an_http_error_and_names_its_target():
    """Never followed; a password in the target is masked."""
    data = head("302 Found", None, location="http://u:secret@b/v1", content_length=0)
    result = outcome(data)
    assert told(result) == ("http_error", "headers", "redirect", "unavailable")
    assert result.message == "HTTP 302 to http://u:***@b/v1, not followed"
    assert fed(data).reusable


def test_429_carries_retry_after_and_may_be_tried_again():
    """Recorded, not slept on."""
    value = {"detail": {"error": {"message": "Slow down", "code": "rate_limit_exceeded"}}}
    data = body(value, "429 Too Many Requests").replace(b"vary: Origin", b"Retry-After: 7")
    result = outcome(data)
    assert told(result) == ("http_error", "headers", "status", "resource_exhausted")
    assert result.flags == ["retry_after=7"]
    assert (result.retryable, result.message) == (True, "HTTP 429: Slow down")


@pytest.mark.parametrize(
    ("status", "value", "code", "message"),
    [
        (
            "422 Unprocessable Entity",
            {"detail": [{"type": "missing", "loc": ["body", "model"], "msg": "Field required"}]},
            "invalid_argument",
            "HTTP 422: body.model: Field required",
        ),
        (
            "500 Internal Server Error",
            {"detail": "No healthy engines (code: ErrorCode.RESOURCE_EXHAUSTED)"},
            "resource_exhausted",
            "HTTP 500: No healthy engines (code: ErrorCode.RESOURCE_EXHAUSTED)",
        ),
        (
            "401 Unauthorized",
            {"error": {"message": "no: k-1"}},
            "invalid_argument",
            "HTTP 401: no: ***",
        ),
        ("502 Bad Gateway", b"<html>\n<b>502</b>", "unavailable", "HTTP 502: <html> <b>502</b>"),
        ("503 Down", b"", "unavailable", "HTTP 503"),
    ],
)
def test_http_errors_keep_what_the_server_said(status, value, code, message):
    """Every shape becomes one redacted line with the Protocol's code."""
    result = outcome(body(value, status), secrets=("k-1",))
    assert told(result) == ("http_error", "headers", "status", code)
    assert result.message == message
    assert (result.http_status, result.chunks) == (int(status[:3]), 0)


def test_an_http_error_stays_one_when_its_page_is_cut_or_endless():
    """The status was the answer; the page is only read as far as it helps."""
    start = head("500 No", "text/html", transfer_encoding="chunked")
    assert told(outcome(start + chunk(b"oops"), eof=True))[0] == "http_error"
    reply = fed(start, *[chunk(b"x" * 10_000)] * 10)
    assert reply.complete
    assert not reply.reusable
    assert told(reply.outcome(END))[0] == "http_error"
    reply = fed(start)
    reply.abandon(Status.TIMEOUT, None, "idle", None, END)
    assert told(reply.outcome(END))[0] == "http_error"


def test_a_page_in_place_of_a_stream_is_malformed_and_quoted():
    """HTTP 200 with HTML is no success; a bearer token in it is masked."""
    result = outcome(body(b"<h1>Login</h1> Bearer abcdef", kind="text/html; charset=utf-8"))
    assert told(result) == ("malformed", "headers", "content_type", "distributed_runtime_error")
    assert result.message == "text/html instead of text/event-stream: <h1>Login</h1> Bearer ***"


def test_json_in_place_of_a_stream_is_an_error_if_it_says_so():
    """A 200 with an error object is in-band; a whole reply is not what was asked."""
    value = {"error": {"message": "no", "code": "deadline_exceeded"}}
    assert told(outcome(body(value))) == ("stream_error", "body", "in_band", "deadline_exceeded")
    assert told(outcome(body(JSON_REPLY)))[:3] == ("malformed", "headers", "content_type")


def test_a_missing_content_type_is_flagged_only():
    """The bytes are read as what was asked for."""
    start = head(kind=None, transfer_encoding="chunked")
    result = outcome(start + chunk(ROLE + token("a") + STOP + DONE) + LAST_CHUNK)
    assert told(result) == OK
    assert result.flags == ["no_content_type"]


def test_a_whole_reply_has_usage_and_no_ttft():
    """Not streamed: the end is the last body byte, and there are no tokens to stamp."""
    data = body(JSON_REPLY)
    result = outcome(data[:80], data[80:-5], data[-5:], stream=False, keep_text=True)
    assert told(result) == OK
    assert (result.first_token_ns, result.token_ns, result.chunks) == (None, [], 0)
    assert (result.first_byte_ns, result.last_token_ns) == (FIRST, FIRST + 2)
    assert result.done_ns == FIRST + 2
    assert (result.input_tokens, result.output_tokens, result.finish_reason) == (7, 2, "length")
    assert (result.text, result.server_id) == ("alpha beta ", "chatcmpl-1")


def test_whole_completions_and_embeddings_are_read():
    """`text` for completions; vectors for embeddings, which never stream."""
    value = {"choices": [{"text": "x", "finish_reason": "stop"}], "usage": {"completion_tokens": 1}}
    result = outcome(body(value), endpoint=Endpoint.COMPLETIONS, stream=False, keep_text=True)
    assert (told(result), result.text, result.output_tokens) == (OK, "x", 1)
    value = {"data": [{"embedding": [0.1, 5.0]}], "usage": {"prompt_tokens": 4, "total_tokens": 4}}
    result = outcome(body(value), endpoint=Endpoint.EMBEDDINGS, stream=True)
    assert (told(result), result.input_tokens, result.output_tokens) == (OK, 4, None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"not json", ("malformed", "body", "json", "distributed_runtime_error")),
        (b"null", ("malformed", "body", "json", "distributed_runtime_error")),
        ({"status": "healthy"}, ("malformed", "body", "json", "distributed_runtime_error")),
        ({"choices": []}, ("incomplete", "body", "empty", "unavailable")),
        ({"data": []}, ("incomplete", "body", "empty", "unavailable")),
        (
            {"choices": [{"message": {"content": ""}}]},
            ("incomplete", "body", "empty", "unavailable"),
        ),
        ({"choices": [{"message": {"reasoning_content": "x"}}]}, OK),
        ({"error": {"message": "x"}}, ("stream_error", "body", "in_band", "unavailable")),
    ],
)
def test_whole_replies_that_are_none(value, expected):
    """Bad JSON, foreign JSON, empty answers and errors are told apart."""
    result = outcome(body(value), stream=False)
    assert told(result) == expected
    assert (result.message is None) == (expected == OK)


def test_exact_output_makes_a_short_reply_a_failure():
    """By usage where it came, else by under four fifths of the chunks; never without a count."""
    short = ("incomplete", "body", "short", "unavailable")
    usage = event({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}})
    counted = streamed(token("a"), token("b"), STOP, usage, DONE)
    assert told(outcome(*counted, expected_output=3, exact=True)) == short
    assert told(outcome(*counted, expected_output=3)) == OK
    assert told(outcome(*counted, expected_output=2, exact=True)) == OK
    assert told(outcome(*usual(*"abcd"), expected_output=5, exact=True)) == OK
    assert told(outcome(*usual(*"abc"), expected_output=5, exact=True)) == short
    uncounted = body({"choices": [{"message": {"content": "x"}}]})
    assert told(outcome(uncounted, stream=False, expected_output=5, exact=True)) == OK


def test_progress_is_tokens_not_comments():
    """Keep-alives move nothing; a token does; for a whole reply any body byte does."""
    reply = fed(*streamed(ROLE, b": keepalive\n\n", end=b""))
    assert reply.progress_ns is None
    reply.feed(chunk(token("a")), FIRST + 9)
    reply.feed(chunk(b": keepalive\n\n"), FIRST + 20)
    assert reply.progress_ns == FIRST + 9
    whole = fed(body(JSON_REPLY)[:-3], stream=False)
    assert whole.progress_ns == FIRST


def test_a_finished_reply_leaves_nothing_to_the_garbage_collector():
    """The parser and its callbacks form no cycle once the reply is over."""
    gc.collect()
    gc.disable()
    try:
        fed(*usual("a")).outcome(END)
        fed(b"no http", eof=True).outcome(END)
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_head_alone_is_no_answer():
    """200 and a clean end without a frame is incomplete."""
    result = outcome(STREAM_HEAD + LAST_CHUNK)
    assert told(result) == ("incomplete", "body", "unfinished", "unavailable")


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "x/y"])
def test_a_reply_of_the_wrong_kind_is_not_quoted(kind):
    """What may be the model's own words is in no message; a login page is, see above."""
    result = outcome(body(b"the model said this", kind=kind))
    assert result.message == f"{kind} instead of text/event-stream"


def test_ids_and_reasons_are_words():
    """A server that puts a key, an escape or a book into its id gets a short word kept."""
    for ident in ("key-1234", "x" * 5000, "\x1b[2J"):
        value = {"id": ident, "choices": [{"finish_reason": ident, "text": "x"}]}
        result = outcome(
            body(value), endpoint=Endpoint.COMPLETIONS, stream=False, secrets=("key-1234",)
        )
        for word in (result.server_id, result.finish_reason):
            assert len(word) <= 64
            assert word.isprintable()
            assert "1234" not in word
