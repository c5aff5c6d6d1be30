"""Workers as whole processes, in all that a run may ask of them: nothing changes with their number.

What can share its time runs at once, as `--processes 2`; what needs processes of its own follows.
"""

from __future__ import annotations

import json
import re
import signal
import socket

import pytest
from tests.load.cluster.networks import network
from tests.load.cluster.processes import cluster, own_records
from tests.load.cluster.relays import relay
from tests.load.processes import (
    CLOSED,
    Load,
    Results,
    books_agree,
    came_out,
    free_port,
    load,
    made,
    target,
    to,
    wait_for,
)
from tests.load.scripted import DONE, HEAD, LAST, STOP, chunk, frame, plain, server
from tests.load.test_page import Page
from tests.load.test_session_runs import by_row, in_order, sessions, write

from sagellm_benchmark.load.cluster.letters import LETTER_BYTES

pytestmark = pytest.mark.integration

TWO = ("--headless", "--processes", 2)
USERS = "from sagellm_benchmark.users import ReplayUser\n"
TASKS = """
from locust import constant, task
from sagellm_benchmark.load.gateway import GatewayUser

class Chat(GatewayUser):
    wait_time = constant(0.05)

    @task
    def ask(self):
        messages = [{"role": "user", "content": "how are you"}]
        with self.gateway.chat(messages, name="ask", max_tokens=5) as out:
            assert out.ok
"""


class Echo:
    """Answers each request with its name, at length where that is wanted.

    Attributes:
        bodies: Of the requests, by their names.
    """

    def __init__(self):
        self.bodies = {}

    async def play(self, peer):
        """One connection."""
        while request := await peer.request():
            head, _, body = request.partition(b"\r\n\r\n")
            if not head.startswith(b"POST"):
                await peer.send(plain("404 Not Found"))
                continue
            name = re.search(rb"X-Request-ID: (\S+)", head)[1].decode()
            self.bodies[name] = json.loads(body)
            words = b"".join(chunk(frame(word)) for word in answer(name, self.bodies[name]))
            await peer.send(HEAD, words, STOP, DONE, LAST)


def answer(name, body):
    """What is said to a request."""
    return [f"{name} ", *["so "] * (body["max_tokens"] - 1)]


def said(*words):
    """A message of a user."""
    return [{"role": "user", "content": " ".join(words)}]


def chats(count, turns):
    """Conversations whose rows carry what is new in them."""
    return [
        {
            "request_id": f"c{each}t{turn}",
            "session_id": f"c{each}",
            "arrival_time_s": each * 0.05 + turn,
            "messages": said(f"question {turn} of {each}"),
            "message_mode": "delta",
            **({"depends_on": [f"c{each}t{turn - 1}"], "think_time_s": 0.02} if turn else {}),
        }
        for each in range(count)
        for turn in range(turns)
    ]


LONG = [
    {
        "request_id": f"l{each}",
        "arrival_time_s": each * 0.05,
        "messages": said(f"say {each}", "x" * 1_000_000 if each == 3 else "ja " * 2000),
        "output_tokens": 60_000 if each == 4 else 5000,
    }
    for each in range(8)
]


@pytest.fixture(scope="module")
def openai(tmp_path_factory):
    """A gateway that counts tokens; replies of 4 tokens take 26 ms."""
    options = ("--dialect", "openai", "--fixed", "--ttft-ms", 20, "--itl-ms", 2)
    with target(tmp_path_factory.mktemp("openai"), *options) as found:
        yield found


@pytest.fixture(scope="module")
def echo():
    """Who answers with the name of each request."""
    found = Echo()
    with server(found.play) as peer:
        found.url = peer.url
        yield found


