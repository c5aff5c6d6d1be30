"""What becomes of requests, whatever a scripted server does to them."""

from __future__ import annotations

import itertools
import socket
import sys
from dataclasses import replace

import gevent
import pytest
from gevent import get_hub
from tests.load.scripted import (
    COMMENT,
    DONE,
    HEAD,
    LAST,
    STOP,
    all_of,
    always,
    chunk,
    crowded,
    dripping,
    engine,
    frame,
    job,
    once,
    open_files,
    plain,
    refusing,
    server,
    silent,
    stream,
    token,
    told,
    wait_for,
)

from sagellm_benchmark.clock import NS_PER_MS, NS_PER_S, now
from sagellm_benchmark.load import exchange, receiver
from sagellm_benchmark.load.connection import _SO_TIMESTAMPNS as SO_TIMESTAMPNS
from sagellm_benchmark.load.engine import SAMPLE_EVERY, Engine
from sagellm_benchmark.load.exchange import Deadlines
from sagellm_benchmark.load.leaving import Cut
from sagellm_benchmark.load.pool import Pool
from sagellm_benchmark.load.target import resolve

LARGE = "word " * 5_000_000
"""More than the kernel takes at once."""


@pytest.fixture(params=["epoll", "watchers"])
def reading(request, monkeypatch):
    """Both ways to read sockets."""
    if request.param == "watchers":
        monkeypatch.setattr(receiver, "_epoll", lambda: None)
    return request.param


# One request


def test_a_streamed_reply(reading):
    """A reply's stamps lie in the order in which things happened, and every token has one."""
    script = always(HEAD, token(), token(), STOP, DONE, LAST, gap=0.01)
    with server(script) as to, engine(to.url) as made:
        due_ns = now() - NS_PER_MS
        result = made.perform(job(), due_ns)
    assert told(result) == ("ok", None, None)
    stamps = (
        *(result.due_ns, result.sent_ns, result.connected_ns, result.written_ns),
        *(result.first_byte_ns, *result.token_ns, result.done_ns, result.ended_ns),
    )
    assert list(stamps) == sorted(stamps)
    assert result.due_ns == due_ns
    assert result.chunks == result.reads == 2
    assert result.token_ns[1] - result.token_ns[0] >= 5 * NS_PER_MS
    assert not result.reused


def test_every_split_of_a_reply_is_the_same(reading):
    """A reply that comes a byte at a time is the reply that comes at once."""
    whole = stream(2)
    with server(always(whole)) as to, engine(to.url, keep_text=True) as made:
        expected = made.perform(job())

    async def script(peer):
        while await peer.request():
            for each in whole:
                await peer.send(bytes((each,)))

    with server(script) as to, engine(to.url, keep_text=True) as made:
        split = [made.perform(job()) for _ in range(3)]
    for result in split:
        assert told(result) == ("ok", None, None)
        assert (result.chunks, result.text, result.bytes, result.flags) == (
            *(expected.chunks, expected.text, expected.bytes, expected.flags),
        )
    assert to.opened == 1


def test_a_reply_in_two_parts_is_the_same_wherever_it_is_cut(reading):
    """The end is found at once wherever the last read begins, also within the last chunk."""
    whole = stream(1)
    cuts = iter(range(len(whole) - 12, len(whole)))

    async def script(peer):
        while await peer.request():
            cut = next(cuts)
            await peer.send(whole[:cut], whole[cut:], gap=0.003)

    with server(script) as to, engine(to.url) as made:
        for _ in range(12):
            result = made.perform(job())
            assert told(result) == ("ok", None, None)
    assert to.opened == 1


def test_an_end_with_trailers_waits_for_a_tick_at_most():
    """A reply whose end shows in no tail ends within a tick, stamped when it came."""
    end = b"0\r\nx-trailer: some thing\r\n\r\n"
    with server(always(HEAD + token() + STOP + DONE + end)) as to, engine(to.url) as made:
        results = [made.perform(job()) for _ in range(2)]
    assert to.opened == 1
    for result in results:
        assert told(result) == ("ok", None, None)
        assert result.ended_ns - result.sent_ns < 3 * NS_PER_S  # no silence lasts 10 s


def test_a_whole_reply():
    """A reply with a length ends at its last byte and leaves the connection open."""
    with server(always(plain())) as to, engine(to.url, keep_text=True) as made:
        results = [made.perform(job(whole=True)) for _ in range(3)]
    assert [told(result) for result in results] == [("ok", None, None)] * 3
    assert [result.text for result in results] == ["hi"] * 3
    assert to.opened == 1


