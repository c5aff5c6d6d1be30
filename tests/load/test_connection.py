"""Sockets and TLS: what is opened, trusted, written, read through, kept and dropped."""

from __future__ import annotations

import itertools
import shutil
import socket
import ssl

import gevent
import pytest
from tests.load.scripted import (
    DONE,
    HEAD,
    LAST,
    STOP,
    all_of,
    always,
    engine,
    frame,
    job,
    make_certificate,
    once,
    open_files,
    server,
    silent,
    stream,
    token,
    told,
    wait_for,
)

from sagellm_benchmark.clock import NS_PER_MS, NS_PER_S
from sagellm_benchmark.load.connection import Connection


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """Certificates by the name that they are for, each its file and its key's."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificates")
    folder = tmp_path_factory.mktemp("tls")
    return {name: make_certificate(folder, name) for name in ("localhost", "elsewhere.example")}


@pytest.fixture
def trusted(certificates):
    """The file of the certificate to trust."""
    return str(certificates["localhost"][0])


@pytest.fixture
def tls(certificates):
    """A server's side of it."""
    return served(certificates["localhost"])


def served(certificate):
    """A context that shows this certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    return context


# TLS


def test_tokens_come_through_tls_as_they_do_without(tls, trusted):
    """The same bytes give the same tokens, text and counts, with a stamp a token."""
    script = always(HEAD, *[token()] * 10, STOP, DONE, LAST, gap=0.01)
    with server(script) as bare, engine(bare.url, keep_text=True) as made:
        expected = made.perform(job())
    with server(script, tls) as to, engine(to.url, cacert=trusted, keep_text=True) as made:
        first, second = made.perform(job()), made.perform(job())
    assert to.opened == 1
    for result in (first, second):
        assert told(result) == ("ok", None, None)
        assert (result.chunks, result.text, result.bytes) == (10, expected.text, expected.bytes)
        assert result.reads >= 9
        gaps = [b - a for a, b in itertools.pairwise(result.token_ns)]
        assert 5 * NS_PER_MS < sorted(gaps)[len(gaps) // 2] < 40 * NS_PER_MS


def test_tls_a_byte_at_a_time(tls, trusted):
    """A record a byte is a reply like any other."""
    whole = stream(1)

    async def script(peer):
        while await peer.request():
            for each in whole:
                await peer.send(bytes((each,)))

    with server(script, tls) as to, engine(to.url, cacert=trusted) as made:
        results = [made.perform(job()) for _ in range(2)]
    assert [told(result) for result in results] == [("ok", None, None)] * 2
    assert results[0].bytes == len(whole)


def test_a_burst_through_tls(tls, trusted):
    """Nothing that was decrypted stays behind where no further packet would fetch it."""
    whole = HEAD + token() * 10_000 + STOP + DONE + LAST
    with server(always(whole), tls) as to, engine(to.url, cacert=trusted, total=8) as made:
        for _ in range(3):
            result = made.perform(job())
            assert told(result) == ("ok", None, None)
            assert (result.chunks, result.bytes) == (10_000, len(whole))
    assert to.opened == 1


def test_a_large_request_through_tls(tls, trusted):
    """A body of some megabytes arrives whole, also where the server reads late."""
    large = job("word " * 3_000_000)
    sizes = []

    async def script(peer):
        peer.deaf()
        await peer.send(b"", gap=0.2)
        peer.listen()
        sizes.append(len(await peer.request()))
        await peer.send(stream())

    with server(script, tls) as to, engine(to.url, cacert=trusted) as made:
        result = made.perform(large)
    assert told(result) == ("ok", None, None)
    assert sizes == [len(large.payload)]
    assert result.written_ns - result.sent_ns >= 0.15 * NS_PER_S


def test_a_certificate_that_nobody_vouches_for(tls):
    """Not trusted: `connect_error` in phase tls, in words; nothing is sent."""
    got = []

    async def script(peer):
        got.append(await peer.request())

    with server(script, tls) as to, engine(to.url) as made:
        result = made.perform(job())
    assert told(result) == ("connect_error", "tls", None)
    assert "certificate not trusted" in result.message
    assert got in ([], [b""])


def test_a_certificate_for_somebody_else(certificates):
    """A trusted certificate with another name is refused."""
    cert = certificates["elsewhere.example"]
    with server(always(stream()), served(cert)) as to, engine(to.url, cacert=str(cert[0])) as made:
        result = made.perform(job())
    assert told(result) == ("connect_error", "tls", None)
    assert "127.0.0.1" in result.message


def test_insecure_trusts_anybody(certificates):
    """`--insecure` takes any certificate."""
    with (
        server(always(stream()), served(certificates["elsewhere.example"])) as to,
        engine(to.url, insecure=True) as made,
    ):
        assert told(made.perform(job())) == ("ok", None, None)


def test_tls_to_a_server_that_speaks_none(trusted):
    """Plain HTTP on the port: `connect_error` in phase tls."""

    async def script(peer):
        await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await peer.gone()

    with server(script) as to, engine(to.url.replace("http:", "https:"), cacert=trusted) as made:
        result = made.perform(job())
    assert told(result) == ("connect_error", "tls", None)
    assert len(result.message) < 200


def test_tls_to_a_server_that_closes(trusted):
    """A close in the handshake is a `connect_error` in phase tls that says so."""

    async def script(peer):
        peer.end()
        await peer.gone()

    with server(script) as to, engine(to.url.replace("http:", "https:"), cacert=trusted) as made:
        result = made.perform(job())
    assert told(result) == ("connect_error", "tls", None)
    assert "during the TLS handshake" in result.message


def test_tls_to_a_server_that_says_nothing(trusted):
    """The handshake has the first-token deadline, and the socket goes with it."""
    with (
        server(silent()) as to,
        engine(to.url.replace("http:", "https:"), first_token=0.3, cacert=trusted) as made,
    ):
        result = made.perform(job())
        wait_for(lambda: to.open == 0)
    assert told(result) == ("timeout", "tls", "first_token")
    assert 0.3 * NS_PER_S <= result.ended_ns - result.sent_ns < 1.3 * NS_PER_S


def test_a_kill_in_the_handshake(trusted):
    """A kill while TLS is being agreed on closes the socket."""
    with server(silent()) as to, engine(to.url.replace("http:", "https:"), cacert=trusted) as made:
        flying = gevent.spawn(made.perform, job())
        wait_for(lambda: to.open == 1)
        flying.kill()
        assert flying.value.status.value == "cancelled"
        wait_for(lambda: to.open == 0)


CUTS = {
    "in a frame": (HEAD + token() * 2 + token()[:30], ("incomplete", "body"), 2),
    "in the head": (HEAD[:30], ("incomplete", "headers"), 0),
    "behind [DONE]": (HEAD + token() * 2 + STOP + DONE, ("ok", None), 2),
}


@pytest.mark.parametrize("name", CUTS)
def test_tls_that_is_cut_off(name, tls, trusted):
    """A close without close_notify is a broken connection; a complete answer stays ok."""
    reply, expected, tokens = CUTS[name]

    async def script(peer):
        await peer.request()
        await peer.send(reply, gap=0.02)
        peer.vanish()

    with server(script, tls) as to, engine(to.url, cacert=trusted) as made:
        result = made.perform(job())
        wait_for(lambda: to.open == 0)
    assert told(result)[:2] == expected
    assert result.chunks == tokens


def test_tls_closed_in_order(tls, trusted):
    """A reply that the close ends, with close_notify, is whole; no connection is kept."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
    reply = head + frame("a") + frame("", "stop") + b"data: [DONE]\n\n"
    with server(once(reply), tls) as to, engine(to.url, cacert=trusted) as made:
        results = [made.perform(job()) for _ in range(2)]
    assert [told(result) for result in results] == [("ok", None, None)] * 2
    assert to.opened == 2


