"""One plan, several workers: each row is sent once, and each has one record, whatever happens."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.load.cluster.crews import Stage
from tests.load.plans import plan_of, row

from sagellm_benchmark.clock import NS_PER_MS, NS_PER_S
from sagellm_benchmark.load.cluster.member import State
from sagellm_benchmark.load.share import Share


def steady(rows, rate=20.0, **more):
    """So many rows at a constant rate."""
    return plan_of(
        *(row(f"r{n}", arrival_time_s=n / rate) for n in range(rows)), together=True, **more
    )


def staged(plan, workers=2, **more):
    """A stage with workers that have started."""
    stage = Stage(plan, **more)
    for number in range(workers):
        stage.join(f"w{number}")
    stage.go()
    return stage


def all_once(stage, rows):
    """Each row was sent once, and has one record."""
    assert stage.sent() == dict.fromkeys(range(rows), 1)
    assert stage.settled() == dict.fromkeys(range(rows), 1)
    assert stage.planned() == rows


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_the_union_of_what_workers_send_is_the_plan(workers):
    """Every row is sent, by one of them, and they share the work evenly."""
    stage = staged(steady(200), workers)
    stage.play()
    all_once(stage, 200)
    assert all(len(hand.sent) == 200 // workers for hand in stage.hands.values())


def test_rows_go_out_at_their_time_by_each_workers_clock():
    """A worker whose clock is hours off sends when the row is due by the coordinator's."""
    stage = Stage(steady(40))
    stage.join("w0", offset_ns=7200 * NS_PER_S)
    stage.join("w1", offset_ns=-3600 * NS_PER_S)
    stage.go()
    stage.play()
    all_once(stage, 40)
    for hand in stage.hands.values():
        for seq, at_ns in hand.sent:
            late_ns = at_ns - stage.crew.origin_ns - seq * NS_PER_S // 20
            assert -2 * NS_PER_MS <= late_ns <= 60 * NS_PER_MS
    bounds = [each.clock.bound_ns for each in stage.crew.members.values()]
    assert all(bound <= 25 * NS_PER_MS for bound in bounds)


def test_what_a_killed_worker_held_is_lost_and_the_rest_goes_to_the_others():
    """Only rows handed out before the death are lost, and none is ever sent by two."""
    stage = staged(steady(200))
    stage.play([(3.0, lambda: setattr(stage.hands["w1"], "alive", False))])
    assert max(stage.sent().values()) == 1
    assert stage.settled() == dict.fromkeys(range(200), 1)
    assert 0 < len(stage.books.lost) <= 45  # 2 s ahead, half of 20 a second, and what flew
    gone = stage.crew.members["w1"]
    assert (gone.state, gone.why) == (State.LOST, "its connection is closed")
    assert gone.lost == len(stage.books.lost)
    assert any("host-2 is lost" in event for event in stage.crew.events)
    assert stage.planned() == 200


def test_a_worker_that_sleeps_sends_nothing_twice_and_loses_nothing():
    """Nine seconds of sleep: it gets no more rows meanwhile, and sends its own when it wakes."""
    stage = staged(steady(400))
    hand = stage.hands["w1"]
    stage.play([(3.0, lambda: setattr(hand, "asleep", True)), (12.0, hand.wake)])
    all_once(stage, 400)
    others = len(stage.hands["w0"].sent)
    assert others > 250, "the others took over what was not handed out yet"


def test_a_late_worker_gets_rows():
    """It gets ready while the others send, and then takes its turn."""
    stage = staged(steady(200), 1)
    stage.play([(2.0, lambda: stage.join("late"))])
    all_once(stage, 200)
    assert len(stage.hands["late"].sent) > 50


def test_a_coordinator_that_sleeps_loses_nothing():
    """Ten seconds without an answer: rows are late, and each is sent once and recorded once."""
    stage = staged(steady(400))
    stage.play(
        [
            (3.0, lambda: setattr(stage, "deaf", True)),
            (13.0, lambda: setattr(stage, "deaf", False)),
        ]
    )
    all_once(stage, 400)


def test_when_the_last_worker_dies_it_is_over():
    """Rows that nobody was handed are not reached; those that were are lost."""
    stage = staged(steady(400), 1)
    stage.play([(2.0, lambda: setattr(stage.hands["w0"], "alive", False))])
    settled = stage.settled()
    assert max(settled.values()) == 1
    assert len(settled) < 150
    assert stage.planned() == len(settled)


def test_a_worker_that_cannot_begin_says_why():
    """Its words are kept for the one who started the run, and it gets no rows."""
    stage = Stage(steady(10))
    stage.join("w0", problem="--api-key-env KEY: that environment variable is not set")
    stage.go()
    assert stage.crew.members["w0"].why.startswith("--api-key-env KEY")
    assert stage.crew.over


