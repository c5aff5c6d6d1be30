"""Sessions on the whole program: order, content, failures, ends, rounds."""

from __future__ import annotations

import json
import re
import signal

import pytest
from tests.load.processes import (
    CLOSED,
    FILES,
    Load,
    books_agree,
    came_out,
    load,
    locust_agrees,
    target,
    to,
    wait_for,
)
from tests.load.scripted import DONE, HEAD, LAST, STOP, chunk, frame, server

BARE = ("--headless", "--no-preflight", "--scrape", "none")


def write(path, *rows, **header):
    """A native trace; what a row does not say is taken from a plain one."""
    head = {"schema": "sagellm.trace/1", "source": {"name": "t"}, **header}
    plain = {"arrival_time_s": 0.0, "input_tokens": 10, "output_tokens": 4}
    kept = [
        {key: value for key, value in {**plain, **row}.items() if value is not None} for row in rows
    ]
    kept.sort(key=lambda row: row.get("arrival_time_s", 0.0))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in [head, *kept]))
    return path


def session(name, turns, *, at=0.0, think=0.05, **fields):
    """The rows of one session, whose prompts grow by twenty tokens a turn."""
    return [
        {
            "request_id": f"{name}t{turn}",
            "session_id": name,
            "turn_index": turn,
            "arrival_time_s": at + turn,
            "input_tokens": 20 * (turn + 1),
            **({"depends_on": [f"{name}t{turn - 1}"], "think_time_s": think} if turn else {}),
            **fields,
        }
        for turn in range(turns)
    ]


def sessions(count, turns, *, gap=0.04, **more):
    """Rows of several sessions, one beginning behind the other."""
    return [
        row for each in range(count) for row in session(f"s{each}", turns, at=each * gap, **more)
    ]


DIAMOND = [
    {"request_id": "top", "relation": None},
    {"request_id": "left", "depends_on": ["top"], "relation": "fork", "input_tokens": 25},
    {"request_id": "right", "depends_on": ["top"], "relation": "spawn", "think_time_s": 0.2},
    {"request_id": "join", "depends_on": ["left", "right"], "relation": "join", "input_tokens": 60},
]


@pytest.fixture(scope="module")
def openai(tmp_path_factory):
    """A gateway that counts tokens; replies of 4 tokens take 26 ms."""
    options = ("--dialect", "openai", "--fixed", "--ttft-ms", 20, "--itl-ms", 2)
    with target(tmp_path_factory.mktemp("openai"), *options) as found:
        yield found


@pytest.fixture(scope="module")
def loads(openai, slow, tmp_path_factory):
    """Runs over sessions, each paced, hindered or ended in its own way, at once."""
    folder = tmp_path_factory.mktemp("sessions")
    trace = write(folder / "sessions.jsonl", *sessions(20, 3), *DIAMOND)
    blocks = {"prefix_block_ids": [0, 1], "depends_on": None, "think_time_s": None}
    repeated = write(
        folder / "repeated.jsonl",
        *(row for turn in range(3) for row in [
            {"request_id": f"r{turn}", "input_tokens": 64, "arrival_time_s": turn / 2, **blocks}
        ]),
        *sessions(2, 2),
        block_size=32,
    )  # fmt: skip
    long = write(folder / "long.jsonl", *sessions(10, 3, think=30.0))
    left = ("--cancel-rate", 0.3, "--cancel-after", "2tok", "--trace", trace)
    started = {
        "open": Load(folder / "open", *BARE, *FILES, "--trace", trace, *to(openai, "s-open")),
        "fast": Load(
            *(folder / "fast", *BARE, "--trace", trace, *to(openai, "s-fast")),
            *("--speed", 10, "--think-speed", 0.25),
        ),
        "closed": Load(
            *(folder / "closed", *BARE, "--trace", trace, *to(openai, "s-closed")),
            *("--concurrency", 3),
            file=CLOSED,
        ),
        "few": Load(
            *(
                folder / "few",
                *BARE,
                "--trace",
                trace,
                *to(openai, "s-few"),
                "--max-sessions",
                5,
            ),
        ),
        "left": Load(folder / "left", *BARE, *FILES, *left, *to(openai, "s-left")),
        "capped": Load(
            *(folder / "capped", *BARE, *FILES, "--trace", trace, *to(slow, "s-capped")),
            *("--max-in-flight", 4),
        ),
        "loop": Load(
            *(folder / "loop", *BARE, "--trace", repeated, *to(openai, "s-loop"), "--loop", 3),
            *("--salt", "none"),
        ),
        "forever": Load(
            *(folder / "forever", *BARE, "--trace", repeated, *to(openai, "s-forever")),
            *("--loop", "forever", "-t", "3s", "--speed", 2),
        ),
        "timed": Load(
            *(
                folder / "timed",
                *BARE,
                *FILES,
                "--trace",
                long,
                *to(openai, "s-timed"),
                "-t",
                "2s",
            )
        ),
        "SIGINT": Load(folder / "SIGINT", *BARE, *FILES, "--trace", long, *to(slow, "s-SIGINT")),
    }
    yield started
    for each in started.values():
        each.close()