@pytest.mark.parametrize("version", [b"HTTP/1.0", b"HTTP/1.1"])
def test_a_reply_that_the_close_ends(version):
    """Without a length and without chunks the close ends the reply, and nothing is reused."""
    head = version + b" 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
    reply = (head, frame("a"), frame("b"), frame("", "stop"), b"data: [DONE]\n\n")
    with server(once(*reply, gap=0.02)) as to, engine(to.url) as made:
        results = [made.perform(job()) for _ in range(2)]
    for result in results:
        assert told(result) == ("ok", None, None)
        assert result.reads == 2
    assert to.opened == 2


# Connections


def test_connections_are_kept():
    """Requests one after the other share one connection; only the first one pays for it."""
    with server(always(stream())) as to, engine(to.url) as made:
        results = [made.perform(job()) for _ in range(6)]
    assert to.opened == 1
    assert [result.reused for result in results] == [False] + [True] * 5
    assert [result.connected_ns is None for result in results] == [False] + [True] * 5


def test_connections_are_shared():
    """As many connections are opened as requests fly at once, and used again by the next ones."""
    with server(always(stream(), gap=0.05)) as to, engine(to.url) as made:
        for _ in range(3):
            all_of(*(gevent.spawn(made.perform, job()) for _ in range(8)))
            gevent.sleep(0.06)
        assert to.opened == 8
        assert (made.counts.peak, made.counts.sent, made.counts.in_flight) == (8, 24, 0)


def test_a_close_behind_the_reply_is_seen(reading):
    """A server that answers and closes without a word costs a connection, never a request."""
    with server(once(stream())) as to, engine(to.url, total=3) as made:
        for _ in range(20):
            assert told(made.perform(job())) == ("ok", None, None)
            to.closed()
            gevent.sleep(0.005)
    assert to.opened == 20


def test_bytes_behind_the_reply_are_nobodys():
    """What a server says unasked, in the read of the end or behind it, spoils no later request."""
    junk = b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n"
    with server(always(stream(), junk)) as to, engine(to.url, total=3) as made:
        for _ in range(20):
            assert told(made.perform(job())) == ("ok", None, None)
            gevent.sleep(0.005)
    assert to.opened == 20


def test_a_connection_that_the_server_will_close_is_not_kept():
    """`Connection: close` is believed."""
    reply = plain(connection="close")
    with server(always(reply)) as to, engine(to.url) as made:
        assert [told(made.perform(job(whole=True)))[0] for _ in range(3)] == ["ok"] * 3
    assert to.opened == 3


def test_an_idle_close_is_noticed(reading):
    """A pooled connection that the server closes is dropped, and the next request opens one."""

    async def script(peer):
        await peer.request()
        await peer.send(stream(), gap=0.03)

    with server(script) as to, engine(to.url) as made:
        for _ in range(3):
            assert told(made.perform(job())) == ("ok", None, None)
            gevent.sleep(0.08)
    assert to.opened == 3


def test_an_idle_close_that_is_not_parsed_yet(monkeypatch):
    """A connection whose end has been read is not used, though the parser has not come to it."""

    async def script(peer):
        await peer.request()
        await peer.send(stream(), gap=0.03)

    with server(script) as to, engine(to.url, total=2) as made:
        assert told(made.perform(job())) == ("ok", None, None)
        monkeypatch.setattr(made._receiver, "_urgent", lambda connection: None)
        wait_for(lambda: to.open == 0)
        gevent.sleep(0.01)
        assert told(made.perform(job())) == ("ok", None, None)
    assert to.opened == 2


def test_a_post_is_never_sent_twice():
    """A connection that closes under a request makes it incomplete, and nobody tries again."""
    seen = []

    async def script(peer):
        if not seen:
            seen.append(await peer.request())
            await peer.send(stream())
        seen.append(await peer.request())

    with server(script) as to, engine(to.url) as made:
        first, second = made.perform(job("one")), made.perform(job("two"))
        gevent.sleep(0.05)
    assert told(first) == ("ok", None, None)
    assert told(second) == ("incomplete", "headers", "closed")
    assert second.reused
    assert [b"two" in request for request in seen] == [False, True]
    assert to.opened == 1