@pytest.fixture(scope="module")
def loads(openai, fast, slow, echo, tmp_path_factory):
    """Runs of two workers each, all at once."""
    folder = tmp_path_factory.mktemp("cluster")
    turns = write(folder / "turns.jsonl", *sessions(20, 3))
    told = write(folder / "chats.jsonl", *chats(6, 3))
    again = write(folder / "again.jsonl", *sessions(6, 2))
    long = write(folder / "long.jsonl", *LONG)
    begun = {
        "turns": (TWO, "--trace", turns, *to(openai, "m-turns")),
        "few": (TWO, "--trace", turns, *to(openai, "m-few"), "--max-sessions", 5),
        "closed": (TWO, "--trace", turns, *to(openai, "m-closed"), "--concurrency", 3),
        "chats": (TWO, "--no-preflight", "--trace", told, *to(echo, "m-chats")),
        "again": (TWO, "--trace", again, *to(openai, "m-again"), "--loop", 2),
        "capped": (TWO, *made(requests=100, rate=40), *to(slow, "m-cap"), "--max-in-flight", 5),
        "timed": (TWO, *made(requests=400, rate=40), *to(fast, "m-timed"), "-t", "5s"),
        "tasks": (TWO, "-u", 4, "-r", 100, "-t", "6s", *to(fast, "m-tasks")),
        "long": (
            *(TWO, "--no-preflight", "--keep-content", "all", "--trace", long),
            *to(echo, "m-long"),
        ),
    }
    files = {"closed": {"file": CLOSED}, "tasks": {"file": TASKS}}
    started = {
        name: Load(folder / name, *options[0], *options[1:], **files.get(name, {}))
        for name, options in begun.items()
    }
    yield started
    for each in started.values():
        each.close()


def ended_well(load, code=0):
    """It has ended as it should, both workers sent some of it, and its books agree."""
    came_out(load, code)
    run = load.run
    books_agree(run)
    assert len({record.worker for record in run.records if record.sent_s is not None}) == 2
    return run


def most_at_once(spans, bound_s):
    """How many of these spans overlap for sure, with clocks that are known so well."""
    edges = [(begin + bound_s, 1) for begin, _ in spans] + [(end - bound_s, -1) for _, end in spans]
    alive = most = 0
    for _, step in sorted(edges):
        alive += step
        most = max(most, alive)
    return most


def bound_s(run):
    """How well clocks are known."""
    return run.summary["fidelity"]["clock_bound_ms"] / 1000


def test_a_session_stays_on_its_worker(loads, openai):
    """Sixty turns over two workers: each session on one of them, no turn before its predecessor."""
    run = ended_well(loads["turns"])
    assert run.states == {"ok": 60}
    assert in_order(run, openai) == 40
    homes = {}
    for record in run.records:
        homes.setdefault(record.session_id, set()).add(record.worker)
    assert [len(workers) for workers in homes.values()] == [1] * 20


def test_so_many_conversations_over_all_workers(loads, openai):
    """`--max-sessions 5` holds for the whole run."""
    run = ended_well(loads["few"])
    assert run.states == {"ok": 60}
    assert in_order(run, openai) == 40
    spans = {}
    for record in run.records:
        begin, end = spans.get(record.session_id, (record.due_s, record.ended_s))
        spans[record.session_id] = (min(begin, record.due_s), max(end, record.ended_s))
    assert most_at_once(spans.values(), bound_s(run)) <= 5


def test_a_closed_loop_over_sessions(loads):
    """Three users of two workers send every turn, in order, and never four at once."""
    run = ended_well(loads["closed"])
    assert run.states == {"ok": 60}
    records = by_row(run)
    for record in records.values():
        assert all(record.sent_s > records[name].ended_s for name in record.depends_on)
    spans = [(record.sent_s, record.ended_s) for record in records.values()]
    assert most_at_once(spans, bound_s(run)) <= 3


def test_real_replies_are_in_later_prompts(loads, echo):
    """Turns that bring only what is new carry what was really answered, at every worker."""
    run = ended_well(loads["chats"])
    assert run.states == {"ok": 18}
    records = by_row(run)
    for each in range(6):
        expected = []
        for turn in range(3):
            expected += said(f"question {turn} of {each}")
            name = records[f"c{each}t{turn}"].request_id
            assert echo.bodies[name]["messages"] == expected
            reply = "".join(answer(name, echo.bodies[name]))
            expected.append({"role": "assistant", "content": reply})


def test_two_rounds(loads, openai):
    """`--loop 2` over workers: each row twice, its turns behind those of its own round."""
    run = ended_well(loads["again"])
    assert run.states == {"ok": 24}
    assert in_order(run, openai) == 12
    assert {record.depends_on[0] for record in run.records if record.depends_on} == {
        f"s{each}t0{again}" for each in range(6) for again in ("", "+1")
    }