def by_row(results):
    """The records by the trace's ids."""
    return {record.row_id: record for record in results.records}


def in_order(results, whom, speed=1.0):
    """Nothing was sent before what it waits for had ended, by the target's log and by ours."""
    records = by_row(results)
    log = {line.request_id: line for line in whom.posts(results.run_id)}
    waited = 0
    for record in records.values():
        if not record.depends_on or record.sent_s is None:
            continue
        before = [records[name] for name in record.depends_on]
        sent = log[record.request_id]
        assert all(log[each.request_id].done_ns <= sent.received_ns for each in before)
        think_s = record.due_s - max(each.ended_s for each in before)
        expected = {"right": 0.2, "left": 0.0, "join": 0.0}.get(record.row_id, 0.05)
        assert think_s == pytest.approx(expected / speed, abs=1e-6)
        assert record.sent_s >= record.due_s
        waited += 1
    return waited


def test_no_turn_comes_before_the_end_of_the_one_before(loads, openai):
    """Three turns a session, a fork and a join: all sent, each behind what it waits for."""
    run = loads["open"]
    came_out(run, 0)
    books_agree(run.run, openai)
    locust_agrees(run, run.run)
    assert run.run.states == {"ok": 64}
    assert in_order(run.run, openai) == 43
    records = by_row(run.run)
    assert (records["s3t2"].session_id, records["s3t2"].turn_index) == ("s3", 2)
    assert records["s3t2"].arrival_s == pytest.approx(2.12)
    assert run.run.summary["trace"] == {"rows": 64, "released": 64, "unreached": 0}
    assert "43 requests wait for the end of others" in run.out


def test_prompts_grow_as_the_trace_says(loads, openai):
    """With what was really answered in them they have the row's tokens, to the token."""
    loads["open"].ended()
    log = {line.request_id: line for line in openai.posts("s-open")}
    for record in loads["open"].run.records:
        assert log[record.request_id].prompt_tokens == record.asked.input_tokens, record.row_id


def test_think_times_have_a_speed_of_their_own(loads, openai):
    """`--speed` paces arrivals, `--think-speed` the users."""
    run = loads["fast"]
    came_out(run, 0)
    books_agree(run.run, openai)
    assert in_order(run.run, openai, speed=0.25) == 43
    dues = by_row(run.run)
    assert dues["s10t0"].due_s == pytest.approx(0.04, abs=1e-6)


def test_a_closed_loop_sends_turns_too(loads, openai):
    """Three users send everything, in order, and think for nobody."""
    run = loads["closed"]
    came_out(run, 0)
    books_agree(run.run, openai)
    assert run.run.states == {"ok": 64}
    assert run.run.summary["generator"]["peak_in_flight"] <= 3
    records = by_row(run.run)
    for record in records.values():
        for name in record.depends_on:
            assert record.sent_s > records[name].ended_s