def test_idle_connections_are_dropped(monkeypatch):
    """What was idle for 4 s is closed before the gateway does it at 5."""
    assert Pool.IDLE_NS == 4 * NS_PER_S
    monkeypatch.setattr(Pool, "IDLE_NS", 100 * NS_PER_MS)
    with server(always(stream())) as to, engine(to.url) as made:
        made.perform(job())
        assert to.open == 1
        wait_for(lambda: to.open == 0, seconds=2)
        assert told(made.perform(job())) == ("ok", None, None)
    assert to.opened == 2


def test_a_refused_connection():
    """Nobody listens: `connect_error`, the address named, at once."""
    url = refusing()
    with engine(url) as made:
        result = made.perform(job())
    assert told(result) == ("connect_error", "connect", None)
    assert "refused" in result.message
    assert url.removeprefix("http://") in result.message
    assert result.connected_ns is None
    assert result.ended_ns - result.sent_ns < NS_PER_S


def test_no_file_left_for_a_connection(monkeypatch):
    """Where the system gives no further socket the request fails, and says why."""

    def nothing(*_):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("sagellm_benchmark.load.opening._plain_socket", nothing)
    with engine(refusing()) as made:
        result = made.perform(job())
    assert told(result) == ("connect_error", "connect", "no_files")
    assert "Too many open files" in result.message


# Replies that break off

