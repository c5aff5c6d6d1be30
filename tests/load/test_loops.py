"""Who sends what when, in virtual time."""

from __future__ import annotations

from types import SimpleNamespace

import gevent
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.load.plans import plan_of, row

from sagellm_benchmark.clock import NS_PER_MS, NS_PER_S, now
from sagellm_benchmark.load import loops
from sagellm_benchmark.load.loops import (
    AHEAD_BYTES,
    AHEAD_JOBS,
    LEAD_NS,
    SOON_NS,
    ClosedLoop,
    OpenLoop,
)
from sagellm_benchmark.load.sessions import Sessions
from sagellm_benchmark.load.slots import Slots
from sagellm_benchmark.load.supply import Pass
from sagellm_benchmark.schedule.planned import Planned
from sagellm_benchmark.trace.row import Row
from sagellm_benchmark.wire.outcome import Outcome
from sagellm_benchmark.wire.states import Status


class Time:
    """A clock that only sleeping and making jobs move.

    Attributes:
        now_ns: The time.
        hook: Called at each sleep, once, if set.
    """

    def __init__(self):
        self.now_ns = 5_000 * NS_PER_S
        self.hook = None
        self.timers = []

    def now(self):
        """The time."""
        self.now_ns += 100  # looking at a clock takes time too, or nothing would ever be busy
        return self.now_ns

    def sleep(self, seconds):
        """Let this much time go by."""
        self.now_ns += round(seconds * NS_PER_S)
        self.call()

    def call(self):
        """Something else has its turn."""
        hook, self.hook = self.hook, None
        if hook is not None:
            hook()

    def timer(self):
        """A timer of this time."""
        self.timers.append(VirtualTimer(self))
        return self.timers[-1]


class VirtualTimer:
    """Wakes exactly when it is told to."""

    def __init__(self, time):
        self.time = time
        self.cancelled = False
        self.sleeps = 0
        self.closed = False

    def wait_until(self, due_ns):
        """As the real one."""
        self.cancelled = False
        if due_ns > self.time.now_ns:
            self.sleeps += 1
            self.time.call()
            if self.cancelled:
                return False
            self.time.now_ns = due_ns
        return True

    def cancel(self):
        """As the real one."""
        self.cancelled = True

    def close(self):
        """As the real one."""
        self.closed = True