def test_so_many_conversations(loads, openai):
    """`--max-sessions 5`: never more than five at once, thinking users included, and often five."""
    run = loads["few"]
    came_out(run, 0)
    books_agree(run.run, openai)
    assert in_order(run.run, openai) == 43
    spans = {}
    for record in run.run.records:
        name = record.session_id or "diamond"
        begin, end = spans.get(name, (record.due_s, record.ended_s))
        spans[name] = (min(begin, record.due_s), max(end, record.ended_s))
    edges = [(at, step) for begin, end in spans.values() for at, step in ((begin, 1), (end, -1))]
    alive = most = 0
    for _, step in sorted(edges):
        alive += step
        most = max(most, alive)
    assert most == 5
    assert run.run.summary["fidelity"]["dispatch_lag_ms"]["p50"] < 50


def test_who_leaves_takes_the_session_along(loads, openai):
    """What they would have asked is skipped, no failure, counted with those who left; exit 0."""
    run = loads["left"]
    came_out(run, 0)
    books_agree(run.run, openai)
    locust_agrees(run, run.run)
    records = by_row(run.run)
    gone = {name for name, record in records.items() if record.status == "cancelled"}
    skipped = {name for name, record in records.items() if record.status == "skipped"}
    assert gone
    assert skipped
    for name in skipped:
        assert records[name].reason == "user"
        assert {*records[name].depends_on} & (gone | skipped)
    assert run.run.summary["left"]["requests"] == len(gone) + len(skipped)


def test_what_is_dropped_takes_its_session_along(loads, slow):
    """A capped request fails, and what waits for it is skipped: all counted, nothing sent."""
    run = loads["capped"]
    came_out(run, 1)
    books_agree(run.run, slow)
    locust_agrees(run, run.run)
    records = by_row(run.run)
    lost = {name for name, record in records.items() if record.status in ("dropped", "skipped")}
    assert {records[name].status for name in lost} == {"dropped", "skipped"}
    for name, record in records.items():
        assert (record.status == "skipped") == bool({*record.depends_on} & lost), name
        if record.status == "skipped":
            assert (record.reason, record.sent_s, record.error) == ("dependency", None, None)
    assert sum(run.run.states.values()) == 64


def test_the_trace_again_and_again(loads, openai):
    """Three rounds: unique ids, one period apart, each with sessions of its own."""
    run = loads["loop"]
    came_out(run, 0)
    books_agree(run.run, openai)
    assert run.run.states == {"ok": 21}
    records = by_row(run.run)
    assert run.run.summary["trace"] == {"rows": 21, "released": 21, "unreached": 0}
    for number in ("", "+1", "+2"):
        assert records[f"s1t1{number}"].depends_on == [f"s1t0{number}"]
        assert records[f"s1t1{number}"].session_id == f"s1{number}"
    period_s = records["r0+1"].due_s - records["r0"].due_s
    assert period_s == pytest.approx(1.04 * 7 / 6, abs=1e-6)
    assert records["r2+2"].due_s == pytest.approx(records["r2"].due_s + 2 * period_s, abs=1e-6)


def test_for_ever_ends_with_the_run_time(loads, openai):
    """More rounds than anybody counted, nothing unreached, since nothing ends."""
    run = loads["forever"]
    came_out(run, 0)
    books_agree(run.run, openai)
    trace = run.run.summary["trace"]
    assert trace["rows"] == trace["released"] > 21
    assert trace["unreached"] == 0
    assert "7 requests, again and again" in run.out


def test_time_is_up_while_users_think(loads, openai):
    """What nobody came to ask is unreached, no state; the run ends at once and is valid."""
    run = loads["timed"]
    came_out(run, 0)
    books_agree(run.run, openai)
    locust_agrees(run, run.run)
    assert run.run.states == {"ok": 10}
    assert run.run.summary["trace"] == {"rows": 30, "released": 10, "unreached": 20}