def test_so_many_in_flight_over_all_workers(loads):
    """`--max-in-flight 5`: never more on the wire in the whole run; what is over it is counted."""
    run = ended_well(loads["capped"], 1)
    assert set(run.states) == {"ok", "dropped"}
    assert sum(run.states.values()) == 100
    spans = [(each.sent_s, each.ended_s) for each in run.records if each.sent_s is not None]
    assert 4 <= most_at_once(spans, bound_s(run)) <= 5


def test_time_is_up_for_all_workers(loads, fast):
    """`--run-time 5s`: what was due by then is sent, what was handed out beyond it is not."""
    run = ended_well(loads["timed"])
    books_agree(run, fast)
    assert set(run.states) == {"ok"}
    assert 40 <= run.states["ok"] <= 250
    assert run.summary["trace"]["unreached"] == 400 - run.states["ok"]
    assert 1.5 < max(record.due_s for record in run.records) < 6.3


def test_own_tasks_over_two_workers(loads, fast):
    """Every call of four users at two workers has one record, with a number of its own."""
    run = ended_well(loads["tasks"])
    books_agree(run, fast)
    assert set(run.states) == {"ok"}
    assert run.states["ok"] > 5
    assert min(record.due_s for record in run.records) >= 0
    assert "Run time" not in loads["tasks"].err + loads["timed"].err


def test_long_texts_both_ways(loads, echo):
    """A recorded text of 1 MB reaches a worker; a record longer than a letter comes back whole."""
    run = ended_well(loads["long"])
    assert run.states == {"ok": 8}
    records = by_row(run)
    for row in LONG:
        record = records[row["request_id"]]
        assert echo.bodies[record.request_id]["messages"] == row["messages"]
        assert record.output_tokens == row["output_tokens"]
    (segment,) = run.folder.glob("records/*.jsonl")
    assert max(map(len, segment.read_bytes().splitlines())) > LETTER_BYTES


def test_the_page_starts_workers_again(tmp_path, fast):
    """Stop, and Start right behind it: a second whole run, with a line a worker while it is on."""
    port = free_port()
    web = ("--web-port", port, "--web-host", "127.0.0.1")
    options = (*web, *made(requests=160, rate=40), *to(fast))
    with cluster(tmp_path, *options, page=True, file=USERS) as found:
        page, process = Page(port, fast.url), found.coordinator
        wait_for(page.serves, process)
        wait_for(lambda: len(page.stats["workers"]) == 2, process)
        assert page.start()["success"]
        process.running(10)
        lines = wait_for(lambda: sending(page), process)
        assert [line["state"] for line in lines] == ["running", "running"]
        assert all(line["cpu_percent"] is not None for line in lines)
        assert page.stop()["success"]
        first = Results(process.runs[0])
        books_agree(first, fast)
        assert first.summary["trace"]["unreached"] > 0
        assert page.start()["success"]
        wait_for(lambda: len(process.runs) == 2, process, seconds=3)
        second = Results(process.runs[1])
        wait_for((second.folder / "summary.json").exists, process)
        books_agree(second, fast)
        assert second.states == {"ok": 160}
        assert min(each["records"] for each in second.summary["generator"]["workers"]) > 30
        process.interrupt()
        process.ended()
        assert "Traceback" not in process.err


