"""Other people's tasks: every call of a GatewayUser is recorded and counted, whatever ends it."""

from __future__ import annotations

import csv
import json
import signal

import pytest
from tests.load.processes import FILES, books_agree, came_out, load, to

TASKS = '''
from locust import HttpUser, constant, constant_pacing, task
from locust.exception import StopUser

from sagellm_benchmark.load.gateway import GatewayUser


class Chat(GatewayUser):
    """Asks in turn for what is good, what its task fails, and what breaks its block."""

    wait_time = constant_pacing(0.05)
    asked = 0

    @task
    def ask(self):
        Chat.asked += 1
        turn = Chat.asked
        messages = [{"role": "user", "content": f"question {turn}"}]
        if turn == 2:
            with self.gateway.chat(messages, name="checked", max_tokens=5) as out:
                out.fail("not what was asked for")
        elif turn == 3:
            with self.gateway.chat(messages, name="stopped", max_tokens=500,
                                   stop_when=lambda text: len(text) > 40) as out:
                assert len(out.text) > 40 and not out.ok
        elif turn == 4:
            with self.gateway.chat(messages, name="raising", max_tokens=5) as out:
                raise ValueError("the task's own mistake")
        elif turn == 5:
            with self.gateway.chat(messages, name="leaving", max_tokens=5) as out:
                raise StopUser
        else:
            with self.gateway.chat(messages, group="questions", max_tokens=5,
                                   extra_body={"temperature": 0}) as out:
                assert out.ok and len(out.text.split()) == 5


class Browser(HttpUser):
    wait_time = constant(0.1)
    fixed_count = 1

    @task
    def look(self):
        self.client.get("/health")
'''


@pytest.fixture(scope="module")
def played(fast, tmp_path_factory):
    """The tasks above, played by four users for two seconds."""
    options = ("--headless", *FILES, "-u", 4, "-r", 100, "-t", "2s", *to(fast, "tasks"))
    with load(tmp_path_factory.mktemp("tasks"), *options, file=TASKS) as process:
        process.ended()
        yield process


def rows(process):
    """Locust's own table: (type, name) to requests and failures."""
    with (process.folder / "c_stats.csv").open() as lines:
        return {
            (row["Type"], row["Name"]): (int(row["Request Count"]), int(row["Failure Count"]))
            for row in csv.DictReader(lines)
        }


def test_every_call_is_recorded_once(played, fast):
    """Whatever a task does with its answer, its call has one record, and the target saw one."""
    books_agree(played.run, fast)
    summary = played.run.summary
    assert summary["counts"]["planned"] > 20
    assert summary["counts"]["malformed"] == 1
    assert summary["counts"]["cancelled"] == 1
    assert played.process.returncode in (1, 3)
    assert summary["verdict"]["exit_code"] == played.process.returncode


def test_locust_counts_the_same_calls(played):
    """Locust's LLM rows add up to the summary; the HttpUser beside them is Locust's alone."""
    table, counts = rows(played), played.run.summary["counts"]
    calls = [figures for (kind, _), figures in table.items() if kind == "LLM"]
    assert sum(requests for requests, _ in calls) == counts["planned"]
    assert sum(failures for _, failures in calls) == counts["malformed"] == 1
    assert table["GET", "/health"][0] > 5
    assert table["", "Aggregated"][0] == counts["planned"] + table["GET", "/health"][0]
    saved = json.loads((played.folder / "j.json").read_text())
    in_json = sum(row["num_requests"] for row in saved if row["method"] == "LLM")
    assert in_json == counts["planned"]


def test_a_reply_that_its_task_fails(played):
    """`out.fail` makes a call not ok, in the record, with the task's words, and for Locust."""
    (record,) = [record for record in played.run.records if record.name == "checked"]
    assert (record.status, record.reason) == ("malformed", "validation")
    assert record.error.message == "not what was asked for"
    assert record.http_status == 200
    assert rows(played)["LLM", "checked"] == (1, 1)


def test_a_call_that_its_task_stops(played):
    """`stop_when` ends the call as a user would, with the tokens that came."""
    (record,) = [record for record in played.run.records if record.name == "stopped"]
    assert (record.status, record.reason) == ("cancelled", "user")
    assert 0 < record.output_tokens < 500
    assert rows(played)["LLM", "stopped"] == (1, 0)


