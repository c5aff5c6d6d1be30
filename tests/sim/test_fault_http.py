"""Faults in HTTP, byte for byte, and as Python's own client reads them."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from http.client import HTTPResponse

import pytest
from tests.sim.faulty import TOKENS
from tests.sim.processes import plain, split_response


class Bytes:
    """A socket that has received everything."""

    def __init__(self, data):
        self._data = data

    def makefile(self, mode):
        """Its bytes."""
        return io.BytesIO(self._data)


def parsed(data):
    """A response as Python's client understands it: the response, and its body."""
    response = HTTPResponse(Bytes(data))
    response.begin()
    return response, response.read()


def body_of(server, stream):
    """The body of a reply without a fault, without what differs each time."""
    return plain(parsed(server.ask("none", stream).data)[1])


def test_a_status_in_the_dialects_words(faulty_server):
    """JSON in the dialect's form with its Retry-After, HTML, or nothing; unknown codes too."""
    for case, code in (("status", 500), ("status-429", 429)):
        response, body = parsed(faulty_server.ask(case).data)
        assert response.status == code
        said = json.loads(body)
        assert [*said] == ["detail" if faulty_server.dialect == "sagellm" else "error"]
    assert response.getheader("retry-after") == "7"
    response, body = parsed(faulty_server.ask("status-html", stream=False).data)
    assert (response.status, response.getheader("content-type")) == (
        502,
        "text/html; charset=utf-8",
    )
    assert b"<html>" in body
    response, body = parsed(faulty_server.ask("status-empty").data)
    assert (response.status, body) == (529, b"")
    line = faulty_server.line("status-429")
    assert (line.end, line.fault, line.status, line.tokens_ns) == ("complete", "status", 429, [])


def test_a_page_a_redirect_and_no_http(faulty_server):
    """None of them is an answer."""
    response, body = parsed(faulty_server.ask("html").data)
    assert (response.status, response.getheader("content-type")) == (
        200,
        "text/html; charset=utf-8",
    )
    assert body.startswith(b"<!doctype html>")
    response, _ = parsed(faulty_server.ask("redirect").data)
    assert (response.status, response.getheader("location")) == (307, "http://127.0.0.1:9/x")
    assert faulty_server.ask("not_http").data.startswith(b"SSH-2.0-")
    line = faulty_server.line("not_http")
    assert (line.end, line.status) == ("died", None)


@pytest.mark.parametrize("stream", [True, False])
def test_gzip_nobody_asked_for(faulty_server, stream):
    """The head says so, the body is the usual one, and each token can be read when it comes."""
    got = faulty_server.ask("gzip", stream)
    response, body = parsed(got.data)
    assert response.getheader("content-encoding") == "gzip"
    assert plain(gzip.decompress(body)) == body_of(faulty_server, stream)
    if stream:
        inflate = zlib.decompressobj(wbits=31)
        events = [inflate.decompress(chunk) for chunk in split_response(got.data)[1]]
        assert events[1].endswith(b"\n\n")


def test_a_gzip_bomb(faulty_server):
    """Few bytes, a sound gzip stream, and exactly as many zeros as asked for."""
    response, body = parsed(faulty_server.ask("gzip_bomb").data)
    assert response.getheader("content-encoding") == "gzip"
    assert len(body) < 100_000
    inflated = gzip.decompress(body)
    assert len(inflated) == 64 * 2**20 + 5
    assert not inflated.strip(b"\0")


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(("case", "version"), [("http10", 10), ("close_delimited", 11)])
def test_the_end_of_the_connection_ends_the_body(faulty_server, stream, case, version):
    """No length and no chunks; the same body."""
    response, body = parsed(faulty_server.ask(case, stream).data)
    assert response.version == version
    assert response.getheader("content-length") is None
    assert response.getheader("transfer-encoding") is None
    assert response.getheader("connection") == (None if version == 10 else "close")
    assert plain(body) == body_of(faulty_server, stream)


def test_a_close_delimited_stream_may_lack_its_end(faulty_server):
    """Tokens, and then nothing that says that they are all."""
    _, body = parsed(faulty_server.ask("close_delimited-cut").data)
    assert b'"finish_reason":"' not in body
    assert b"[DONE]" not in body
    line = faulty_server.line("close_delimited-cut")
    assert (line.end, len(line.tokens_ns)) == ("complete", TOKENS)


@pytest.mark.parametrize("stream", [True, False])
def test_trailers(faulty_server, stream):
    """Fields after the last chunk; the connection could go on."""
    got = faulty_server.ask("trailers", stream)
    assert got.data.endswith(b"\r\n0\r\nx-sim-state: done\r\nx-sim-checksum: 0\r\n\r\n")
    response, body = parsed(got.data)
    assert response.getheader("trailer") == "x-sim-state, x-sim-checksum"
    assert plain(body) == body_of(faulty_server, stream)


@pytest.mark.parametrize("stream", [True, False])
def test_heads_before_the_head(faulty_server, stream):
    """102 and 103, then the usual reply."""
    got = faulty_server.ask("informational", stream)
    early, late = b"HTTP/1.1 102 Processing\r\n\r\n", b"HTTP/1.1 200 OK\r\n"
    assert got.data.startswith(early + b"HTTP/1.1 103 Early Hints\r\nlink: ")
    rest = got.data[got.data.index(late) :].replace(b"informational", b"none")
    assert plain(rest) == plain(faulty_server.ask("none", stream).data)