def test_stop_while_workers_get_ready(tmp_path, fast):
    """Start waits for a worker that stands still: Stop ends that, and the next Start is whole."""
    port = free_port()
    web = ("--web-port", port, "--web-host", "127.0.0.1")
    options = (*web, *made(requests=40, rate=40), *to(fast))
    with cluster(tmp_path, *options, page=True, file=USERS) as found:
        page, process = Page(port, fast.url), found.coordinator
        wait_for(page.serves, process)
        wait_for(lambda: len(page.stats["workers"]) == 2, process)
        whole_run(page, process, 1)
        found.workers[1].process.send_signal(signal.SIGSTOP)
        assert page.start()["success"]
        wait_for(lambda: len(own_folders(found.workers[0])) == 2, process)
        assert page.get("/llm/series")["state"] == "preparing"
        assert "is being started" in page.start()["message"]
        assert page.stop()["success"]
        told = page.get("/llm/series")
        assert (told["state"], told["message"]) == ("refused", "stopped before any load was sent")
        assert len(process.runs) == 1
        found.workers[1].process.send_signal(signal.SIGCONT)
        wait_for(lambda: ready(page) == ["ready", "ready"], process)
        second = whole_run(page, process, 2)
        books_agree(second, fast)
        assert second.states == {"ok": 40}
        assert min(each["records"] for each in second.summary["generator"]["workers"]) > 5
        assert all(len(worker.runs) == 2 for worker in found.workers), "nothing of what was not run"
        assert "Traceback" not in process.err + "".join(each.err for each in found.workers)


def whole_run(page, process, number):
    """Start, and wait until the process has ended so many runs."""
    assert page.start()["success"]
    wait_for(lambda: len(process.runs) == number, process)
    results = Results(process.runs[-1])
    wait_for((results.folder / "summary.json").exists, process)
    wait_for(lambda: page.get("/llm/series")["state"] == "finished", process)
    wait_for(lambda: ready(page) == ["ready", "ready"], process)
    return results


def own_folders(worker):
    """Where a worker that has got ready for runs keeps their records."""
    return list(worker.folder.glob("runs/*/workers/*"))


def ready(page):
    """How Locust says that the workers are."""
    return [each["state"] for each in page.stats["workers"]]


def sending(page):
    """The page's lines of the workers, once all of them have sent something."""
    lines = page.get("/llm/series").get("workers") or []
    return lines if len(lines) == 2 and all(line["sent"] for line in lines) else None


OTHER_VERSION = "import sagellm_benchmark\nsagellm_benchmark.__version__ = '0.0.1'\n" + USERS


def test_who_cannot_take_part_is_named(tmp_path, fast):
    """Another version, a disk that cannot be written, a header that is missing: exit code 2."""
    headed = ("--header", "X-Team=hushhush")
    options = (*made(requests=10, rate=10), *to(fast, "m-refused"), *headed)
    with cluster(tmp_path, *options, workers=3, joined=0) as found:
        found.join(*headed, file=OTHER_VERSION)
        found.join(*headed, "--out", "/dev/null/runs")
        found.join()
        process = found.coordinator
        assert process.ended(60) == 2
        refusal = next(line for line in process.err.splitlines() if "version 0.0.1" in line)
        assert len(re.findall(r"worker \S+-\d: ", refusal)) == 3
        assert "it has version 0.0.1 of this package" in refusal
        assert "--out /dev/null/runs: cannot be written: Not a directory" in refusal
        assert "--header X-Team=… is in force at the coordinator and not here" in refusal
        assert "hushhush" not in process.err
        assert "Traceback" not in process.err
        assert fast.posts("m-refused") == []
        assert process.runs == []
        assert [worker.ended() for worker in found.workers] == [0, 0, 0]


