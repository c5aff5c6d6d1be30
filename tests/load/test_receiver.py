"""Sockets are read in the loop's own callback: in order, stamped, and told of where it matters."""

from __future__ import annotations

import socket
import struct
import time

import gevent
import pytest
from tests.load.scripted import LAST, open_files, token, wait_for

from sagellm_benchmark.clock import now
from sagellm_benchmark.load import receiver as module
from sagellm_benchmark.load.connection import Connection
from sagellm_benchmark.load.receiver import BATCH, READ_SIZE, Receiver


class Reading:
    """A receiver with pairs of sockets.

    Attributes:
        told: The connections that need parsing soon.
    """

    def __init__(self):
        self.told = []
        self.receiver = Receiver(self.told.append)
        self._sockets = []

    def open(self):
        """A connection that is read, and the other end of it."""
        near, far = socket.socketpair()
        near.setblocking(False)
        connection = Connection(near)
        connection.eager = False
        self._sockets += [connection, far]
        self.receiver.add(connection)
        return connection, far

    def close(self):
        """Close it all."""
        self.receiver.close()
        for each in self._sockets:
            each.close()


@pytest.fixture(params=["epoll", "watchers"])
def reading(request, monkeypatch):
    """A receiver of each kind; all files are given back."""
    gevent.sleep(0)
    before = open_files()
    if request.param == "watchers":
        monkeypatch.setattr(module, "_epoll", lambda: None)
    made = Reading()
    yield made
    made.close()
    assert open_files() == before


def test_reads_and_stamps(reading):
    """Each read is kept in order with the instant at which it was read."""
    connection, far = reading.open()
    before = now()
    for text in (b"one in a row", b"two in a row", b"three in a row"):
        far.send(text)
        wait_for(lambda text=text: connection.reads and connection.reads[-1] == text)
    assert connection.reads == [b"one in a row", b"two in a row", b"three in a row"]
    assert len(connection.stamps) == 3
    stamps = [before, *connection.stamps, now()]
    assert stamps == sorted(stamps)


def test_who_is_told(reading):
    """An end, a tail that may be an end, and whatever an eager connection reads; nothing else."""
    connection, far = reading.open()

    def sent(data):
        reading.told.clear()
        connection.reads.clear()
        far.send(data)
        wait_for(lambda: connection.reads)
        return reading.told == [connection]

    assert not sent(token())
    assert sent(token() + LAST)
    assert sent(b"0\r\n\r\n")
    assert sent(b"\r\n")
    connection.eager = True
    assert sent(token())


def test_the_end_of_a_stream(reading):
    """The end is read once, as no bytes; then the connection is watched no more."""
    connection, far = reading.open()
    far.send(b"last words, and then")
    far.close()
    wait_for(lambda: connection.reads[-1:] == [b""])
    gevent.sleep(0.02)
    assert connection.reads == [b"last words, and then", b""]
    assert connection.error is None
    assert reading.told == [connection]
    reading.receiver.remove(connection)
    reading.receiver.read(connection)
    assert len(connection.reads) == 2


def test_a_broken_connection(reading):
    """A reset is an end with an error."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        near = socket.create_connection(listening.getsockname())
        far, _ = listening.accept()
    near.setblocking(False)
    connection = Connection(near)
    reading.receiver.add(connection)
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    far.close()
    wait_for(lambda: connection.reads == [b""])
    assert isinstance(connection.error, ConnectionResetError)
    assert reading.told == [connection]
    connection.close()


def test_a_large_piece_comes_in_parts(reading):
    """No read is longer than the buffer, and no byte is lost or read twice."""
    connection, far = reading.open()
    data = bytes(range(256)) * 4 * 1024
    sending = gevent.spawn(_send_all, far, data)
    wait_for(lambda: sum(map(len, connection.reads)) == len(data))
    assert b"".join(connection.reads) == data
    assert max(map(len, connection.reads)) <= READ_SIZE
    sending.get(timeout=5)


def _send_all(far, data):
    far.setblocking(False)
    view = memoryview(data)
    while view:
        try:
            view = view[far.send(view) :]
        except BlockingIOError:
            gevent.sleep(0.001)


def test_many_sockets_at_once(reading):
    """More sockets than one look at the set shows are all read; none waits for another to speak."""
    pairs = [reading.open() for _ in range(BATCH + 60)]
    for number, (_, far) in enumerate(pairs):
        far.send(b"this is number %d" % number)
    wait_for(lambda: all(connection.reads for connection, _ in pairs))
    for number, (connection, _) in enumerate(pairs):
        assert connection.reads == [b"this is number %d" % number]


def test_a_removed_connection_is_left_alone(reading):
    """What is removed is not read, though it speaks; others are; removing twice is harmless."""
    gone, far_gone = reading.open()
    stays, far_stays = reading.open()
    reading.receiver.remove(gone)
    reading.receiver.remove(gone)
    far_gone.send(b"anybody there?")
    far_stays.send(b"here I am still")
    wait_for(lambda: stays.reads)
    gevent.sleep(0.01)
    assert gone.reads == []


def test_reading_at_once(reading):
    """`read` takes what is there without a turn of the loop; nothing there is no error."""
    connection, far = reading.open()
    far.send(b"an answer that came early")
    time.sleep(0.01)
    reading.receiver.read(connection)
    assert connection.reads == [b"an answer that came early"]
    reading.receiver.read(connection)
    assert len(connection.reads) == 1


def test_a_busy_loop_stamps_when_it_reads(reading):
    """A stamp is the instant of the read, so that the loop's own lag is not hidden."""
    connection, far = reading.open()
    gevent.sleep(0.001)
    far.send(b"words that lie there")
    time.sleep(0.05)
    freed = now()
    wait_for(lambda: connection.reads)
    assert connection.stamps[0] >= freed