def test_the_limits_hold_for_all_workers_together():
    """Five users over three workers; when one dies the others have all five."""
    stage = staged(steady(120), 3, timed=False, share=Share(users=5))
    shares = [each.share.users for each in stage.crew.running]
    assert sorted(shares) == [1, 2, 2]
    stage.play([(0.4, lambda: setattr(stage.hands["w0"], "alive", False))])
    assert max(stage.sent().values()) == 1
    assert stage.settled() == dict.fromkeys(range(120), 1)
    assert sum(each.share.users for each in stage.crew.members.values() if each.lost == 0) == 5


def test_a_worker_without_a_share_gets_no_rows():
    """Two requests may fly and three workers are there: the third has nothing to send with."""
    stage = staged(steady(60), 3, share=Share(in_flight=2))
    stage.play()
    assert sorted(len(hand.sent) for hand in stage.hands.values()) == [0, 30, 30]


def test_a_stop_ends_it_and_rows_not_sent_are_not_reached():
    """What was handed out and was not due has no state."""
    stage = staged(steady(200))
    stage.play([(2.0, lambda: stage.crew.finish(1.0, stage.now_ns))])
    assert stage.books.lost == []
    assert 20 < len(stage.books.kept) < 60
    assert stage.planned() == len(stage.books.kept) == sum(stage.sent().values())


def chains(sessions, turns):
    """Sessions of turns that wait for one another."""
    rows = []
    for each in range(sessions):
        for turn in range(turns):
            name, more = f"s{each}-{turn}", {"session_id": f"s{each}", "think_time_s": 0.2}
            if turn == 0:
                rows.append(row(name, arrival_time_s=each / 10, session_id=f"s{each}"))
            else:
                rows.append(row(name, f"s{each}-{turn - 1}", arrival_time_s=None, **more))
    return plan_of(*rows, together=True)


def test_a_session_stays_on_its_worker():
    """Turns are sent in order by the worker that sent the first."""
    stage = staged(chains(12, 4), 3)
    stage.play()
    all_once(stage, 48)
    for hand in stage.hands.values():
        order = [seq for seq, _ in hand.sent]
        for session in {seq // 4 for seq in order}:
            assert [seq for seq in order if seq // 4 == session] == [
                session * 4 + n for n in range(4)
            ]


def test_rows_with_several_parents_are_handed_out_once():
    """Two roots at different times, a row behind both: all on one worker, each once."""
    plan = plan_of(
        row("a"),
        row("b", arrival_time_s=5.0),
        row("c", "a", "b", arrival_time_s=None),
        row("d", "a", arrival_time_s=None),
        row("x", arrival_time_s=1.0),
        together=True,
    )
    stage = staged(plan, 2)
    stage.play()
    all_once(stage, 5)


DEEDS = st.lists(
    st.tuples(
        st.floats(0.0, 12.0),
        st.sampled_from(["kill", "sleep", "wake", "join", "deaf", "hear"]),
        st.integers(0, 4),
    ),
    max_size=8,
)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    deeds=DEEDS,
    workers=st.integers(1, 4),
    kind=st.sampled_from(["timed", "closed", "sessions"]),
    delay_ms=st.sampled_from([1, 50]),
)
def test_whatever_happens_each_row_is_sent_once_at_most(deeds, workers, kind, delay_ms):
    """Random deaths, sleeps, late comers and a deaf coordinator: the books add up."""
    plan = chains(40, 4) if kind == "sessions" else steady(160)
    share = Share(users=4) if kind == "closed" else Share()
    stage = staged(
        plan, workers, timed=kind != "closed", share=share, delay_ns=delay_ms * NS_PER_MS
    )

    def deed(what, which):
        def do():
            hand = list(stage.hands.values())[which % len(stage.hands)]
            match what:
                case "kill":
                    hand.alive = False
                case "sleep":
                    hand.asleep = True
                case "wake":
                    hand.wake()
                case "join":
                    stage.join(f"late{len(stage.hands)}")
                case "deaf":
                    stage.deaf = True
                case "hear":
                    stage.deaf = False

        return do

    def all_well():
        stage.deaf = False
        for hand in stage.hands.values():
            hand.wake()

    script = [(at_s, deed(what, which)) for at_s, what, which in deeds]
    stage.play([*script, (13.0, all_well)], limit_s=400)
    sent, settled = stage.sent(), stage.settled()
    assert all(times == 1 for times in sent.values())
    assert all(times == 1 for times in settled.values())
    assert set(sent) <= set(settled)
    assert stage.planned() == len(settled)
    if any(each.state is State.DONE for each in stage.crew.members.values()):
        assert len(settled) == 160, "somebody was left to send the rest"


def test_a_run_that_is_called_off_keeps_nobody_ready():
    """Ended before it begins: whoever got ready, or is about to, is told, and it is over."""
    stage = Stage(steady(10))
    stage.join("w0")
    stage.join("w1", gets_ready=False)
    for _ in range(50):
        stage.step()
    assert not stage.crew.over
    stage.crew.finish(0.0, stage.now_ns)
    assert stage.crew.over
    stage.step()
    assert all(hand.finishing for hand in stage.hands.values())
    assert stage.sent() == {}