class Played:
    """An open loop in virtual time.

    Attributes:
        launched: Of each release its number, the time, and the due time it was given.
        made: How many jobs were made, at each release.
    """

    def __init__(self, dues_ns, *, cost_ns=0, size=100):
        self.time = Time()
        self.launched = []
        self.ahead = []
        self._made = 0
        self._cost_ns = cost_ns
        self._size = size
        planned = (
            Planned(seq, due_ns, Row(request_id=f"r{seq}")) for seq, due_ns in enumerate(dues_ns)
        )
        self.loop = OpenLoop(Pass(planned), self._make, self._launch)

    def _make(self, planned):
        self._made += 1
        self.time.now_ns += self._cost_ns
        return SimpleNamespace(payload=bytes(self._size), seq=planned.seq)

    def _launch(self, planned, job, due_ns):
        assert job.seq == planned.seq
        self.ahead.append(self._made - len(self.launched))
        self.launched.append((planned.seq, self.time.now_ns, due_ns))

    def play(self, between=lambda: None):
        """Prepare and run; the origin."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loops, "now", self.time.now)
            patch.setattr(loops, "Timer", self.time.timer)
            patch.setattr(loops, "gevent", SimpleNamespace(sleep=self.time.sleep))
            origin_ns = self.loop.prepare()
            between()
            self.loop.run(origin_ns)
        assert all(timer.closed for timer in self.time.timers)
        return origin_ns


DUES = st.lists(st.integers(0, 20 * NS_PER_S), min_size=0, max_size=400).map(sorted)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(DUES)
def test_every_request_is_released_at_its_due_time(dues_ns):
    """In order, once each, at the instant that the plan says, counted from the origin."""
    played = Played(dues_ns)
    origin_ns = played.play()
    assert [seq for seq, _, _ in played.launched] == list(range(len(dues_ns)))
    for (_, at_ns, given_ns), due_ns in zip(played.launched, dues_ns, strict=True):
        assert given_ns == origin_ns + due_ns
        assert 0 <= at_ns - given_ns < NS_PER_MS


@settings(derandomize=True, deadline=None, max_examples=60)
@given(DUES, st.integers(0, 30 * NS_PER_MS))
def test_a_late_loop_catches_up(dues_ns, cost_ns):
    """What is due while jobs are being made is released late, with its own due time, unskipped."""
    played = Played(dues_ns, cost_ns=cost_ns)
    origin_ns = played.play()
    assert [given for _, _, given in played.launched] == [origin_ns + due for due in dues_ns]
    assert all(at_ns >= given_ns for _, at_ns, given_ns in played.launched)
    times = [at_ns for _, at_ns, _ in played.launched]
    assert times == sorted(times)


def test_the_run_starts_after_the_first_jobs_are_made():
    """However long the first jobs take, what is due at 0 is released on time."""
    played = Played([0] * 10, cost_ns=50 * NS_PER_MS)
    before_ns = played.time.now_ns
    origin_ns = played.play()
    assert origin_ns >= before_ns + 10 * 50 * NS_PER_MS + LEAD_NS
    assert all(at_ns - due_ns < NS_PER_MS for _, at_ns, due_ns in played.launched)


def test_making_jobs_does_not_delay_what_is_due():
    """Jobs are made between due times, and none is begun within 3 ms of the next one."""
    cost_ns = 2 * NS_PER_MS
    played = Played([step * 10 * NS_PER_MS for step in range(1000)], cost_ns=cost_ns)
    played.play()
    assert max(at_ns - due_ns for _, at_ns, due_ns in played.launched) < NS_PER_MS


@pytest.mark.parametrize("size", [100, 1024 * 1024])
def test_jobs_made_ahead_are_bounded(size):
    """As many as 256 jobs or 32 MB are held, the last one on top, and no more."""
    played = Played([step * NS_PER_S for step in range(600)], size=size)
    played.play()
    limit = min(AHEAD_JOBS, AHEAD_BYTES // size)
    assert max(played.ahead) == limit
    assert played.ahead[100] == limit
    assert len(played.launched) == 600


def test_a_plan_without_requests():
    """Nothing planned: the loop ends at once and gives its timer back."""
    played = Played([])
    played.play()
    assert played.launched == []


def test_stop_leaves_the_rest_unreleased():
    """`stop` wakes the sleeping loop: nothing further is released."""
    played = Played([0, NS_PER_S, 2 * NS_PER_S])
    launch = played.loop._launch

    def stop_later(*facts):
        launch(*facts)
        if len(played.launched) == 2:
            played.time.hook = played.loop.stop

    played.loop._launch = stop_later
    played.play()
    assert [seq for seq, _, _ in played.launched] == [0, 1]


def test_stop_before_the_run():
    """A loop that is stopped before it runs releases nothing."""
    played = Played([0, 0, 0])
    played.play(between=played.loop.stop)
    assert played.launched == []


def test_stop_from_a_release():
    """A release may stop the loop: what is due at the same instant stays unreleased."""
    played = Played([0, 0, 0])
    launch = played.loop._launch
    played.loop._launch = lambda *facts: (launch(*facts), played.loop.stop())
    played.play()
    assert len(played.launched) == 1


def test_stop_while_jobs_are_made():
    """A stop between two jobs ends the loop; it does not sleep until a far due time first."""
    far = [step * 3600 * NS_PER_S for step in range(1, 2000)]
    played = Played(far, cost_ns=NS_PER_MS)
    began_ns = played.time.now_ns
    played.play(between=lambda: setattr(played.time, "hook", played.loop.stop))
    assert played.launched == []
    assert played.time.now_ns - began_ns < 60 * NS_PER_S

    again = Played(far, cost_ns=NS_PER_MS)
    launch = again.loop._launch

    def stop_in_the_next_fill(*facts):
        launch(*facts)
        again.time.hook = again.loop.stop
        # Two jobs are wanted, so that the loop sleeps in between, where the stop comes.
        again.loop._ready.pop()

    again.loop._launch = stop_in_the_next_fill
    origin_ns = again.play()
    assert len(again.launched) == 1
    assert again.time.now_ns - origin_ns < 3600 * NS_PER_S + NS_PER_S
    assert all(timer.sleeps == 1 for timer in again.time.timers)


def test_an_error_in_a_job_ends_the_loop():
    """What `make` raises reaches the caller, and the timer is given back."""
    played = Played([0, NS_PER_S])
    calls = []

    def make(planned):
        calls.append(planned)
        if len(calls) == 2:
            raise ValueError("no model")
        return SimpleNamespace(payload=b"", seq=planned.seq)

    played.loop._make = make
    with pytest.raises(ValueError, match="no model"):
        played.play()


def test_in_real_time():
    """With the real timer, 200 requests a second are released within a few milliseconds."""
    late = []
    planned = (Planned(seq, seq * 5 * NS_PER_MS, Row(request_id="r")) for seq in range(60))
    loop = OpenLoop(
        Pass(planned),
        lambda _: SimpleNamespace(payload=b"x"),
        lambda _planned, _job, due_ns: late.append(now() - due_ns),
    )
    loop.run(loop.prepare())
    assert len(late) == 60
    assert min(late) >= 0
    assert sorted(late)[30] < 5 * NS_PER_MS


def test_stop_in_real_time():
    """A loop that sleeps until a far due time ends as soon as it is stopped."""
    loop = OpenLoop(
        Pass(iter((Planned(0, 3600 * NS_PER_S, Row(request_id="r")),))),
        lambda _: SimpleNamespace(payload=b"x"),
        lambda *_: pytest.fail("released"),
    )
    running = gevent.spawn(loop.run, loop.prepare())
    gevent.sleep(0.02)
    loop.stop()
    running.get(timeout=2)


def closed(count):
    """A closed loop over so many rows."""
    planned = (Planned(seq, None, Row(request_id=f"r{seq}")) for seq in range(count))
    return ClosedLoop(Pass(planned), lambda planned: SimpleNamespace(seq=planned.seq))


def test_users_take_turns():
    """Each row is handed out once, in order, with its job; then there is none."""
    loop = closed(3)
    turns = [loop.take() for _ in range(5)]
    assert [(planned.seq, job.seq) for planned, job in turns[:3]] == [(0, 0), (1, 1), (2, 2)]
    assert turns[3:] == [None, None]


def test_a_stopped_closed_loop():
    """After `stop` nobody gets a row, though rows are left."""
    loop = closed(3)
    assert loop.take() is not None
    loop.stop()
    assert [loop.take(), loop.take()] == [None, None]


class Conversed(Played):
    """Sessions in virtual time: every reply takes the same time.

    Attributes:
        thinking: The most users that thought at once.
        held: The most jobs that were made and not released.
    """

    def __init__(self, plan, *, reply_ns=NS_PER_S, slots=None, cost_ns=0):
        super().__init__([], cost_ns=cost_ns)
        self.thinking = self.held = 0
        self.made_at = {}
        self._reply_ns = reply_ns
        self._flying = []
        self.sessions = None
        if plan.dependents is not None:
            self.sessions = Sessions(plan, lambda *_: None, slots=slots)
        self.slots = slots
        self.loop = OpenLoop(Pass(plan.planned()), self._make, self._launch, self.sessions, slots)
        self.time.timer = lambda: ReplyingTimer(self)

    def _make(self, planned):
        self.made_at[planned.seq] = self.time.now_ns
        if self.sessions is not None:
            self.sessions.conversation(planned.seq)
        return super()._make(planned)

    def _launch(self, planned, job, due_ns):
        super()._launch(planned, job, due_ns)
        self.held = max(self.held, self._made - len(self.launched))
        self._flying.append((self.time.now_ns + self._reply_ns, planned.seq))

    def reply(self):
        """The next reply ends."""
        self._flying.sort()
        ended_ns, seq = self._flying.pop(0)
        self.time.now_ns = max(self.time.now_ns, ended_ns)
        job = SimpleNamespace(ask=SimpleNamespace(endpoint=None, prompt="x"), tokens=1, payload=b"")
        outcome = Outcome(status=Status.OK, due_ns=0, ended_ns=ended_ns)
        if self.sessions is not None:
            self.sessions.skip(self.sessions.ended(seq, job, outcome))
            self.thinking = max(self.thinking, len(self.sessions.thinking))
        if self.slots is not None:
            self.slots.end(seq, ended_ns)

    @property
    def next_reply_ns(self):
        """When it ends."""
        return min(self._flying)[0] if self._flying else None


class ReplyingTimer(VirtualTimer):
    """Wakes when it is told to, or earlier because a reply has ended."""

    def __init__(self, played):
        super().__init__(played.time)
        self.played = played
        played.time.timers.append(self)

    def wait_until(self, due_ns):
        """As the real one that is cancelled by what happens behind a request."""
        reply_ns = self.played.next_reply_ns
        if reply_ns is not None and reply_ns < due_ns:
            self.played.reply()
            return False
        assert self.played.next_reply_ns is not None or due_ns - self.time.now_ns < 1800 * NS_PER_S
        return super().wait_until(due_ns)


def conversations(count, turns, *, think_s=5.0, gap_s=1.0):
    """Rows of so many sessions, each beginning a while behind the other."""
    return [
        row(
            f"s{each}t{turn}",
            *([f"s{each}t{turn - 1}"] if turn else []),
            arrival_time_s=each * gap_s,
            think_time_s=think_s if turn else None,
            session_id=f"s{each}",
        )
        for each in range(count)
        for turn in range(turns)
    ]


def test_turns_are_released_between_the_roots():
    """Roots at their arrival, each turn a think time behind the end of the one before it."""
    plan = plan_of(*conversations(30, 4))
    played = Conversed(plan)
    origin_ns = played.play()
    due = {seq: given_ns for seq, _, given_ns in played.launched}
    assert len(due) == 120
    for seq, at_ns, given_ns in played.launched:
        assert 0 <= at_ns - given_ns < NS_PER_MS
        session, turn = divmod(seq, 4)
        if turn:
            assert 0 <= given_ns - due[seq - 1] - 6 * NS_PER_S < NS_PER_MS
        else:
            assert given_ns == origin_ns + session * NS_PER_S
    assert played.sessions.over


def test_a_row_is_made_when_its_user_has_nearly_done_with_thinking():
    """Until then it lies on disk, however many think; what is due at once is made at once."""
    plan = plan_of(*conversations(2000, 2, think_s=600.0, gap_s=0.01))
    played = Conversed(plan)
    played.play()
    assert played.thinking == 2000
    assert played.held <= AHEAD_JOBS + 2
    due = {seq: given_ns for seq, _, given_ns in played.launched}
    for seq in range(1, 4000, 2):
        assert due[seq] - SOON_NS - NS_PER_MS < played.made_at[seq] <= due[seq]
    at_once = Conversed(plan_of(*conversations(5, 8, think_s=0.0)))
    at_once.play()
    assert all(at_ns - due_ns < NS_PER_MS for _, at_ns, due_ns in at_once.launched)


def test_making_turns_does_not_delay_roots():
    """A turn is made where it delays nothing that is due before it."""
    plan = plan_of(*conversations(300, 2, think_s=0.5, gap_s=0.02))
    played = Conversed(plan, reply_ns=30 * NS_PER_MS, cost_ns=2 * NS_PER_MS)
    played.play()
    late = sorted(at_ns - due_ns for _, at_ns, due_ns in played.launched)
    assert len(late) == 600
    assert late[-1] < 5 * NS_PER_MS


def test_so_many_conversations_at_once():
    """The next begins at the instant when one has ended; thinking counts as talking."""
    plan = plan_of(*conversations(20, 3), closed=True)
    played = Conversed(plan, slots=Slots(4))
    origin_ns = played.play()
    begun = [(seq // 3, due_ns) for seq, _, due_ns in played.launched if seq % 3 == 0]
    assert [session for session, _ in begun] == list(range(20))
    # A conversation: three replies of 1 s, and twice 5 s of thinking.
    for session, due_ns in begun:
        assert abs(due_ns - origin_ns - session // 4 * 13 * NS_PER_S) < 5 * NS_PER_MS
    assert len(played.slots._live) == 4  # their last turns fly when the loop has no more to do


def test_conversations_of_one_request():
    """Slots need no sessions: each row is a conversation."""
    plan = plan_of(*(row(f"r{n}") for n in range(10)), closed=True)
    played = Conversed(plan, slots=Slots(3))
    played.play()
    assert [seq for seq, _, _ in played.launched] == list(range(10))


def test_stop_while_users_think():
    """A loop that waits for nothing but thinking users ends as soon as it is stopped."""
    played = Conversed(plan_of(*conversations(3, 2, think_s=1000.0)))
    end = played.reply

    def stop_at_the_third():
        end()
        if played.thinking == 3:
            played.loop.stop()

    played.reply = stop_at_the_third
    played.play()
    assert [seq % 2 for seq, _, _ in played.launched] == [0, 0, 0]


def talking(plan, users):
    """A closed loop in real time whose replies take 5 ms: the order of what was sent."""
    sent = []
    sessions = Sessions(plan, lambda *_: None)
    loop = ClosedLoop(
        Pass(plan.planned()), lambda planned: SimpleNamespace(seq=planned.seq), sessions
    )
    flying = [0, 0]

    def user():
        while (turn := loop.take()) is not None:
            planned, _ = turn
            sent.append(planned.row.request_id)
            sessions.conversation(planned.seq)
            flying[0] += 1
            flying[1] = max(flying)
            gevent.sleep(0.005)
            flying[0] -= 1
            job = SimpleNamespace(ask=SimpleNamespace(endpoint=None, prompt="x"), tokens=1)
            outcome = Outcome(status=Status.OK, due_ns=0, ended_ns=now())
            sessions.skip(sessions.ended(planned.seq, job, outcome))
            loop.wake()

    players = [gevent.spawn(user) for _ in range(users)]
    running = gevent.spawn(loop.run)
    return loop, sent, [*players, running], flying


def test_users_of_a_closed_loop_share_the_turns():
    """Every turn is taken once, behind the one before it, by whoever is free; all users end."""
    plan = plan_of(*conversations(6, 4, think_s=0.01), row("last"), closed=True)
    _, sent, greenlets, flying = talking(plan, 3)
    gevent.joinall(greenlets, timeout=20, raise_error=True)
    assert all(greenlet.ready() for greenlet in greenlets)
    assert sorted(sent) == sorted({*sent})
    assert len(sent) == 25
    for each in range(6):
        turns = [sent.index(f"s{each}t{turn}") for turn in range(4)]
        assert turns == sorted(turns)
    assert flying[1] <= 3


def test_users_who_wait_for_turns_can_be_stopped():
    """Idle users, and the one who hands turns over, end with a stop."""
    plan = plan_of(*conversations(1, 2, think_s=3600.0), closed=True)
    loop, sent, greenlets, _ = talking(plan, 8)
    gevent.sleep(0.05)
    assert sent == ["s0t0"]
    loop.stop()
    gevent.joinall(greenlets, timeout=5, raise_error=True)
    assert all(greenlet.ready() for greenlet in greenlets)


class Trickle:
    """Requests that come in while the load is on."""

    grows = True

    def __init__(self):
        self._ready = []
        self._last = False

    @property
    def over(self):
        """Whether there will be no more."""
        return self._last and not self._ready

    def take(self):
        """The next; None where there is none now."""
        return self._ready.pop(0) if self._ready else None

    def come(self, *seqs, last=False):
        """More."""
        self._ready += [Planned(seq, None, Row(request_id=f"r{seq}")) for seq in seqs]
        self._last = last


def test_a_closed_loop_waits_for_requests_that_come_in():
    """Idle users wait for more, and all leave when the last has been taken."""
    supply, taken = Trickle(), []
    loop = ClosedLoop(supply, lambda planned: SimpleNamespace(seq=planned.seq))

    def user():
        while (turn := loop.take()) is not None:
            taken.append(turn[0].seq)
            gevent.sleep(0.001)

    users = [gevent.spawn(user) for _ in range(loop.resize(3))]
    running = gevent.spawn(loop.run)
    gevent.sleep(0.01)
    supply.come(0, 1, 2, 3)
    loop.supplied(4)
    gevent.sleep(0.01)
    supply.come(4, 5, 6, 7, 8, last=True)
    loop.supplied(5)
    loop.wake()
    gevent.joinall([*users, running], timeout=5, raise_error=True)
    assert all(each.dead for each in (*users, running))
    assert sorted(taken) == list(range(9))


def test_users_of_a_closed_loop_become_fewer_and_more():
    """Those who are too many leave when they are free; more are started where more are wanted."""
    supply = Trickle()
    loop = ClosedLoop(supply, lambda planned: SimpleNamespace(seq=planned.seq))
    assert loop.resize(3) == 3
    users = [gevent.spawn(loop.take) for _ in range(3)]
    gevent.sleep(0.01)
    assert loop.resize(1) == 0
    gevent.sleep(0.01)
    assert sum(each.dead for each in users) == 2
    assert loop.resize(4) == 3


def test_an_open_loop_waits_for_requests_that_come_in():
    """It does not end before the last has come, and releases what comes at its time."""
    supply, released = Trickle(), []
    loop = OpenLoop(
        supply,
        lambda _: SimpleNamespace(payload=b"x"),
        lambda planned, _job, due_ns: released.append((planned.seq, now() - due_ns)),
    )
    running = gevent.spawn(loop.run, now())
    gevent.sleep(0.01)
    supply._ready.append(Planned(0, 30 * NS_PER_MS, Row(request_id="r0")))
    loop.supplied(1)
    gevent.sleep(0.08)
    assert [seq for seq, _ in released] == [0]
    assert released[0][1] >= 0
    supply.come(last=True)
    loop.wake()
    running.get(timeout=5)