def test_an_idle_tls_connection_that_ends(tls, trusted):
    """An idle close is noticed under TLS too."""

    async def script(peer):
        await peer.request()
        await peer.send(stream(), gap=0.03)

    with server(script, tls) as to, engine(to.url, cacert=trusted) as made:
        for _ in range(3):
            assert told(made.perform(job())) == ("ok", None, None)
            gevent.sleep(0.08)
    assert to.opened == 3


def test_many_tls_streams_leave_no_file_open(tls, trusted):
    """50 encrypted streams at once, half of them killed, give every descriptor back."""
    before = open_files()
    with (
        server(always(HEAD, *[token()] * 5, STOP, DONE, LAST, gap=0.02), tls) as to,
        engine(to.url, cacert=trusted) as made,
    ):
        flying = [gevent.spawn(made.perform, job()) for _ in range(50)]
        gevent.sleep(0.1)
        for each in flying[::2]:
            each.kill(block=False)
        results = all_of(*flying)
        assert {told(result)[0] for result in results[1::2]} == {"ok"}
    wait_for(lambda: open_files() == before)


# Idle connections


@pytest.fixture
def pair():
    """A connection and the socket at its other end."""
    near, far = socket.socketpair()
    near.setblocking(False)
    connection = Connection(near)
    yield connection, far
    far.close()
    connection.close()


def test_a_quiet_connection(pair):
    """It may carry a request, and looking takes nothing away from it."""
    connection, far = pair
    assert connection.quiet()
    assert connection.quiet()
    far.send(b"!")
    assert not connection.quiet()
    buffer = bytearray(10)
    assert connection.receive_into(memoryview(buffer)) == 1


@pytest.mark.parametrize("how", ["closed", "read", "gone"])
def test_a_connection_that_is_not_quiet(pair, how):
    """One that ended, spoke or broke may not carry a request."""
    connection, far = pair
    if how == "closed":
        far.close()
    elif how == "read":
        connection.reads.append(b"")
    else:
        connection.close()
    assert not connection.quiet()
