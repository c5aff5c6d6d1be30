"""One request: parsed in parts that others can wait for, ended once, by whatever comes first."""

from __future__ import annotations

import itertools
import socket

import gevent
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.load.scripted import (
    COMMENT,
    DONE,
    HEAD,
    STOP,
    chunk,
    plain,
    stream,
    token,
    told,
)

from sagellm_benchmark.clock import NS_PER_S
from sagellm_benchmark.load.connection import Connection
from sagellm_benchmark.load.exchange import (
    BYTES_AT_ONCE,
    CLOSE_GRACE_NS,
    READS_AT_ONCE,
    Deadlines,
    Exchange,
)
from sagellm_benchmark.load.leaving import Cut
from sagellm_benchmark.wire.openai import Endpoint
from sagellm_benchmark.wire.reply import Reply
from sagellm_benchmark.wire.states import Phase, Status
from sagellm_benchmark.wire.timeline import Timeline

SENT = 1_000 * NS_PER_S


class Silent:
    """A socket that is never touched."""

    def fileno(self):
        """No file."""
        return -1

    def recv_into(self, buffer):
        """Nothing to read."""
        raise BlockingIOError


def exchange(*, stop_when=None, cut=None, stream=True, limits=(10.0, 5.0, 60.0), written=True):
    """A request that was sent at `SENT`, and the connection that carries it."""
    timeline = Timeline(SENT)
    timeline.sent_ns = SENT
    timeline.written_ns = SENT if written else None
    reply = Reply(timeline, endpoint=Endpoint.CHAT, stream=stream, keep_text=True)
    made = Exchange(reply, Deadlines.seconds(*limits), SENT, stream, stop_when=stop_when, cut=cut)
    connection = Connection(Silent())
    connection.exchange = made
    return made, connection


def hear(connection, *reads, after_s=1.0):
    """Lay reads there, as the receiver does, so many seconds after the request was sent."""
    stamp = SENT + round(after_s * NS_PER_S)
    connection.reads += reads
    connection.stamps += range(stamp, stamp + len(reads))


def ending(made):
    """What the request ended as; None while it has not."""
    return told(made.reply.outcome(SENT + NS_PER_S)) if made.ended else None


WHOLE = stream(4)


@settings(derandomize=True, deadline=None, max_examples=80)
@given(st.lists(st.integers(1, len(WHOLE) - 1), unique=True).map(sorted), st.booleans())
def test_any_split_gives_the_same(cuts, at_once):
    """However the bytes are cut and whenever they are parsed, the outcome is the same."""
    made, connection = exchange()
    bounds = [0, *cuts, len(WHOLE)]
    for start, end in itertools.pairwise(bounds):
        hear(connection, WHOLE[start:end], after_s=1 + start / 1000)
        if at_once:
            while not made.parse(connection):
                pass
    while not made.parse(connection):
        pass
    result = made.reply.outcome(SENT + 9 * NS_PER_S)
    assert told(result) == ("ok", None, None)
    assert (result.chunks, result.text, result.bytes) == (4, "word " * 4, len(WHOLE))
    assert result.token_ns == sorted(result.token_ns)
    assert made.reply.reusable


