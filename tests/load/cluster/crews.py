"""A crew in virtual time: workers that send, die, sleep and come late; letters take time."""

from __future__ import annotations

from collections import Counter
from heapq import heappop, heappush
from itertools import count

import msgspec

from sagellm_benchmark.clock import NS_PER_MS, NS_PER_S, Anchor
from sagellm_benchmark.load.cluster.crew import Crew
from sagellm_benchmark.load.cluster.feed import Feed
from sagellm_benchmark.load.cluster.hands import Hands
from sagellm_benchmark.load.cluster.letters import (
    Ack,
    Batch,
    Begin,
    Done,
    Finish,
    Go,
    GoOn,
    Last,
    Ping,
    Pong,
    Pulse,
    Ready,
    Resize,
    Rows,
    Stalled,
    pack,
    to_worker,
    unpack_rows,
)
from sagellm_benchmark.load.cluster.member import Member
from sagellm_benchmark.load.share import Share
from sagellm_benchmark.metrics.histogram import Histogram
from sagellm_benchmark.trace.prompts import ONE_TOKEN_A_WORD

RUN = "r"
STEP_NS = 20 * NS_PER_MS
AWAY_NS = 2 * NS_PER_S


class Books:
    """Keeps what comes: of each row its record's state."""

    def __init__(self):
        self.kept = []
        self.lost = []

    def keep(self, line):
        """A record: the row's number and a space or two."""
        self.kept.append(int(line))
        return self.kept[-1]

    def lose(self, planned, member):
        """A row that nobody knows of."""
        self.lost.append(planned.seq)


class Hand:
    """A worker as far as the crew can tell: it sends what is due, each for a while.

    Attributes:
        sent: Numbers of the rows that it sent, in order, each with the time.
        most: The most that it had in flight.
        finishing: It was told to end.
    """

    def __init__(self, stage, key, *, offset_ns, takes_ns, gets_ready=True, problem=None):
        self.key = key
        self.sent = []
        self.most = 0
        self.alive = True
        self.asleep = False
        self.problem = problem
        self._stage = stage
        self._offset_ns = offset_ns
        self._takes_ns = takes_ns
        self._gets_ready = gets_ready
        self._feed = None
        self._origin_ns = None
        self._share = Share()
        self._flying = []
        self._due = []
        self._left = {}
        self._segment = b""
        self._posted = self._there = 0
        self._planned = 0
        self.finishing = self._done = False
        self._beaten_ns = stage.now_ns
        self._pulsed_ns = 0
        self._held_back = False
        self._waiting = []

    @property
    def _now(self):
        return self._stage.now_ns + self._offset_ns

    def _send(self, letter):
        self._stage.post_up(self.key, pack(letter))

    def take(self, data):
        """A letter has come; one who sleeps reads it when he wakes."""
        if self.asleep:
            self._waiting.append(data)
            return
        match to_worker(data):
            case Begin(sessions=sessions):
                self._feed = Feed(None, ONE_TOKEN_A_WORD, sessions=sessions)
                if self._gets_ready:
                    self._send(Ready(run=RUN, problem=self.problem))
            case Ping(sent_ns=sent_ns):
                self._send(Pong(run=RUN, sent_ns=sent_ns, at_ns=self._now))
            case Go(origin_ns=origin_ns, share=share):
                self._origin_ns, self._share = origin_ns, share
            case Rows(packed=packed):
                self._feed.add(unpack_rows(packed))
            case Resize(share=share):
                self._share = share
            case Last():
                self._feed.end()
            case Ack(offset=offset, again=again):
                self._there = max(self._there, offset)
                if again:
                    self._posted = self._there
            case GoOn(allowed=allowed):
                self._held_back = False
                if not allowed:
                    self.alive = False
            case Finish():
                self.finishing = True

    def wake(self):
        """Sleep is over."""
        self.asleep = False
        waiting, self._waiting = self._waiting, []
        for data in waiting:
            self.take(data)

    def step(self):
        """Live for a moment."""
        if not self.alive or self.asleep or self._origin_ns is None or self._done:
            return
        if self._now - self._beaten_ns > AWAY_NS and not self._held_back:
            self._held_back = True
            self._send(Stalled(run=RUN, seconds=2.0))
        self._beaten_ns = self._now
        while self._flying and self._flying[0][0] <= self._now:
            self._end(heappop(self._flying)[1])
        if not self.finishing and not self._held_back:
            self._begin_what_is_due()
        self._report()

    def _begin_what_is_due(self):
        while self._due and self._due[0][0] <= self._now:
            self._fly(heappop(self._due)[1])
        while self._room() and (planned := self._take()) is not None:
            self._fly(planned.seq)

    def _room(self):
        users = self._share.users
        return users is None or len(self._flying) < users

    def _take(self):
        ready = self._feed._ready
        if not ready:
            return None
        due_ns = ready[0].due_ns
        if due_ns is not None and self._origin_ns + due_ns > self._now:
            return None
        return self._feed.take()

    def _fly(self, seq):
        self._planned += 1
        self.sent.append((seq, self._stage.now_ns))
        heappush(self._flying, (self._now + self._takes_ns, seq))
        self.most = max(self.most, len(self._flying))

    def _end(self, seq):
        self._segment += b"%d\n" % seq
        waiting = self._feed.dependents
        if waiting is None:
            return
        for child in waiting.behind(seq):
            left = self._left.get(child, waiting.parents(child)) - 1
            self._left[child] = left
            if not left:
                heappush(self._due, (self._now + waiting.rows[child].think_ns, child))
        waiting.forget(seq)

    def _report(self):
        if self._posted < len(self._segment):
            data = self._segment[self._posted : self._posted + 7]
            self._send(Batch(run=RUN, offset=self._posted, data=data))
            self._posted += len(data)
        if self._stage.now_ns - self._pulsed_ns > NS_PER_S:
            self._pulsed_ns = self._stage.now_ns
            self._send(
                Pulse(
                    run=RUN,
                    sent=len(self.sent),
                    in_flight=len(self._flying),
                    planned=self._planned,
                    tokens_in_flight=0,
                    cpu_percent=1.0,
                    loop_lag_ms=0.1,
                    read_lag_ms=0.1,
                    memory_mb=1.0,
                )
            )
        waits = self._feed.dependents is not None and self._feed.dependents.rows
        over = self._feed.over and not waits and not self._due
        if (self.finishing or over) and not self._flying and self._there == len(self._segment):
            self._done = True
            nothing = msgspec.to_builtins(Histogram().counts())
            self._send(
                Done(
                    run=RUN,
                    planned=self._planned,
                    bytes=len(self._segment),
                    figures={},
                    loop_lags=nothing,
                    read_lags=nothing,
                    stalls=[],
                    peers=[],
                )
            )


