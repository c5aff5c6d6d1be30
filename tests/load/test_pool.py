"""Connections that carry nothing: the last one first, none for too long."""

from __future__ import annotations

import socket

import pytest

from sagellm_benchmark.load.connection import Connection
from sagellm_benchmark.load.pool import Pool


@pytest.fixture
def connections():
    """Two connections."""
    pairs = [socket.socketpair() for _ in range(2)]
    yield [Connection(near) for near, _ in pairs]
    for each in (*pairs[0], *pairs[1]):
        each.close()


def test_the_last_one_comes_first(connections):
    """The connection used last is the least likely to have been closed."""
    pool = Pool()
    for connection in connections:
        pool.give(connection)
    assert connections[0] in pool
    assert [pool.take() for _ in range(3)] == [*reversed(connections), None]
    assert connections[0] not in pool


def test_what_was_idle_too_long(connections):
    """Stale is what was given 4 s ago or more, and only that; it is in the pool no more."""
    pool, (old, young) = Pool(), connections
    pool.give(old)
    pool.give(young)
    young.idle_ns = old.idle_ns + 1
    assert pool.stale(old.idle_ns + Pool.IDLE_NS - 1) == []
    assert pool.stale(old.idle_ns + Pool.IDLE_NS) == [old]
    assert [pool.take(), pool.take()] == [young, None]


def test_what_is_discarded_or_cleared(connections):
    """It is in the pool no more."""
    pool, (one, other) = Pool(), connections
    pool.give(one)
    pool.give(other)
    pool.discard(one)
    assert one not in pool
    assert pool.clear() == [other]
    assert pool.clear() == []
    assert pool.take() is None