@pytest.mark.parametrize("name", ["raising", "leaving"])
def test_a_block_that_is_left_early(played, name):
    """An exception or StopUser in the block still leaves the one record of an ok call."""
    (record,) = [record for record in played.run.records if record.name == name]
    assert record.status == "ok"
    assert rows(played)["LLM", name] == (1, 0)


def test_a_group_is_a_class_of_the_summary(played):
    """What a task calls its group stands in the records."""
    grouped = [record for record in played.run.records if record.class_ == "questions"]
    assert len(grouped) == played.run.summary["counts"]["planned"] - 4


def test_calls_on_the_wire_at_the_end(slow, tmp_path):
    """A run that ends while calls are on the wire cancels what outlasts `--stop-timeout`."""
    long = TASKS.replace("max_tokens=5,", "max_tokens=50,").replace(
        "assert out.ok and", "assert not out.ok or"
    )
    options = ("--headless", *FILES, "-u", 3, "-r", 100, "-t", "2s", "--stop-timeout", 1)
    with load(tmp_path, *options, *to(slow, "task-cut"), file=long) as process:
        process.ended()
        books_agree(process.run, slow)
        assert process.run.states["cancelled"] >= 1
        counts, table = process.run.summary["counts"], rows(process)
        calls = [figures for (kind, _), figures in table.items() if kind == "LLM"]
        assert sum(requests for requests, _ in calls) == counts["planned"]


HASTY = """
import gevent
from locust import constant, task

from sagellm_benchmark.load.gateway import GatewayUser


class Hasty(GatewayUser):
    wait_time = constant(0.1)

    @task
    def ask(self):
        with gevent.Timeout(0.2, False):
            with self.gateway.chat([{"role": "user", "content": "slowly"}], max_tokens=50):
                raise AssertionError("the call was to take longer")
"""


def test_a_task_that_gives_up_leaves_a_record_of_each_call(slow, tmp_path):
    """A task's own gevent.Timeout around a call cancels the call; none is lost."""
    options = ("--headless", *FILES, "-u", 2, "-r", 100, "-t", "2s")
    with load(tmp_path, *options, *to(slow, "gives-up"), file=HASTY) as process:
        came_out(process, 1)
        books_agree(process.run, slow)
        counts = process.run.summary["counts"]
        assert counts["planned"] == counts["cancelled"] >= 4


LATE = """
from contextlib import suppress

import gevent
from gevent.hub import GreenletExit
from locust import task

from sagellm_benchmark.load.gateway import GatewayUser


class Late(GatewayUser):
    @task
    def ask(self):
        with self.gateway.chat([{"role": "user", "content": "first"}], max_tokens=5):
            pass
        self._state = "waiting"
        with suppress(GreenletExit):  # as if the wait were over just before the kill lands
            gevent.sleep(60)
        with self.gateway.chat([{"role": "user", "content": "second"}], max_tokens=5):
            pass
"""


def test_a_wait_that_ends_with_the_run(fast, tmp_path):
    """A user that is stopped while it waits begins no call that the stop would cut off."""
    options = ("--headless", *FILES, "-u", 3, "-r", 100, "-t", "1s", *to(fast, "task-late"))
    with load(tmp_path, *options, file=LATE) as process:
        process.ended()
        books_agree(process.run, fast)
        assert process.run.states == {"ok": 3}


SHAPE = """

from locust import LoadTestShape


class Steady(LoadTestShape):
    def tick(self):
        return (3, 100)
"""


def test_a_signal_under_a_shape(fast, tmp_path):
    """Own tasks may follow a LoadTestShape; SIGTERM ends them in good order all the same."""
    options = ("--headless", *FILES, *to(fast, "shaped"))
    with load(tmp_path, *options, file=TASKS + SHAPE) as shaped:
        shaped.running(10)
        shaped.interrupt(signal.SIGTERM)
        assert shaped.ended() == 3
        books_agree(shaped.run, fast)
        assert shaped.run.summary["verdict"]["reasons"][0] == "interrupted by SIGTERM"