def test_a_signal_while_users_think(loads, slow):
    """So does Ctrl-C; what flies may land, and nothing behind it is released."""
    run = loads["SIGINT"]
    run.running(3)
    run.interrupt()
    came_out(run, 3)
    books_agree(run.run, slow)
    locust_agrees(run, run.run)
    trace = run.run.summary["trace"]
    assert trace["released"] + trace["unreached"] == 30
    assert not any(record.depends_on for record in run.run.records)


FAULTS = {
    "faults": [
        {"do": "reset", "ids": ["*-1"], "after_tokens": 2},
        {"do": "status", "ids": ["*-6"], "code": 500},
    ]
}


@pytest.mark.parametrize("policy", ["skip", "send"])
def test_failures_in_the_middle(tmp_path, policy):
    """A turn that breaks ends its session, or does not, as was asked; the others go on."""
    rows = [row for each in range(3) for row in session(f"s{each}", 4, at=each * 0.01)]
    order = write(tmp_path / "t.jsonl", *rows)
    (tmp_path / "faults.json").write_text(json.dumps(FAULTS))
    names = [json.loads(line)["request_id"] for line in order.read_text().splitlines()[1:]]
    hurt = {names[1], names[6]}
    with (
        target(
            *(tmp_path / "target", "--dialect", "openai", "--fixed", "--ttft-ms", 10),
            *("--itl-ms", 1, "--faults", tmp_path / "faults.json"),
        ) as whom,
        load(
            *(tmp_path / "load", *BARE, *FILES, "--trace", order, *to(whom, "s-hurt")),
            *("--after-failure", policy),
        ) as run,
    ):
        came_out(run, 1)
        books_agree(run.run, whom)
        locust_agrees(run, run.run)
        records = by_row(run.run)
        assert {name for name, each in records.items() if each.status not in ("ok", "skipped")} == (
            hurt
        )
        skipped = {name for name, each in records.items() if each.status == "skipped"}
        if policy == "send":
            assert skipped == set()
            assert in_order(run.run, whom) == 9
            return
        expected = {f"{name[:2]}t{turn}" for name in hurt for turn in range(int(name[3]) + 1, 4)}
        assert skipped == expected
        assert {records[name].reason for name in skipped} == {"dependency"}


class Echo:
    """Answers each request with a word of its own, and remembers what it was asked.

    Attributes:
        bodies: Of the requests, by their number in the run.
    """

    def __init__(self):
        self.bodies = {}

    async def play(self, peer):
        """One connection."""
        while request := await peer.request():
            head, _, body = request.partition(b"\r\n\r\n")
            number = int(re.search(rb"X-Request-ID: \S*-(\d+)", head)[1])
            self.bodies[number] = json.loads(body)
            words = [chunk(frame(f"reply{number} ")), chunk(frame("so"))]
            await peer.send(HEAD, *words, STOP, DONE, LAST)


