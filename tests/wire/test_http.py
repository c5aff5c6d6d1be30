"""Promises of `wire.http`."""

from __future__ import annotations

import gzip
import random
import zlib

import pytest

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.wire import http
from sagellm_benchmark.wire.http import HTTP_ERRORS, Framing, Inflater, TooLarge, request_bytes

from .lookalike import LAST_CHUNK, STREAM_HEAD, body, chunk, head, token


def test_a_request_is_one_head_with_its_length_and_the_body():
    """The bytes are a plain HTTP/1.1 POST that asks for no compression."""
    sent = request_bytes("/v1/chat/completions", "h:1", {"X-Request-ID": "r1"}, b'{"a":1}')
    first, *lines = sent.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    assert first == "POST /v1/chat/completions HTTP/1.1"
    assert {"Host: h:1", "X-Request-ID: r1", "Content-Length: 7"} <= set(lines)
    assert {"Accept-Encoding: identity", "Content-Type: application/json"} <= set(lines)
    assert sent.endswith(b'\r\n\r\n{"a":1}')


def test_the_callers_headers_replace_the_defaults_in_any_case():
    """A header is sent once, with the caller's value."""
    sent = request_bytes("/", "h", {"ACCEPT": "x/y", "host": "other"}, b"").decode()
    assert "ACCEPT: x/y" in sent
    assert "host: other" in sent
    assert sent.lower().count("accept:") == 1
    assert sent.lower().count("host:") == 1


def test_a_get_carries_no_body_headers():
    """A GET has neither length nor type."""
    sent = request_bytes("/health", "h", {}, b"", method="GET")
    assert sent.startswith(b"GET /health HTTP/1.1\r\n")
    assert b"Content-" not in sent


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\rb", "a\0b", "snow ☃"])
def test_a_value_that_breaks_the_request_apart_is_refused(value):
    """Nobody smuggles a header or a request, and the value, maybe a key, is not repeated."""
    with pytest.raises(UsageError, match="--header 'X-Key'") as caught:
        request_bytes("/", "h", {"X-Key": value}, b"")
    assert value not in str(caught.value)


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\r\nb", "é"])
def test_a_name_that_is_no_name_is_refused(name):
    """Header names are tokens."""
    with pytest.raises(UsageError, match="not a header name"):
        request_bytes("/", "h", {name: "x"}, b"")


@pytest.mark.parametrize(
    "name", ["Content-Length", "transfer-encoding", "Connection", "accept-encoding"]
)
def test_framing_headers_are_ours(name):
    """What says where a message ends cannot be set from outside."""
    with pytest.raises(UsageError, match="set by the client itself"):
        request_bytes("/", "h", {name: "x"}, b"")


@pytest.mark.parametrize("path", ["", "/a b", "/a\r\nX: y", "/é"])
def test_a_path_that_cannot_stand_in_a_request_line_is_refused(path):
    """The request target is plain ASCII without spaces."""
    with pytest.raises(UsageError, match="path"):
        request_bytes(path, "h", {}, b"")


def test_framing_hands_out_the_body_without_the_chunks():
    """A chunked body comes out as its parts, and the end is seen."""
    framing = Framing()
    framing.feed(STREAM_HEAD + chunk(b"one") + chunk(b"two") + LAST_CHUNK)
    assert framing.parts == [b"one", b"two"]
    assert (framing.status, framing.ended, framing.keep_alive) == (200, True, True)
    assert framing.headers["content-type"].startswith("text/event-stream")


def test_framing_takes_no_trailer_and_no_interim_response_for_the_head():
    """What comes before the final head or after the body changes nothing of it."""
    framing = Framing()
    framing.feed(b"HTTP/1.1 100 Continue\r\nretry-after: 1\r\n\r\n")
    assert framing.status == 0
    framing.feed(STREAM_HEAD + chunk(b"x") + b"0\r\nretry-after: 9\r\n\r\n")
    assert framing.status == 200
    assert framing.ended
    assert "retry-after" not in framing.headers


def test_framing_keeps_a_second_response_out_of_the_first():
    """Bytes beyond the end are noted and belong to nothing."""
    framing = Framing()
    framing.feed(body({}) + body({"b": 2}, "500 No"))
    assert framing.beyond
    assert framing.status == 200
    assert framing.parts[: framing.extent] == [b"{}"]


def test_framing_knows_when_only_the_close_ends_the_body():
    """Neither length nor chunks: the end is the close."""
    framing = Framing()
    framing.feed(head(version="1.0") + b"abc")
    assert not framing.delimited
    assert not framing.ended


def test_framing_raises_on_bytes_that_are_no_http():
    """Only `HTTP_ERRORS` comes out of the parser."""
    with pytest.raises(HTTP_ERRORS):
        Framing().feed(b"SSH-2.0-OpenSSH_9.6\r\n")
    with pytest.raises(HTTP_ERRORS):
        Framing().feed(b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n")


def test_inflater_undoes_gzip_members_and_deflate_in_pieces():
    """Compressed text comes out whole, and in pieces of at most 64 KiB."""
    text = b"0123456789abcdef" * 20_000
    pieces = list(Inflater().inflate(gzip.compress(text) + gzip.compress(b"more")))
    assert b"".join(pieces) == text + b"more"
    assert max(map(len, pieces)) <= 65_536
    inflater = Inflater()
    packed = zlib.compress(text)
    got = b"".join(
        piece for byte in range(len(packed)) for piece in inflater.inflate(packed[byte : byte + 1])
    )
    assert got == text
    assert inflater.ended


def test_inflater_stops_a_bomb(monkeypatch):
    """A body that unfolds beyond the limit is stopped while it is small."""
    monkeypatch.setattr(http, "INFLATED_LIMIT", 1 << 20)
    seen = 0
    with pytest.raises(TooLarge):
        for piece in Inflater().inflate(gzip.compress(random.Random(1).randbytes(2 << 20))):
            seen += len(piece)
    assert seen <= 1 << 20


def test_inflater_stops_what_grows_out_of_proportion():
    """A thousandfold is no answer: it ends under a megabyte, however large it would become."""
    seen, packed = 0, gzip.compress(bytes(50 << 20))
    with pytest.raises(TooLarge, match="bytes unfold to"):
        for piece in Inflater().inflate(packed):
            seen += len(piece)
    assert seen < 1 << 20


def test_inflater_takes_an_answer_of_one_word():
    """Frames that are all alike, of a model that repeats itself, are no bomb."""
    frames = token("word ") * 20_000
    packer = zlib.compressobj(wbits=31)
    packed = [
        packer.compress(frames[at : at + 2000]) + packer.flush(zlib.Z_SYNC_FLUSH)
        for at in range(0, len(frames), 2000)
    ]
    inflater = Inflater()
    assert sum(len(piece) for part in packed for piece in inflater.inflate(part)) == len(frames)