def test_a_port_that_is_taken(tmp_path, fast):
    """A second coordinator on a port says so in one line, with exit code 2."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bound = ("--master-bind-host", "127.0.0.1", "--master-bind-port", taken.getsockname()[1])
        options = ("--headless", "--master", *bound, *made(requests=1, rate=1), *to(fast))
        with load(tmp_path, *options) as process:
            assert process.ended() == 2
            assert "error: no workers can be listened for: Socket bind failure" in process.err
            assert "Traceback" not in process.err
            assert process.runs == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_workers_are_waited_for(tmp_path, fast, how):
    """Nothing has been sent: the wait ends, with exit code 2, and leaves no directory."""
    options = (*made(requests=1, rate=1), *to(fast))
    with cluster(tmp_path, *options, workers=1, joined=0) as found:
        process = found.coordinator
        wait_for(lambda: "Waiting for workers" in process.err or process.runs, process)
        process.interrupt(how)
        assert process.ended(10) == 2
        assert "interrupted before any load was sent" in process.err
        assert "Traceback" not in process.err
        assert process.runs == []


def test_too_few_workers_within_their_time(tmp_path, fast):
    """One line says how many came and what to do; exit code 2; those that came leave."""
    options = ("--expect-workers-max-wait", 4, *made(requests=1, rate=1), *to(fast))
    with cluster(tmp_path, *options, workers=2, joined=1) as found:
        process = found.coordinator
        assert process.ended() == 2
        (line,) = [line for line in process.err.splitlines() if line.startswith("error: ")]
        assert re.match(r"error: [01] of 2 workers came within 4 s", line)
        assert f"--master-port {found.port}" in line
        assert "Traceback" not in process.err
        assert process.runs == []
        found.workers[0].close()


SMALL_DISK = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n" + USERS


def test_a_worker_whose_disk_fills_up(tmp_path, fast):
    """The run ends; what the worker could not record is lost, named and counted; exit code 3."""
    options = (*made(requests=120, rate=60), *to(fast, "m-full"))
    with cluster(tmp_path, *options, joined=1) as found:
        found.join(file=SMALL_DISK)
        came_out(found.coordinator, 3)
        run = found.coordinator.run
        books_agree(run)
        assert set(run.states) == {"ok", "lost"}
        assert sum(run.states.values()) + run.summary["trace"]["unreached"] == 120
        assert "records cannot be written: File too large" in str(run.summary["verdict"])


def test_secrets_stay_where_they_are(tmp_path, fast):
    """A header and a key reach the target, and no message of Locust's and no file; slow ways too.

    The way between workers and coordinator takes 50 ms: so well their clocks are known, no better.
    """
    env = {"KEY": "k-openSesame"}
    secret = ("--header", "X-Team=hushhush", "--api-key-env", "KEY")
    with relay(port_of(fast)) as way:
        whom = ("--host", f"http://127.0.0.1:{way.port}", "--model", "sim-llm")
        options = (*made(requests=60, rate=40), *whom, *secret, "--run-id", "m-secret")
        with cluster(tmp_path, *options, joined=0, env=env) as found:
            with relay(found.port, delay_s=0.05) as between:
                for _ in range(2):
                    found.join("--master-port", between.port, *secret, env=env)
                came_out(found.coordinator, 0)
            run = found.coordinator.run
            assert run.states == {"ok": 60}
            books_agree(run, fast)
        assert way.passed.count(b"hushhush") >= 60
        assert way.passed.count(b"k-openSesame") >= 60
    assert b"sagellm" in between.passed
    for secret in (b"hushhush", b"k-openSesame"):
        assert secret not in between.passed
        for path in tmp_path.rglob("*"):
            assert not path.is_file() or secret not in path.read_bytes(), path
    blurred(run, 50)


def port_of(whom):
    """Where a target listens."""
    return int(whom.url.rpartition(":")[2])


def blurred(run, bound_ms):
    """The bound of the clocks is told, and gaps between workers are not."""
    fidelity = run.summary["fidelity"]
    assert bound_ms <= fidelity["clock_bound_ms"] < bound_ms + 100
    assert fidelity["iat_ks"] is None
    assert fidelity["iat_cv"]["sent"] is None
    assert fidelity["iat_cv"]["planned"] is not None


def test_workers_in_a_network_of_their_own(tmp_path, fast):
    """Two workers, 50 ms from coordinator and target: each row once, the clocks' bound told."""
    with network() as far, relay(port_of(fast), host=far.here, delay_s=0.05) as way:
        whom = ("--host", f"http://{far.here}:{way.port}", "--model", "sim-llm")
        options = (*made(requests=60, rate=40), *whom, "--run-id", "m-far")
        with cluster(tmp_path, *options, joined=0) as found:
            with relay(found.port, host=far.here, delay_s=0.05) as between:
                there = ("--master-host", far.here, "--master-port", between.port)
                for _ in range(2):
                    found.join(*there, before=far.before)
                came_out(found.coordinator, 0)
            run = found.coordinator.run
            assert run.states == {"ok": 60}
            books_agree(run, fast)
            assert min(len(own_records(worker)) for worker in found.workers) > 20
            assert run.summary["latency"]["ttft_ms"]["min"] > 100 + 20
            blurred(run, 50)
