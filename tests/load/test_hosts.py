"""Several hosts: even counts, sessions that stay with theirs, figures for each."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter, defaultdict

import pytest
from tests.load.processes import (
    CLOSED,
    FILES,
    books_agree,
    came_out,
    clean_environment,
    free_port,
    load,
    made,
    target,
    to,
)

from sagellm_benchmark.schedule.plan import make_plan
from sagellm_benchmark.trace.source import open_trace
from sagellm_benchmark.trace.transforms import Pace, Selection

SIM = ("--fixed", "--ttft-ms", 20, "--itl-ms", 2)
HEADER = {"schema": "sagellm.trace/1", "source": {"name": "made up"}}
TASKS = """
from locust import task, constant
from sagellm_benchmark.load.gateway import GatewayUser

ASK = [{"role": "user", "content": "hi"}]

class Caller(GatewayUser):
    wait_time = constant(0.05)

    @task
    def call(self):
        with self.gateway.chat(ASK, max_tokens=5, group=str(id(self))):
            pass
"""


class Both:
    """Two targets as one.

    Attributes:
        url: Both, as `--host` takes them.
        each: The targets.
    """

    def __init__(self, *each):
        self.each = each
        self.url = ",".join(one.url for one in each)

    def posts(self, run_id=None):
        """What either of them got."""
        return [line for one in self.each for line in one.posts(run_id)]

    def counts(self, run_id):
        """How many requests each got."""
        return [len(one.posts(run_id)) for one in self.each]


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Two gateways."""
    folder = tmp_path_factory.mktemp("both")
    with target(folder / "one", *SIM) as one, target(folder / "two", *SIM) as two:
        yield Both(one, two)


def trace_of(path, rows):
    """A trace file."""
    path.write_text("".join(json.dumps(line) + "\n" for line in [HEADER, *rows]))
    return path


def talk(sessions=6, turns=5, alone=40):
    """Rows of sessions, by name and by what they wait for, with rows of nobody between them."""
    rows = []
    for turn in range(turns):
        for session in range(sessions):
            row = {"request_id": f"{session}-{turn}", "session_id": f"s{session}"}
            if session % 3 == 0:
                row |= {"depends_on": [f"{session}-{turn - 1}"]} if turn else {}
                del row["session_id"]
            rows.append(row)
    rows += [{"request_id": f"alone-{number}"} for number in range(alone)]
    sizes = {"input_tokens": 8, "output_tokens": 5}
    return [{**row, "arrival_time_s": n / 60, **sizes} for n, row in enumerate(rows)]


@pytest.mark.integration
def test_sessions_stay_and_the_rest_goes_round(both, tmp_path):
    """No session is on two hosts, the counts are even, and the figures come for each host."""
    trace = trace_of(tmp_path / "t.jsonl", talk())
    with load(tmp_path, "--headless", *FILES, "--trace", trace, *to(both, "talk")) as process:
        came_out(process, 0)
    run = process.run
    books_agree(run, both)
    assert both.counts("talk") == [35, 35]
    where = defaultdict(set)
    for record in run.records:
        if not record.row_id.startswith("alone"):
            where[record.row_id[0]].add(record.host)
    assert all(len(hosts) == 1 for hosts in where.values())
    assert len(set.union(*where.values())) == 2
    groups = {group["host"]: group["counts"]["planned"] for group in run.summary["groups"]}
    assert groups == {one.url: 35 for one in both.each}
    told = run.manifest["target"]
    assert told["url"] == both.url
    assert [host["url"] for host in told["hosts"]] == both.url.split(",")
    (other,) = run.manifest["server"]["others"]
    assert (other["dialect"], other["models"]) == (told["dialect"], told["models"])


@pytest.mark.integration
def test_workers_change_nothing_about_it(both, tmp_path):
    """Over two workers each row goes where the plan says, as it does without any."""
    trace = trace_of(tmp_path / "t.jsonl", talk())
    plan = make_plan(open_trace(trace), Selection(), Pace(), hosts=2)
    urls, port = both.url.split(","), free_port()
    ports = {"LOCUST_MASTER_BIND_PORT": str(port), "LOCUST_MASTER_NODE_PORT": str(port)}
    options = ("--headless", "--processes", 2, *FILES, "--trace", trace)
    with load(tmp_path, *options, *to(both, "spread"), env=ports) as process:
        came_out(process, 0)
    run = process.run
    books_agree(run, both)
    assert both.counts("spread") == [35, 35]
    assert len({record.worker for record in run.records}) == 2
    for record in run.records:
        assert record.host == urls[plan.allotment.host(record.seq)]


@pytest.mark.integration
def test_a_closed_loop_goes_round_too(both, tmp_path):
    """Whichever user is free takes the next row, and the row has its host."""
    options = (*made(requests=41), "--concurrency", 7)
    with load(tmp_path, "--headless", *FILES, *options, *to(both, "loop"), file=CLOSED) as process:
        came_out(process, 0)
    assert both.counts("loop") == [21, 20]
    by_host = Counter(record.host for record in process.run.records)
    assert by_host == dict(zip(both.url.split(","), (21, 20), strict=True))


@pytest.mark.integration
def test_a_user_of_a_task_keeps_to_one(both, tmp_path):
    """Own tasks: users in turn, each with one host for all its calls."""
    options = ("--headless", *FILES, "-u", 4, "-r", 20, "-t", "2s")
    with load(tmp_path, *options, *to(both, "tasks"), file=TASKS) as process:
        came_out(process, 0)
    of_user = defaultdict(set)
    for record in process.run.records:
        of_user[record.class_].add(record.host)
    assert sorted(len(hosts) for hosts in of_user.values()) == [1, 1, 1, 1]
    assert Counter(host for hosts in of_user.values() for host in hosts) == dict.fromkeys(
        both.url.split(","), 2
    )


def test_one_that_does_not_answer_ends_it(both, tmp_path):
    """Every host is asked before any load; one line names the one that failed."""
    silent = f"{both.each[0].url},http://127.0.0.1:{free_port()}"
    options = ("--headless", *made(requests=5, rate=10), "--model", "sim-llm", "--host", silent)
    with load(tmp_path, *options) as process:
        assert process.ended() == 2
    (line,) = [line for line in process.err.splitlines() if "error" in line]
    assert silent.split(",")[1] in line
    assert not process.runs


def test_check_looks_at_each(both, tmp_path):
    """Of several hosts each is described, and all are one line to run with."""
    command = [sys.executable, "-m", "sagellm_benchmark", "check", "--host", both.url]
    done = subprocess.run(
        [*command, "--model", "sim-llm"],
        capture_output=True, text=True, timeout=60, cwd=tmp_path, env=clean_environment(),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert [done.stdout.count(f"at          {one.url}\n") for one in both.each] == [1, 1]
    assert f"--host {both.url} --model sim-llm" in done.stdout