class Stage:
    """A coordinator and its workers, in virtual time.

    Attributes:
        now_ns: The time.
        books: What came.
        hands: The workers, by name.
        crew: The coordinator's side.
    """

    def __init__(self, plan, *, timed=True, share=None, delay_ns=NS_PER_MS):
        self.now_ns = 1000 * NS_PER_S
        self.books = Books()
        self.hands = {}
        self.deaf = False
        self._delay_ns = delay_ns
        self._mail = []
        self._order = count()
        self.crew = Crew(
            RUN, self, self.books, self._begin, Hands(plan, timed=timed), share or Share()
        )
        self._plan = plan

    def _begin(self, name, number):
        return Begin(
            run=RUN,
            worker=name,
            number=number,
            version="1",
            options={},
            found={},
            header_names=[],
            host="",
            run_time_s=None,
            stop_timeout_s=1.0,
            salt="",
            block_size=None,
            tokens_per_word=1.0,
            template_tokens=0,
            wording_source="assumed",
            tokenizer_sha256=None,
            sessions=self._plan.dependents is not None,
            streams=None,
            manifest=b"",
        )

    def send(self, key, data):
        """A letter of the crew's."""
        if not self.hands[key].alive:
            return False
        heappush(self._mail, (self.now_ns + self._delay_ns, next(self._order), key, data, False))
        return True

    def gone(self, key):
        """A worker is lost."""

    def post_up(self, key, data):
        """A letter of a worker's."""
        heappush(self._mail, (self.now_ns + self._delay_ns, next(self._order), key, data, True))

    def join(self, key, *, offset_ns=0, takes_ns=50 * NS_PER_MS, **how):
        """A worker connects, and is asked to take part."""
        self.hands[key] = Hand(self, key, offset_ns=offset_ns, takes_ns=takes_ns, **how)
        return self.crew.invite(key, "host", self.now_ns)

    def go(self):
        """Let everybody get ready, and start."""
        for _ in range(50):
            self.step()
        anchor = Anchor(self.now_ns, 0.0)
        self.crew.go(self.now_ns + NS_PER_S // 2, anchor)

    def step(self):
        """A moment passes."""
        self.now_ns += STEP_NS
        while not self.deaf and self._mail and self._mail[0][0] <= self.now_ns:
            _, _, key, data, up = heappop(self._mail)
            if up:
                self.crew.receive(key, data, self.now_ns)
            elif self.hands[key].alive:
                self.hands[key].take(data)
        for hand in self.hands.values():
            hand.step()
        if not self.deaf:
            self.crew.step(self.now_ns)

    def play(self, script=(), limit_s=300):
        """Go on until it is over; the script's deeds happen at their seconds."""
        began_ns, script = self.now_ns, sorted(script, key=lambda deed: deed[0])
        while not self.crew.over:
            while script and self.now_ns - began_ns >= script[0][0] * NS_PER_S:
                script.pop(0)[1]()
            self.step()
            assert self.now_ns - began_ns < limit_s * NS_PER_S, "it does not end"

    def sent(self):
        """How often each row was sent."""
        return Counter(seq for hand in self.hands.values() for seq, _ in hand.sent)

    def settled(self):
        """How many records each row has."""
        return Counter([*self.books.kept, *self.books.lost])

    def planned(self):
        """Rows that count as planned."""
        return sum(member.planned for member in self.crew.members.values())


def member(key="a"):
    """A worker that nothing is known of."""
    return Member(key, key, 0)