def test_the_reply_is_in_the_next_prompt(tmp_path):
    """Delta and made turns carry what was really said; histories and blocks go as recorded."""
    said = [{"role": "user", "content": "mine"}]
    history = [*said, {"role": "assistant", "content": "theirs"}, *said]
    trace = write(
        tmp_path / "t.jsonl",
        {"request_id": "d0", "messages": said, "message_mode": "delta", "session_id": "d"},
        {"request_id": "d1", "messages": said, "message_mode": "delta", "depends_on": ["d0"]},
        {"request_id": "d2", "messages": said, "message_mode": "delta", "depends_on": ["d1"]},
        {"request_id": "h1", "messages": history, "depends_on": ["d0"]},
        {"request_id": "m0", "input_tokens": 8},
        {"request_id": "m1", "input_tokens": 30, "depends_on": ["m0"]},
        {"request_id": "b1", "prefix_block_ids": [1], "depends_on": ["m0"], "input_tokens": 16},
        {"request_id": "j1", "depends_on": ["m1", "d2"], "new_input_tokens": 3},
        block_size=16,
    )
    echo = Echo()
    with server(echo.play) as whom, load(
        *(tmp_path / "load", *BARE, "--trace", trace, *to(whom, "s-echo"))
    ) as run:  # fmt: skip
        came_out(run, 0)
        assert run.run.states == {"ok": 8}
    told = {number: body["messages"] for number, body in echo.bodies.items()}

    def reply(number):
        return {"role": "assistant", "content": f"reply{number} so"}

    assert told[0] == said
    assert told[1] == [*said, reply(0), *said]
    assert told[2] == [*said, reply(0), *said, reply(1), *said]
    assert told[3] == history
    assert told[5][:2] == [*told[4], reply(4)]
    assert len(told[5][2]["content"].split()) == 30 - 8 - 2
    assert [message["role"] for message in told[6]] == ["user"]
    assert told[7][:-1] == [*told[5], reply(5)]
    assert len(told[7][-1]["content"].split()) == 3


def test_no_round_lives_off_the_one_before(tmp_path):
    """Rows that share blocks share words within a round, and no first word across rounds."""
    blocks = {"prefix_block_ids": [0, 1], "input_tokens": 32}
    rows = [{"request_id": f"r{n}", "arrival_time_s": n / 20, **blocks} for n in range(3)]
    trace = write(tmp_path / "t.jsonl", *rows, block_size=16)
    echo = Echo()
    options = (*BARE, "--trace", trace, "--loop", 3, "--salt", "none")
    with server(echo.play) as whom, load(tmp_path / "load", *options, *to(whom, "s-x")) as run:
        came_out(run, 0)
    texts = [echo.bodies[number]["messages"][0]["content"] for number in range(9)]
    assert [len(set(texts[first : first + 3])) for first in (0, 3, 6)] == [1, 1, 1]
    assert len({text.split()[0] for text in texts}) == 3


COUNTING = """
import gc, json, os
import gevent
from locust import events
from sagellm_benchmark.load.users import LightUser, ReplayUser

def census(environment):
    gc.collect()
    return {
        "greenlets": len(environment.runner.user_greenlets),
        "users": sum(isinstance(each, LightUser) for each in gc.get_objects()),
        "files": len(os.listdir("/proc/self/fd")),
        "kb": int(next(l for l in open("/proc/self/status") if l.startswith("VmRSS")).split()[1]),
    }

def watch(environment):
    while True:
        gevent.sleep(0.5)
        with open("census.jsonl", "a") as file:
            file.write(json.dumps(census(environment)) + "\\n")

@events.test_start.add_listener
def begin(environment, **_):
    gevent.spawn(watch, environment)
"""


@pytest.mark.integration
def test_thinking_costs_neither_greenlets_nor_sockets(tmp_path):
    """While 2,000 users think there is no greenlet, no socket and little memory for them."""
    rows = sessions(2000, 2, gap=0.003, think=40.0)
    trace = write(tmp_path / "t.jsonl", *rows)
    options = ("--dialect", "openai", "--fixed", "--ttft-ms", 5, "--itl-ms", 1)
    with (
        target(tmp_path / "target", *options) as whom,
        load(
            *(tmp_path / "load", *BARE, "--trace", trace, *to(whom, "s-many"), "-t", "12s"),
            file=COUNTING,
        ) as run,
    ):
        came_out(run, 0)
        books_agree(run.run, whom)
        assert run.run.summary["trace"] == {"rows": 4000, "released": 2000, "unreached": 2000}
        lines = (run.folder / "census.jsonl").read_text().splitlines()
    counted = [json.loads(line) for line in lines]
    assert max(each["greenlets"] for each in counted) > 0
    thinking = counted[-3]
    assert (thinking["greenlets"], thinking["users"]) == (0, 0)
    assert thinking["files"] < 40
    # What 2,000 conversations said so far, and the columns of their records.
    assert thinking["kb"] - counted[0]["kb"] < 16_000


