"""Who sends what when, in virtual time."""

from __future__ import annotations

from types import SimpleNamespace

import gevent
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.clock import NS_PER_MS, NS_PER_S, now
from sagellm_benchmark.load import loops
from sagellm_benchmark.load.loops import AHEAD_BYTES, AHEAD_JOBS, LEAD_NS, ClosedLoop, OpenLoop
from sagellm_benchmark.schedule.planned import Planned
from sagellm_benchmark.trace.row import Row


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
        self.loop = OpenLoop(planned, self._make, self._launch)

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
        planned,
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
        iter((Planned(0, 3600 * NS_PER_S, Row(request_id="r")),)),
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
    return ClosedLoop(planned, lambda planned: SimpleNamespace(seq=planned.seq))


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
