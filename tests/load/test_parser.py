"""What was read is parsed in short slices, soon where it matters, else at the tick."""

from __future__ import annotations

import time

import gevent
import pytest
from tests.load.scripted import wait_for

from sagellm_benchmark.clock import NS_PER_MS, now
from sagellm_benchmark.load.parser import SLICE_NS, TICK_S, Parser


class Part:
    """Stands for an exchange and its connection: so many parts of work, each of so much time.

    Attributes:
        parsed: When each part was parsed.
        checked: When it was looked at for deadlines.
    """

    def __init__(self, parts=1, cost_s=0.0, last=False):
        self.exchange = self
        self.reads = [b"data"] * parts
        self.stamps = [0] * parts
        self.queued = False
        self.ended = False
        self.parsed = []
        self.checked = []
        self._cost_s = cost_s
        self._last = last

    def parse(self, connection):
        """As an exchange does."""
        assert connection is self
        self.parsed.append(now())
        time.sleep(self._cost_s)
        self.reads.pop()
        self.ended = self._last and not self.reads
        return not self.reads

    def check(self, moment_ns):
        """As an exchange does; nothing may be unparsed."""
        assert self.reads == []
        self.checked.append(moment_ns)


class Idle(Part):
    """A connection that carries nothing."""

    def __init__(self):
        super().__init__()
        self.exchange = None


@pytest.fixture
def parser():
    """A parser; `spoke` and `ticks` keep what it tells."""
    spoke, ticks = [], []
    made = Parser(spoke.append, ticks.append)
    made.spoke, made.ticks = spoke, ticks
    yield made
    made.close()


def test_urgent_ones_are_parsed_at_once(parser):
    """Not in the caller's turn, but in the loop's next one, each once, in order."""
    parts = [Part() for _ in range(5)]
    for part in parts:
        parser.urgent(part)
        parser.urgent(part)
    assert all(part.parsed == [] for part in parts)
    wait_for(lambda: all(part.parsed for part in parts))
    gevent.sleep(0.01)
    assert [len(part.parsed) for part in parts] == [1] * 5
    times = [part.parsed[0] for part in parts]
    assert times == sorted(times)
    assert not any(part.queued for part in parts)


def test_a_backlog_is_parsed_in_slices(parser):
    """The loop gets a turn every few milliseconds, however much there is to parse."""
    turns = []
    watcher = gevent.get_hub().loop.timer(0.0, 0.001)
    watcher.start(lambda: turns.append(now()))
    parts = [Part(cost_s=0.0005) for _ in range(200)]
    for part in parts:
        parser.urgent(part)
    wait_for(lambda: all(part.parsed for part in parts))
    watcher.stop()
    watcher.close()
    assert len(turns) >= 20
    assert parser.parsing_ns >= 100 * NS_PER_MS
    assert SLICE_NS == 2 * NS_PER_MS


def test_one_with_much_to_parse_takes_turns(parser):
    """What is not parsed in one go waits behind the others."""
    long, short = Part(parts=50, cost_s=0.001), Part()
    parser.urgent(long)
    parser.urgent(short)
    wait_for(lambda: long.reads == [])
    assert short.parsed[0] < long.parsed[1]
    assert len(long.parsed) == 50


def test_the_tick_parses_and_checks(parser):
    """What nobody was told of is parsed within a tick and then checked; the quiet are checked."""
    speaking, quiet = Part(), Part(parts=0)
    parser.live = {speaking: speaking, quiet: quiet}
    began = time.monotonic()
    wait_for(lambda: speaking.checked and quiet.checked, seconds=2)
    assert time.monotonic() - began < TICK_S + 1
    assert len(speaking.parsed) == 1
    assert quiet.parsed == []
    assert parser.ticks


def test_one_that_always_speaks_is_checked_too(parser):
    """Unparsed reads at every tick do not keep a deadline away."""
    part = Part()
    parser.live = {part: part}
    dripping = gevent.get_hub().loop.timer(0.001, 0.005)
    dripping.start(lambda: part.reads.append(b": comment"))
    wait_for(lambda: len(part.checked) >= 3, seconds=3)
    dripping.stop()
    dripping.close()


def test_one_that_has_ended_is_not_checked(parser):
    """A request that parsing ended has no deadline left."""
    part = Part(last=True)
    parser.urgent(part)
    wait_for(lambda: part.ended)
    assert part.checked == []


def test_an_idle_connection_that_speaks(parser):
    """Its words are nobody's: they are forgotten, and who keeps it is told."""
    idle = Idle()
    parser.urgent(idle)
    wait_for(lambda: parser.spoke)
    assert parser.spoke == [idle]
    assert (idle.reads, idle.stamps) == ([], [])


def test_a_closed_parser_ticks_no_more(parser):
    """After `close` nothing is parsed or checked."""
    other = Parser(lambda connection: None, (ticks := []).append)
    other.close()
    gevent.sleep(TICK_S * 1.5)
    assert ticks == []
    assert parser.ticks
