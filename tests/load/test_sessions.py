"""What happens behind a request that ended, without a clock and without a socket."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.load.plans import plan_of, row

from sagellm_benchmark.load import sessions as module
from sagellm_benchmark.load.sessions import Sessions
from sagellm_benchmark.load.slots import Slots
from sagellm_benchmark.wire.openai import Ask, Endpoint
from sagellm_benchmark.wire.outcome import Outcome
from sagellm_benchmark.wire.states import LEFT, Status

JOB = SimpleNamespace(
    ask=Ask(endpoint=Endpoint.CHAT, model="m", prompt="hello there"), tokens=2, row=None
)


def outcome(ended_ns, status=Status.OK, **more):
    """How a request ended."""
    return Outcome(status=status, due_ns=0, ended_ns=ended_ns, **more)


class Followed:
    """The sessions of a plan.

    Attributes:
        skipped: Of each row skipped its id, when, and why.
    """

    def __init__(self, *rows, **options):
        self.skipped = []
        self.plan = plan_of(*rows, times=options.pop("times", 1), closed=True)
        self.sessions = Sessions(self.plan, self._skip, **options)

    def _skip(self, planned, at_ns, why):
        self.skipped.append((planned.row.request_id, at_ns, why))

    def end(self, seq, ended_ns, status=Status.OK, **more):
        """A request ends, and what is lost is skipped."""
        self.sessions.skip(self.sessions.ended(seq, JOB, outcome(ended_ns, status, **more)))

    def due(self):
        """What has fallen due or will, with when, in that order."""
        found = []
        while self.sessions.thinking:
            due_ns, planned = self.sessions.take()
            found.append((planned.row.request_id, due_ns))
        return found


def test_a_turn_is_due_when_the_one_before_has_ended_and_its_user_has_thought():
    """Due is the stamp of the end, and the think time; the arrival in the trace says nothing."""
    found = Followed(row("a"), row("b", "a", think_time_s=2.0, arrival_time_s=99.0), row("c", "a"))
    assert (found.sessions.unsettled, found.due()) == (2, [])
    found.end(0, 5 * 10**9)
    assert found.due() == [("c", 5 * 10**9), ("b", 7 * 10**9)]
    assert found.sessions.over


def test_who_waits_for_several_waits_for_the_last():
    """Whichever it is."""
    for order in ((0, 1, 2), (2, 1, 0)):
        found = Followed(row("a"), row("b"), row("c"), row("d", "a", "b", "c", think_time_s=1.0))
        for step, seq in enumerate(order):
            assert found.due() == []
            found.end(seq, (10 + step) * 10**9)
        assert found.due() == [("d", 13 * 10**9)]


@pytest.mark.parametrize("status", [each for each in Status if each is not Status.OK])
def test_what_waits_for_a_failure_is_skipped_with_all_behind_it(status):
    """Every state but ok is a failure; all descendants go with it, each once."""
    found = Followed(
        row("a"), row("b", "a"), row("c", "b"), row("d", "b", "c"), row("x"), row("y", "x")
    )
    found.end(0, 7, status)
    assert found.skipped == [(name, 7, "dependency") for name in ("b", "c", "d")]
    assert found.due() == []
    assert not found.sessions.over
    found.end(4, 8)
    assert (found.due(), found.sessions.over) == ([("y", 8)], True)


def test_sent_all_the_same():
    """With "send" a failure is an end like any."""
    found = Followed(row("a"), row("b", "a"), after_failure="send")
    found.end(0, 7, Status.TIMEOUT)
    assert (found.due(), found.skipped) == ([("b", 7)], [])


@pytest.mark.parametrize("policy", ["skip", "send"])
def test_who_leaves_leaves_the_session(policy):
    """A user who left asks nothing more, whatever becomes of failures; that is no failure."""
    found = Followed(row("a"), row("b", "a"), row("c", "b"), after_failure=policy)
    found.end(0, 7, Status.CANCELLED, reason=LEFT)
    assert found.skipped == [("b", 7, LEFT), ("c", 7, LEFT)]
    assert Outcome(status=Status.SKIPPED, due_ns=0, ended_ns=0, reason=LEFT).left


def test_nothing_is_settled_behind_a_stop():
    """What waits when the run is stopped is not reached: neither sent nor skipped."""
    found = Followed(row("a"), row("b", "a"), row("c", "a"))
    found.sessions.stop()
    found.end(0, 7)
    found.end(0, 7, Status.CANCELLED, reason="stopped")
    assert (found.due(), found.skipped, found.sessions.unsettled) == ([], [], 2)


def test_long_sessions_are_skipped_in_slices(monkeypatch):
    """Others have their turn while a thousand rows are skipped, and a stop ends it at once."""
    rows = [row("r0"), *(row(f"r{n}", f"r{n - 1}") for n in range(1, 1000))]
    found = Followed(*rows)
    naps, clock = [], iter(range(0, 10**9, 10**5))
    monkeypatch.setattr(module, "now", lambda: next(clock))
    monkeypatch.setattr(module, "gevent", SimpleNamespace(sleep=naps.append))
    found.end(0, 7, Status.TIMEOUT)
    assert len(found.skipped) == 999
    assert 50 < len(naps) < 200

    stopped = Followed(*rows)
    monkeypatch.setattr(module, "gevent", SimpleNamespace(sleep=lambda _: stopped.sessions.stop()))
    stopped.end(0, 7, Status.TIMEOUT)
    assert 0 < len(stopped.skipped) < 50


def test_what_was_said_is_kept_until_it_is_asked_for():
    """Only for rows that go on with it, and dropped with the row that does."""
    found = Followed(
        row("a"),
        row("b", "a"),
        row("c", "a", prefix_block_ids=[]),
        row("d", "c", "a"),
        row("e", "d"),
    )
    sessions = found.sessions
    assert [sessions.is_heard(seq) for seq in range(5)] == [True, False, True, True, False]
    found.end(0, 7, text="well")
    said = sessions.conversation(1)
    assert [message["content"] for message in said.messages] == ["hello there", "well"]
    assert [sessions.conversation(seq) for seq in (1, 2)] == [None, None]
    found.end(2, 8, text="yes")
    assert sessions.conversation(3).messages[-1]["content"] == "yes"
    assert sessions._said == {}


def test_what_was_said_is_dropped_with_what_is_skipped():
    """A row that will not be sent holds no text."""
    found = Followed(row("a"), row("b"), row("c", "a", "b"))
    found.end(0, 7, text="long")
    found.end(1, 8, Status.TIMEOUT)
    assert (found.sessions._said, found.sessions._joins) == ({}, {})


@settings(derandomize=True, deadline=None, max_examples=150)
@given(
    st.lists(st.lists(st.integers(0, 10**6), max_size=3), min_size=1, max_size=30),
    st.lists(st.sampled_from(["ok", "ok", "timeout", "user"]), min_size=30, max_size=30),
    st.randoms(use_true_random=False),
    st.sampled_from(["skip", "send"]),
    st.integers(1, 3),
)
def test_every_row_is_settled_once(picks, fates, random, policy, times):
    """Any graph, outcomes and order of ends: sent once or skipped once, and never too early."""
    waits = [sorted({pick % seq for pick in names}) if seq else []
             for seq, names in enumerate(picks)]  # fmt: skip
    if not any(waits):
        waits.append([0])
    rows = [row(f"r{seq}", *(f"r{each}" for each in names)) for seq, names in enumerate(waits)]
    found = Followed(*rows, after_failure=policy, times=times)
    flying = [each.seq for each in found.plan.planned()]
    ended, failed, moment = {}, set(), 0
    while flying:
        seq = flying.pop(random.randrange(len(flying)))
        moment += 10
        fate = fates[seq % 30]
        fine = fate == "ok" or (fate == "timeout" and policy == "send")
        if not fine:
            failed.add(seq)
        status = {"ok": Status.OK, "timeout": Status.TIMEOUT, "user": Status.CANCELLED}[fate]
        ended[seq] = moment
        found.end(seq, moment, status, reason=LEFT if fate == "user" else None)
        while found.sessions.thinking:
            due_ns, planned = found.sessions.take()
            base = planned.seq - planned.seq % len(rows)
            parents = [base + each for each in waits[planned.seq % len(rows)]]
            assert due_ns == max(ended[each] for each in parents)
            assert not failed & set(parents)
            assert planned.seq not in ended
            assert found.sessions.conversation(planned.seq) is not None
            flying.append(planned.seq)
    skipped = [name for name, _, _ in found.skipped]
    assert len(skipped) == len(set(skipped))
    assert len(ended) + len(skipped) == len(rows) * times
    assert found.sessions.over
    assert (found.sessions._said, found.sessions._joins) == ({}, {})


def test_a_trace_for_ever_is_never_over():
    """Every round brings more that waits."""
    found = Followed(row("a"), row("b", "a"), times=math.inf)
    for seq in range(0, 200, 2):
        found.end(seq, seq)
    assert [name for name, _ in found.due()] == ["b", *(f"b+{n}" for n in range(1, 100))]
    assert not found.sessions.over


def test_a_conversation_holds_its_slot_while_its_user_thinks():
    """The slot is free when the last of it has ended, and at that instant."""
    slots = Slots(1)
    found = Followed(
        row("a"), row("b", "a", think_time_s=9.0), row("c", "b"), row("x"), slots=slots
    )
    slots.open(100)
    assert slots.free_ns == 100
    slots.begin(0)
    assert slots.free_ns is None
    for seq, at_ns in ((0, 200), (1, 300)):
        found.end(seq, at_ns)
        slots.end(seq, at_ns)
        assert slots.free_ns is None
        found.due()
    found.end(2, 400)
    slots.end(2, 400)
    assert slots.free_ns == 400
    slots.begin(3)
    found.end(3, 500)
    slots.end(3, 500)
    assert (slots.free_ns, slots._live) == (500, {})


def test_a_failure_ends_its_conversation():
    """Nothing follows, so the next may begin."""
    slots = Slots(2)
    found = Followed(row("a"), row("b", "a"), row("c", "b"), slots=slots)
    slots.open(0)
    slots.begin(0)
    found.end(0, 50, Status.INCOMPLETE)
    slots.end(0, 50)
    assert sorted([slots._free.popleft(), slots._free.popleft()]) == [0, 50]


def test_forks_end_with_their_last():
    """A conversation that goes on in two branches holds its slot until both have ended."""
    slots = Slots(1)
    found = Followed(row("a"), row("b", "a"), row("c", "a"), slots=slots)
    slots.open(0)
    slots.begin(0)
    found.end(0, 10)
    slots.end(0, 10)
    found.due()
    for seq, free_ns in ((2, None), (1, 30)):
        found.end(seq, 10 + 10 * (3 - seq))
        slots.end(seq, 10 + 10 * (3 - seq))
        assert slots.free_ns == free_ns