def test_a_signal_in_the_middle_of_a_long_skip(tmp_path):
    """A session of 3,000 turns breaks at its first: all skipped, in no time that others miss."""
    rows = [*session("s", 3000, think=0.0, input_tokens=5), *({"request_id": f"r{n}",
            "arrival_time_s": 0.5 + n / 50} for n in range(50))]  # fmt: skip
    trace = write(tmp_path / "t.jsonl", *rows)
    (tmp_path / "faults.json").write_text(
        json.dumps({"faults": [{"do": "status", "ids": ["*-0"], "code": 503}]})
    )
    with (
        target(
            *(tmp_path / "target", "--fixed", "--ttft-ms", 5, "--itl-ms", 1),
            *("--faults", tmp_path / "faults.json"),
        ) as whom,
        load(tmp_path / "load", *BARE, "--trace", trace, *to(whom, "s-long")) as run,
    ):
        came_out(run, 1)
        books_agree(run.run, whom)
        assert run.run.states == {"ok": 50, "http_error": 1, "skipped": 2999}


def test_a_signal_ends_a_closed_loop_of_thinkers(slow, tmp_path):
    """Users who wait for turns that are far off end with the run."""
    trace = write(tmp_path / "t.jsonl", *sessions(3, 2, think=60.0))
    options = (*BARE, "--trace", trace, *to(slow, "s-idle"), "--concurrency", 6)
    with load(tmp_path / "load", *options, file=CLOSED) as run:
        run.running(3)
        run.interrupt(signal.SIGTERM)
        came_out(run, 3)
        books_agree(run.run, slow)
        assert run.run.summary["trace"] == {"rows": 6, "released": 3, "unreached": 3}


BREAKING = """
from sagellm_benchmark.load.sessions import Sessions
from sagellm_benchmark.load.users import ReplayUser

def ended(self, *_):
    raise RuntimeError("a mistake")

Sessions.ended = ended
"""


def test_a_mistake_of_ours_keeps_nobody_waiting(fast, tmp_path):
    """Should what follows a request ever break, the run ends and says so: no turn is waited for."""
    trace = write(tmp_path / "t.jsonl", *sessions(2, 2))
    options = (*BARE, "--trace", trace, *to(fast, "s-broken"))
    with load(tmp_path / "load", *options, file=BREAKING) as run:
        assert run.ended(20) == 3
        reasons = run.run.summary["verdict"]["reasons"]
        assert any("an error of ours: RuntimeError('a mistake')" in reason for reason in reasons)


def test_what_embeddings_cannot_do(fast, tmp_path):
    """An embedding answers nothing that a turn could go on with: refused before any load."""
    trace = write(tmp_path / "t.jsonl", *sessions(1, 2))
    options = (*BARE, "--trace", trace, *to(fast), "--endpoint", "embeddings")
    with load(tmp_path / "load", *options) as run:
        assert run.ended() == 2
        assert "--endpoint embeddings: 1 of 2 rows wait for replies" in run.err
        assert run.runs == []


def test_the_target_goes_while_users_think(tmp_path):
    """Turns that find nobody any more fail, their sessions with them, and all is counted."""
    trace = write(tmp_path / "t.jsonl", *sessions(10, 3, think=0.8, gap=0.01))
    options = ("--fixed", "--ttft-ms", 5, "--itl-ms", 1)
    with (
        target(tmp_path / "target", *options) as whom,
        load(tmp_path / "load", *BARE, *FILES, "--trace", trace, *to(whom, "s-gone")) as run,
    ):
        wait_for(lambda: run.runs and len(run.run.records) >= 10, run)
        whom.stop()
        came_out(run, 1)
        books_agree(run.run)
        locust_agrees(run, run.run)
        assert run.run.states == {"ok": 10, "connect_error": 10, "skipped": 10}