BREAKS = {
    "nothing": (b"", ("incomplete", "headers", "closed"), 0),
    "half a head": (HEAD[:20], ("incomplete", "headers", "closed"), 0),
    "in a chunk": (HEAD + token() * 2 + token()[:30], ("incomplete", "body", "closed"), 2),
    "between chunks": (HEAD + token() * 2, ("incomplete", "body", "closed"), 2),
    "no last chunk": (HEAD + token() * 2 + STOP + DONE, ("ok", None, None), 2),
    "no http": (b"SSH-2.0-OpenSSH_9.2\r\n", ("malformed", "headers", "http"), 0),
    "bad chunk": (HEAD + token() + b"zz\r\n", ("malformed", "body", "http"), 1),
    "no json": (HEAD + token() + chunk(b"data: {\n\n"), ("malformed", "body", "json"), 1),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_reply_that_breaks_off(name, reading):
    """The close says what became of the request, and the tokens before it are kept."""
    reply, expected, tokens = BREAKS[name]
    with server(once(reply)) as to, engine(to.url) as made:
        result = made.perform(job())
    assert told(result) == expected
    assert result.chunks == tokens


@pytest.mark.parametrize("first", [b"", HEAD + token() * 2], ids=["headers", "body"])
def test_a_reset(first, reading):
    """A reset ends the request where it stands, with the tokens so far and the system's words."""

    async def script(peer):
        await peer.request()
        await peer.send(first, gap=0.03)
        peer.reset()

    with server(script) as to, engine(to.url) as made:
        result = made.perform(job())
    assert told(result) == ("incomplete", "body" if first else "headers", "broken")
    assert "reset" in result.message
    assert result.chunks == (2 if first else 0)


def test_a_half_close_is_an_end():
    """A server that ends its side only has said all it will say."""

    async def script(peer):
        await peer.request()
        await peer.send(HEAD, token())
        peer.end()
        await peer.gone()

    with server(script) as to, engine(to.url) as made:
        result = made.perform(job())
    assert told(result) == ("incomplete", "body", "closed")
    assert result.chunks == 1


def test_a_reply_before_the_request():
    """A server that speaks first has its words taken for the reply; nothing hangs."""

    async def script(peer):
        await peer.send(plain("503 Busy", b'{"error":"full"}'))
        await peer.request()

    with server(script) as to, engine(to.url) as made:
        assert told(made.perform(job())) == ("http_error", "headers", "status")


# Large requests


@pytest.fixture(scope="module")
def large():
    """A request of 25 MB."""
    return job(LARGE)


def test_a_large_request_to_a_slow_reader(large):
    """`written` is when the kernel had all of it; other streams keep their own times meanwhile."""

    async def slow(peer):
        peer.deaf()
        await peer.send(b"", gap=0.4)
        peer.listen()
        assert len(await peer.request()) == len(large.payload)
        await peer.send(stream())

    with (
        server(slow) as to,
        server(always(HEAD, *[token()] * 30, STOP + DONE + LAST, gap=0.01)) as other,
        engine(to.url) as made,
        engine(other.url) as beside,
    ):
        results = all_of(gevent.spawn(made.perform, large), gevent.spawn(beside.perform, job()))
    first, second = results
    assert told(first) == told(second) == ("ok", None, None)
    assert first.written_ns - first.sent_ns >= 0.35 * NS_PER_S
    assert first.first_byte_ns >= first.written_ns
    gaps = [b - a for a, b in itertools.pairwise(second.token_ns)]
    assert sorted(gaps)[len(gaps) // 2] < 30 * NS_PER_MS
    assert second.reads == 30


@pytest.mark.parametrize("then", ["stays", "closes", "resets", "reads"])
def test_an_early_refusal_of_a_large_request(large, then):
    """A 413 ends the request when it comes, though most of the body was never taken."""

    async def script(peer):
        peer.deaf()
        await peer.send(plain("413 Too Large", b'{"error":{"message":"too long"}}'))
        if then == "resets":
            await peer.send(b"", gap=0.1)
            peer.reset()
        elif then == "reads":
            peer.listen()
            await peer.gone()
        elif then == "stays":
            await peer.send(b"", gap=0.3)
            await peer.send(b"", gap=2)

    with server(script) as to, engine(to.url, first_token=8, total=8) as made:
        result = made.perform(large)
    assert told(result) == ("http_error", "headers", "status")
    assert result.http_status == 413
    assert "too long" in result.message
    assert result.ended_ns - result.sent_ns < 1.5 * NS_PER_S
    if then == "stays":
        assert result.written_ns is None


def test_a_reset_under_a_large_request(large):
    """A server that breaks off while the body is written makes it incomplete, in phase write."""

    async def script(peer):
        peer.deaf()
        await peer.send(b"", gap=0.1)
        peer.reset()

    with server(script) as to, engine(to.url) as made:
        result = made.perform(large)
    assert result.status.value == "incomplete"
    assert result.written_ns is None
    assert result.ended_ns - result.sent_ns < 2 * NS_PER_S


@pytest.mark.parametrize(
    ("limits", "reason"),
    [({"first_token": 0.3}, "first_token"), ({"total": 0.3}, "total")],
    ids=["first token", "total"],
)
def test_a_large_request_that_nobody_reads(large, limits, reason):
    """The deadlines hold while the body is written, and the phase says so."""

    async def script(peer):
        peer.deaf()
        await peer.send(b"", gap=1.5)

    with server(script) as to, engine(to.url, **{"total": 8, **limits}) as made:
        result = made.perform(large)
    assert told(result) == ("timeout", "write", reason)
    assert 0.3 * NS_PER_S <= result.ended_ns - result.sent_ns < 1.2 * NS_PER_S


# Deadlines

SLOW = {
    "no headers": (silent(), {"first_token": 0.3}, "headers", "first_token"),
    "no token": (silent(HEAD), {"first_token": 0.3}, "body", "first_token"),
    "comments before": (
        dripping(HEAD, drop=chunk(COMMENT)),
        {"first_token": 0.3},
        "body",
        "first_token",
    ),
    "no further token": (silent(HEAD, token()), {"idle": 0.3}, "body", "idle"),
    "comments between": (
        dripping(HEAD, token(), drop=chunk(COMMENT)),
        {"idle": 0.3},
        "body",
        "idle",
    ),
    "byte by byte": (
        dripping(HEAD[:-2], drop=b"x"),
        {"first_token": 0.3},
        "headers",
        "first_token",
    ),
    "tokens for ever": (dripping(HEAD, drop=token()), {"total": 0.4}, "body", "total"),
    "comments for ever": (dripping(HEAD, drop=chunk(COMMENT)), {"total": 0.4}, "body", "total"),
}


def test_each_deadline_holds(reading):
    """First token, idle, total: each ends a request, whatever drips meanwhile."""

    def one(script, limits):
        with server(script) as to, engine(to.url, **{"total": 3, **limits}) as made:
            result = made.perform(job())
            wait_for(lambda: to.open == 0)
            return result

    flying = [gevent.spawn(one, script, limits) for script, limits, _, _ in SLOW.values()]
    results = dict(zip(SLOW, all_of(*flying), strict=True))
    for name, (_, limits, phase, reason) in SLOW.items():
        result = results[name]
        assert told(result) == ("timeout", phase, reason), name
        allowed = next(iter(limits.values()))
        assert allowed * NS_PER_S <= result.ended_ns - result.sent_ns < (allowed + 1) * NS_PER_S
        assert f"within {allowed:g} s" in result.message


def test_a_whole_reply_has_a_total_deadline_only():
    """Where no tokens are read, neither first token nor idle can end a request."""
    slow = (plain()[:30], plain()[30:])
    with server(always(*slow, gap=0.4)) as to, engine(to.url, first_token=0.2, idle=0.2) as made:
        assert told(made.perform(job(whole=True))) == ("ok", None, None)
    with server(always(*slow, gap=0.6)) as to, engine(to.url, total=0.3) as made:
        assert told(made.perform(job(whole=True))) == ("timeout", "headers", "total")


def test_a_connection_that_is_never_taken():
    """A port that answers nothing is a timeout in phase connect, by the first-token deadline."""
    with crowded() as url, engine(url, first_token=0.3) as made:
        result = made.perform(job())
    assert told(result) == ("timeout", "connect", "first_token")
    assert 0.3 * NS_PER_S <= result.ended_ns - result.sent_ns < 1.3 * NS_PER_S


@pytest.mark.parametrize("drop", [None, chunk(COMMENT)], ids=["silent", "dripping"])
def test_a_connection_held_open_after_the_answer(drop, reading):
    """`[DONE]` is an answer: the request is ok about a second later, and the socket goes."""
    first = (HEAD, token(), STOP, DONE)
    script = silent(*first) if drop is None else dripping(*first, drop=drop)
    with server(script) as to, engine(to.url, total=5) as made:
        result = made.perform(job())
        wait_for(lambda: to.open == 0)
    assert told(result) == ("ok", None, None)
    held = result.ended_ns - result.done_ns
    assert exchange.CLOSE_GRACE_NS <= held < 1.6 * NS_PER_S


# Kills


def test_a_kill_while_it_connects():
    """A kill in phase connect leaves a cancelled request and no socket."""
    before = open_files()
    with crowded() as url, engine(url) as made:
        inside = open_files()
        flying = gevent.spawn(made.perform, job())
        wait_for(lambda: open_files() > inside)
        flying.kill()
        assert flying.value.status.value == "cancelled"
        assert flying.value.reason == "stopped"
        assert open_files() == inside
    wait_for(lambda: open_files() == before)


def test_a_kill_while_it_writes(large):
    """A kill in phase write closes the connection; the server has no whole request."""
    got = []

    async def script(peer):
        peer.deaf()
        await peer.send(b"", gap=0.2)
        peer.listen()
        got.append(await peer.request())

    with server(script) as to, engine(to.url) as made:
        flying = gevent.spawn(made.perform, large)
        wait_for(lambda: to.open == 1)
        gevent.sleep(0.05)
        flying.kill()
        assert told(flying.value)[0] == "cancelled"
        assert flying.value.written_ns is None
        wait_for(lambda: to.open == 0)
    assert got == [b""]


@pytest.mark.parametrize("sent", [(), (HEAD,), (HEAD, token())], ids=["none", "head", "token"])
def test_a_kill_while_it_waits(sent, reading):
    """A kill in phase headers or body keeps what came and closes the connection."""
    with server(silent(*sent)) as to, engine(to.url) as made:
        flying = gevent.spawn(made.perform, job())
        wait_for(lambda: to.open == 1)
        gevent.sleep(0.15)
        flying.kill()
        result = flying.value
        wait_for(lambda: to.open == 0)
        assert told(result)[0] == "cancelled"
        assert result.chunks == len(sent) // 2


def test_a_kill_that_comes_too_late():
    """A request that has ended when the kill comes is what it ended as."""
    with server(always(stream())) as to, engine(to.url) as made:
        flying = gevent.spawn(made.perform, job())
        ended = []

        def late():
            live = list(made._parser.live)
            if live and live[0].ended:
                ended.append(True)
                flying.kill(block=False)

        watcher = get_hub().loop.check()
        watcher.start(late)
        all_of(flying)
        watcher.stop()
        watcher.close()
        assert flying.value.status.value in ("ok", "cancelled")
        if ended:
            assert flying.value.status.value == "ok"


# Ended by the caller


def test_stop_when_ends_a_request():
    """`stop_when` sees the text so far and ends the request within a tick or so."""
    texts = []

    def enough(text):
        texts.append(text)
        return text.count("word") >= 3

    with server(dripping(HEAD, drop=token())) as to, engine(to.url, keep_text=True) as made:
        result = made.perform(job(), stop_when=enough)
        wait_for(lambda: to.open == 0)
    assert told(result) == ("cancelled", "body", "user")
    assert result.text == texts[-1]
    assert 3 <= result.chunks <= 20
    assert all(b.startswith(a) for a, b in itertools.pairwise(texts))


def test_stop_when_that_raises():
    """A mistake in `stop_when` ends that request and no other."""

    def mistaken(text):
        raise ValueError("my mistake")

    script = always(HEAD, token(), token(), STOP + DONE + LAST, gap=0.15)
    with server(script) as to, engine(to.url, total=3) as made:
        bad = gevent.spawn(made.perform, job(), stop_when=mistaken)
        good = gevent.spawn(made.perform, job())
        all_of(bad, good)
        assert told(good.value) == ("ok", None, None)
        assert told(bad.value) == ("cancelled", "body", "stop_when")
        assert "ValueError" in bad.value.message and "my mistake" in bad.value.message
        assert told(made.perform(job())) == ("ok", None, None)


# Many requests


@pytest.mark.speed
def test_many_streams_at_once(reading):
    """300 streams are all stamped, in order, at about the times at which the server sent."""
    gap = 0.05
    script = always(HEAD, *[token()] * 8, STOP + DONE + LAST, gap=gap)
    with server(script) as to, engine(to.url) as made:
        results = all_of(*(gevent.spawn(made.perform, job()) for _ in range(300)))
    assert to.opened == 300
    gaps = []
    for result in results:
        assert told(result) == ("ok", None, None)
        assert result.chunks == 8
        assert result.token_ns == sorted(result.token_ns)
        assert result.sent_ns <= result.first_byte_ns <= result.token_ns[0]
        gaps += [b - a for a, b in itertools.pairwise(result.token_ns)]
    middle = sorted(gaps)[len(gaps) // 2]
    assert 0.5 * gap * NS_PER_S < middle < 3 * gap * NS_PER_S


@pytest.mark.speed
def test_a_burst_does_not_hold_up_the_loop():
    """100,000 tokens at once are parsed in slices: the loop is never away for long."""
    late = []
    watcher = get_hub().loop.timer(0.005, 0.005)
    last = [now()]

    def beat():
        late.append(now() - last[0])
        last[0] = now()

    many = [token() * 500] * 200
    with server(once(HEAD, *many, STOP + DONE + LAST)) as to, engine(to.url, total=30) as made:
        watcher.start(beat)
        result = made.perform(job())
        watcher.stop()
        watcher.close()
    assert told(result) == ("ok", None, None)
    assert result.chunks == 100_000
    assert len(late) >= 3
    assert sorted(late)[len(late) // 2] < 25 * NS_PER_MS
    assert max(late) < 100 * NS_PER_MS


def test_no_file_is_left_open(large, reading):
    """Requests of all fates give back every descriptor that they took."""

    async def reset(peer):
        await peer.request()
        await peer.send(HEAD, token())
        peer.reset()

    get_hub()
    before = open_files()
    scripts = (
        *(always(stream()), once(stream()), once(HEAD), reset, silent(HEAD, token())),
        *(once(b"no http"), always(plain("500 Oops")), dripping(HEAD, drop=chunk(COMMENT))),
    )
    for script in scripts:
        with server(script) as to, engine(to.url, first_token=0.2, idle=0.2) as made:
            flying = [gevent.spawn(made.perform, job()) for _ in range(25)]
            for each in flying[::5]:
                gevent.sleep(0.001)
                each.kill(block=False)
            all_of(*flying)
            wait_for(lambda: len(made._receiver._connections) == len(made._pools[0]._idle))
    with engine(refusing()) as made:
        all_of(*(gevent.spawn(made.perform, job()) for _ in range(25)))
    wait_for(lambda: open_files() == before)


def test_each_target_has_connections_of_its_own():
    """A job goes where it says, on a connection that was opened there, and finds it again."""
    with server(always(stream(1))) as one, server(always(stream(2))) as two:
        targets = [resolve(each.url) for each in (one, two)]
        made = Engine(targets, Deadlines.seconds(10, 10, 20))
        first, second = (replace(job(), host=host) for host in (0, 1))
        outcomes = [made.perform(each) for each in (first, second, second, first)]
        assert [outcome.chunks for outcome in outcomes] == [1, 2, 2, 1]
        assert [outcome.reused for outcome in outcomes] == [False, False, True, True]
        made.close()


def test_tokens_in_flight_are_counted():
    """The live view sees the tokens of requests that have not ended."""
    with server(silent(HEAD, token(), token())) as to, engine(to.url) as made:
        flying = gevent.spawn(made.perform, job())
        wait_for(lambda: made.tokens_in_flight() == 2)
        assert made.counts.in_flight == 1
        assert made.parsing_s > 0
        flying.kill()
        assert made.tokens_in_flight() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's receive stamps are Linux's")
def test_our_own_read_lag_is_measured_however_few_the_requests():
    """Of the requests on the wire one at least tells how late we read what the kernel had."""
    with (
        server(once(plain(connection="close"))) as to,
        engine(to.url) as made,
        socket.socket(type=socket.SOCK_DGRAM) as asking,
    ):
        # The kernel begins to stamp a moment after it is first asked to, and ends with the last.
        asking.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        wait_for(lambda: made.perform(job(whole=True)) and made.read_lags_ms)
        before = len(made.read_lags_ms)
        for _ in range(SAMPLE_EVERY):
            made.perform(job(whole=True))
    assert len(made.read_lags_ms) - before == SAMPLE_EVERY
    assert all(0 <= lag < 10_000 for lag in made.read_lags_ms)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's receive stamps are Linux's")
def test_of_many_connections_few_are_sampled():
    """A stamp costs a little, so of many requests at once one connection in 64 carries them."""
    with server(silent(HEAD, token())) as to, engine(to.url) as made:
        flying = [gevent.spawn(made.perform, job()) for _ in range(2 * SAMPLE_EVERY)]
        wait_for(lambda: made.tokens_in_flight() == len(flying))
        assert sum(connection.sampled for connection in made._receiver._connections.values()) == 2
        gevent.killall(flying)
        assert made._sampling == 0


def test_a_timeout_of_the_callers_own_ends_the_request():
    """It is cancelled and kept, and what was thrown is handed over to be raised again."""
    thrown = []
    with server(silent(HEAD, token())) as to, engine(to.url) as made:
        own = gevent.Timeout(0.2)
        own.start()
        result = made.perform(job(), thrown=thrown)
        assert told(result)[::2] == ("cancelled", "stopped")
        assert "own" in result.message
        assert result.chunks == 1
        assert thrown == [own]
        assert made.counts.in_flight == 0


# Tried again


def test_a_connection_that_never_stood_is_tried_again():
    """Until somebody listens: one request, its latency from the first attempt, the waste told."""
    url = refusing()
    with engine(url, retries=5) as made:
        flying = gevent.spawn(made.perform, job())
        gevent.sleep(0.15)
        assert made.counts.in_flight == 1
        with server(always(stream()), port=int(url.rpartition(":")[2])) as to:
            result = all_of(flying)[0]
            assert told(result) == ("ok", None, None)
            assert to.opened == 1
    assert result.attempt == 3
    assert 0.3 * NS_PER_S <= result.wasted_ns < 1.5 * NS_PER_S
    assert result.connected_ns - result.sent_ns >= result.wasted_ns
    assert made.counts.sent == 1


def test_attempts_run_out():
    """Where nobody ever listens the last refusal tells, with the number of attempts."""
    with engine(refusing(), retries=2) as made:
        result = made.perform(job())
    assert told(result) == ("connect_error", "connect", None)
    assert result.attempt == 3
    assert 0.3 * NS_PER_S <= result.wasted_ns <= result.ended_ns - result.sent_ns


def test_no_attempt_behind_the_deadline():
    """The pauses end where the first-token deadline would pass: the refusal tells, in time."""
    with engine(refusing(), retries=50, first_token=1.3) as made:
        result = made.perform(job())
    assert told(result) == ("connect_error", "connect", None)
    assert result.attempt == 4  # after 0.1, 0.3 and 0.7 s; the next would be after 1.5
    assert result.ended_ns - result.sent_ns < 1.5 * NS_PER_S


def test_a_time_that_ran_out_is_not_tried_again():
    """Who was not answered in all the time there was gets no second time."""
    with crowded() as url, engine(url, first_token=0.3, retries=5) as made:
        result = made.perform(job())
    assert told(result) == ("timeout", "connect", "first_token")
    assert (result.attempt, result.wasted_ns) == (1, 0)


@pytest.mark.parametrize("script", [once(b""), silent()], ids=["closed", "silent"])
def test_what_was_written_is_never_written_again(script):
    """Once a connection stood nothing is tried again, whatever becomes of the request."""
    with server(script) as to, engine(to.url, retries=5, first_token=0.3) as made:
        result = made.perform(job())
        assert to.opened == 1
    assert result.status.value in ("incomplete", "timeout")
    assert (result.attempt, result.wasted_ns) == (1, 0)


def test_nobody_tries_again_when_the_run_ends():
    """A pause ends with the run, and what is tried for the first time is tried once."""
    with engine(refusing(), retries=50) as made:
        flying = [gevent.spawn(made.perform, job()) for _ in range(5)]
        gevent.sleep(0.9)
        stopped = now()
        made.drain()
        results = all_of(*flying, gevent.spawn(made.perform, job()))
        assert now() - stopped < 0.5 * NS_PER_S  # the fifth would be 0.6 s later
    assert {told(result) for result in results} == {("connect_error", "connect", None)}
    assert [result.attempt for result in results] == [4] * 5 + [1]


def test_a_kill_in_a_pause():
    """It cancels the request, and its attempts so far are told."""
    with engine(refusing(), retries=50) as made:
        flying = gevent.spawn(made.perform, job())
        gevent.sleep(0.15)
        flying.kill()
    assert told(flying.value) == ("cancelled", "headers", "stopped")
    assert flying.value.attempt == 2


# Users who leave


def leaving(**cut):
    """A request whose user leaves."""
    return replace(job(), cut=Cut("so", **cut))


def test_a_user_who_leaves_at_a_token_is_gone(reading):
    """At the third token, not a tick later: the server sees the connection go."""
    with server(dripping(HEAD, drop=token(), every=0.15)) as to, engine(to.url) as made:
        result = made.perform(leaving(tokens=3))
        wait_for(lambda: to.open == 0)
    assert told(result) == ("cancelled", "body", "user")
    assert result.chunks == 3
    assert result.ended_ns - result.token_ns[2] < 90 * NS_PER_MS
    assert result.flags == ["cancel_after=so"]
    assert result.left


@pytest.mark.parametrize("sent", [(), (HEAD, token())], ids=["nothing", "token"])
def test_a_user_who_leaves_after_a_time_is_gone(sent, reading):
    """Within a tick of that time, with what came; the server sees the connection go."""
    with server(silent(*sent)) as to, engine(to.url) as made:
        result = made.perform(leaving(wait_ns=250 * NS_PER_MS))
        wait_for(lambda: to.open == 0)
    assert told(result) == ("cancelled", "body" if sent else "headers", "user")
    assert result.chunks == len(sent) // 2
    assert 250 * NS_PER_MS <= result.ended_ns - result.sent_ns < 400 * NS_PER_MS


def test_a_user_who_leaves_before_there_is_a_connection():
    """Nobody waits longer for a connection than for a reply."""
    with crowded() as url, engine(url) as made:
        result = made.perform(leaving(wait_ns=250 * NS_PER_MS))
    assert told(result) == ("cancelled", "connect", "user")
    assert 250 * NS_PER_MS <= result.ended_ns - result.sent_ns < 400 * NS_PER_MS


def test_a_user_who_leaves_while_it_is_written(large):
    """A body that nobody reads does not keep the user."""

    async def script(peer):
        peer.deaf()
        await peer.send(b"", gap=1.5)

    with server(script) as to, engine(to.url) as made:
        result = made.perform(replace(large, cut=Cut("0.25s", wait_ns=250 * NS_PER_MS)))
    assert told(result)[::2] == ("cancelled", "user")
    assert result.written_ns is None
    assert result.ended_ns - result.sent_ns < 450 * NS_PER_MS


def test_a_reply_that_ends_before_its_user_leaves():
    """It is ok, keeps its connection, and the record still says what was asked."""
    with server(always(stream(3))) as to, engine(to.url) as made:
        results = [made.perform(leaving(tokens=5)), made.perform(leaving(wait_ns=5 * NS_PER_S))]
    for result in results:
        assert told(result) == ("ok", None, None)
        assert result.flags == ["cancel_after=so"]
    assert to.opened == 1