def test_reads_are_parsed_in_parts():
    """A backlog of small reads is parsed 128 reads at a time, and none is lost."""
    made, connection = exchange()
    hear(connection, HEAD, *[token()] * 1000)
    rounds = 1
    while not made.parse(connection):
        rounds += 1
        assert len(connection.reads) == len(connection.stamps)
    assert rounds == -(-1001 // READS_AT_ONCE)
    assert len(made.reply.timeline.token_ns) == 1000
    assert connection.reads == []
    assert not made.ended


def test_large_reads_are_parsed_in_smaller_parts():
    """A burst of large reads is parsed some 128 KB at a time: a millisecond or so."""
    made, connection = exchange()
    piece = token() * 600
    hear(connection, HEAD, *[piece] * 20)
    sizes = []
    done = False
    while not done:
        before = made.reply._bytes
        done = made.parse(connection)
        sizes.append(made.reply._bytes - before)
    assert max(sizes) <= BYTES_AT_ONCE + len(piece)
    assert sum(sizes) == len(HEAD) + 20 * len(piece)
    assert len(made.reply.timeline.token_ns) == 12_000


def test_one_read_beyond_the_bound_is_parsed():
    """At least one read is parsed a turn, whatever its size."""
    made, connection = exchange()
    hear(connection, HEAD + token() * 2000, token() * 2000)
    assert not made.parse(connection)
    assert made.parse(connection)
    assert len(made.reply.timeline.token_ns) == 4000


@pytest.mark.parametrize(
    "behind", [b"", b"HTTP/1.1 200 OK\r\n\r\n", b"\x00"], ids=["the end", "a reply", "a byte"]
)
def test_what_was_read_behind_the_end(behind):
    """A close or bytes behind the reply spoil nothing of it; the connection is of no more use."""
    made, connection = exchange()
    hear(connection, WHOLE, behind)
    assert made.parse(connection)
    assert ending(made) == ("ok", None, None)
    assert not made.reply.reusable


def test_a_reset_behind_the_end():
    """So does a connection that breaks behind the reply."""
    made, connection = exchange()
    hear(connection, WHOLE, b"")
    connection.error = ConnectionResetError(104, "Connection reset by peer")
    assert made.parse(connection)
    assert ending(made) == ("ok", None, None)
    assert not made.reply.reusable


@pytest.mark.parametrize(
    ("head", "eager"),
    [
        (b"HTTP/1.1 200", True),
        (HEAD, False),
        (plain()[:-5], True),
        (b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n", True),
    ],
    ids=["no head yet", "chunked", "length", "close"],
)
def test_which_replies_are_parsed_after_every_read(head, eager):
    """Only a chunked reply shows its end in the tail of a read; all others are parsed eagerly."""
    made, connection = exchange()
    hear(connection, head)
    made.parse(connection)
    assert connection.eager is eager


# Deadlines

LIMITS = (10.0, 5.0, 60.0)


def at(made, seconds):
    """What the request has ended as so many seconds after it was sent."""
    made.check(SENT + round(seconds * NS_PER_S))
    return ending(made)


@pytest.mark.parametrize(
    ("reads", "written", "last", "first", "expected"),
    [
        ((), True, 10.0, 10.001, ("timeout", "headers", "first_token")),
        ((), False, 10.0, 10.001, ("timeout", "write", "first_token")),
        ((HEAD, chunk(COMMENT)), True, 10.0, 10.001, ("timeout", "body", "first_token")),
        ((HEAD, chunk(COMMENT)), False, 10.0, 10.001, ("timeout", "body", "first_token")),
        ((HEAD, token()), True, 6.0, 6.1, ("timeout", "body", "idle")),
        ((HEAD, token(), chunk(COMMENT) * 9), True, 6.0, 6.1, ("timeout", "body", "idle")),
        ((HEAD, token(), STOP), True, 2.0, 2.1, ("ok", None, None)),
        ((HEAD, token(), STOP, DONE), True, 2.0, 2.1, ("ok", None, None)),
    ],
    ids=[
        *("nothing", "writing", "comment", "comment while writing", "token", "token, comments"),
        *("finish_reason", "[DONE]"),
    ],
)
def test_the_moment_of_each_deadline(reads, written, last, first, expected):
    """Up to its deadline a request goes on, right behind it it ends, with where it stood."""
    made, connection = exchange(limits=LIMITS, written=written)
    hear(connection, *reads)
    made.parse(connection)
    assert at(made, last) is None
    assert at(made, first) == expected
    assert not made.reply.reusable


def test_the_total_deadline_ends_a_lively_stream():
    """Tokens keep idle away, and total comes all the same."""
    made, connection = exchange(limits=LIMITS)
    hear(connection, HEAD)
    for second in range(1, 60):
        hear(connection, token(), after_s=second)
        made.parse(connection)
        assert at(made, second + 0.5) is None
    assert at(made, 60.001) == ("timeout", "body", "total")


def test_a_whole_reply_is_not_waited_for_by_tokens():
    """Without a stream only the total deadline counts."""
    made, _ = exchange(stream=False, limits=LIMITS)
    assert at(made, 59.9) is None
    assert at(made, 60.1) == ("timeout", "headers", "total")


def test_the_grace_after_the_answer_is_a_second():
    """The pace of the close is the server's own, up to a second."""
    assert CLOSE_GRACE_NS == NS_PER_S


# The one end


def test_the_first_end_wins():
    """Whatever would end a request that has ended changes nothing."""
    made, connection = exchange()
    made.abandon(Status.CANCELLED, None, "stopped", "first", SENT + NS_PER_S)
    made.abandon(Status.TIMEOUT, Phase.WRITE, "total", "second", SENT + 2 * NS_PER_S)
    hear(connection, WHOLE)
    made.parse(connection)
    result = made.reply.outcome(SENT + NS_PER_S)
    assert told(result) == ("cancelled", "headers", "stopped")
    assert result.message == "first"
    assert not made.reply.reusable


def test_whoever_waits_is_woken():
    """`wait` returns once the request has ended, at once where it already has."""
    made, connection = exchange()
    waiting = gevent.spawn(made.wait)
    gevent.sleep(0)
    hear(connection, WHOLE)
    made.parse(connection)
    waiting.get(timeout=2)
    made.wait()


def test_an_end_wakes_whoever_writes():
    """A request that ends while its body is being written is waited for no longer."""
    near, far = socket.socketpair()
    near.setblocking(False)
    with near, far:
        made, connection = exchange(written=False)
        connection._socket = near
        connection.fd = near.fileno()
        writing = gevent.spawn(connection.write, b"x" * 10_000_000)
        gevent.sleep(0.01)
        assert not writing.ready()
        made.abandon(Status.TIMEOUT, None, "total", "too long", SENT)
        assert writing.get(timeout=2) is False


def test_a_killed_waiter_leaves_the_exchange_whole():
    """A request may end after whoever waited for it is gone."""
    made, connection = exchange()
    waiting = gevent.spawn(made.wait)
    gevent.sleep(0)
    waiting.kill()
    hear(connection, WHOLE)
    assert made.parse(connection)
    assert ending(made) == ("ok", None, None)


@pytest.mark.parametrize("answer", [True, "yes", 1])
def test_stop_when(answer):
    """Anything true ends the request; it is asked with the text so far."""
    seen = []

    def stop_when(text):
        seen.append(text)
        return answer if len(text) > 6 else None

    made, connection = exchange(stop_when=stop_when)
    hear(connection, HEAD, token("one "))
    assert made.parse(connection)
    assert ending(made) is None
    hear(connection, token("two "))
    assert made.parse(connection)
    assert ending(made) == ("cancelled", "body", "user")
    assert seen == ["one ", "one two "]


def test_stop_when_is_not_asked_about_a_complete_answer():
    """What came to its own end was not stopped."""
    made, connection = exchange(stop_when=lambda text: True)
    hear(connection, WHOLE)
    made.parse(connection)
    assert ending(made) == ("ok", None, None)


@pytest.mark.parametrize("error", [ValueError("odd"), AssertionError(), RecursionError("deep")])
def test_stop_when_that_raises(error):
    """A mistake in it is told in the message, and is no one else's."""

    def stop_when(text):
        raise error

    made, connection = exchange(stop_when=stop_when)
    hear(connection, HEAD, token())
    assert made.parse(connection)
    assert ending(made) == ("cancelled", "body", "stop_when")
    assert repr(error) in made.reply.outcome(SENT).message


def test_deadlines_in_seconds():
    """Options give seconds; inside they are nanoseconds."""
    assert Deadlines.seconds(0.5, 60, 600.25) == Deadlines(
        NS_PER_S // 2, 60 * NS_PER_S, 600 * NS_PER_S + NS_PER_S // 4
    )


# Users who leave

TWO_TOKENS = Cut("2tok", tokens=2)
TWO_SECONDS = Cut("2s", wait_ns=2 * NS_PER_S)


def test_a_user_who_leaves_at_a_token():
    """Behind the k-th token frame the request ends, with what had been read by then."""
    made, connection = exchange(cut=TWO_TOKENS)
    hear(connection, HEAD, token("one "))
    assert made.parse(connection)
    assert connection.eager, "the next token must be seen when it comes"
    assert at(made, 1.1) is None
    hear(connection, token("two ") + token("three "))
    made.parse(connection)
    assert at(made, 1.2) == ("cancelled", "body", "user")
    result = made.reply.outcome(SENT)
    assert (result.chunks, result.text) == (3, "one two three ")
    assert not made.reply.reusable
    assert result.code is None
    assert result.left


def test_a_user_who_leaves_after_a_time():
    """After so many seconds from sent it ends, wherever it stands, and not before."""
    for reads, phase in (((), "headers"), ((HEAD, token()), "body")):
        made, connection = exchange(cut=TWO_SECONDS)
        hear(connection, *reads)
        made.parse(connection)
        assert connection.eager is not bool(reads)
        assert at(made, 1.999) is None
        assert at(made, 2) == ("cancelled", phase, "user")
        assert made.reply.outcome(SENT).left


@pytest.mark.parametrize("cut", [TWO_TOKENS, TWO_SECONDS], ids=["tokens", "seconds"])
def test_an_answer_that_is_there_is_not_left(cut):
    """What has ended before its user left is what it is, also if the end was not seen at once."""
    made, connection = exchange(cut=cut)
    hear(connection, WHOLE, after_s=3)
    made.parse(connection)
    assert ending(made) == ("ok", None, None)
    held, connection = exchange(cut=cut)
    hear(connection, HEAD, token(), token(), STOP, DONE)
    held.parse(connection)
    assert at(held, 1.5) is None
    assert at(held, 2.5) == ("ok", None, None)


@pytest.mark.parametrize(
    ("limit_s", "expected"), [(1.5, ("timeout", "headers", "first_token")), (9, None)]
)
def test_a_deadline_before_the_user_leaves(limit_s, expected):
    """A deadline that comes first decides; the user leaves first where it does not."""
    made, _ = exchange(cut=TWO_SECONDS, limits=(limit_s, 5, 60))
    assert at(made, 1.6) == expected
    assert at(made, 2.1) == (expected or ("cancelled", "headers", "user"))


def test_only_who_leaves_at_a_token_is_parsed_at_every_read():
    """Nobody else pays for it."""
    for cut, eager in ((None, False), (TWO_SECONDS, False), (TWO_TOKENS, True)):
        made, connection = exchange(cut=cut)
        hear(connection, HEAD, token())
        made.parse(connection)
        assert connection.eager is eager
