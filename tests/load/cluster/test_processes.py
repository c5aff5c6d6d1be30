"""Workers as whole processes: one schedule, whatever becomes of who sends it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest
from tests.load.cluster.processes import LOCAL, cluster, own_records
from tests.load.processes import (
    CLOSED,
    books_agree,
    came_out,
    free_port,
    load,
    locust_agrees,
    made,
    target,
    to,
    wait_for,
)
from tests.load.test_page import Page

pytestmark = pytest.mark.integration

FILES = ("--csv", "c", "--json-file", "j", "--html", "h.html")


def same_once(whom, results):
    """No request reached the target twice."""
    ids = [line.request_id for line in whom.posts(results.run_id)]
    assert len(ids) == len(set(ids))


def test_two_workers_replay_one_schedule(tmp_path, fast):
    """All rows are sent, half by each; records, summary, Locust's files and the target agree."""
    with cluster(tmp_path, *made(requests=120, rate=60), *to(fast, "cl-two"), *FILES) as found:
        came_out(found.coordinator, 0)
        run = found.coordinator.run
        assert run.states == {"ok": 120}
        books_agree(run, fast)
        locust_agrees(found.coordinator, run)
        by_worker = [len(own_records(worker)) for worker in found.workers]
        assert sum(by_worker) == 120
        assert min(by_worker) > 20, "nobody is left out"
        assert [worker.ended() for worker in found.workers] == [0, 0]
        summary = run.summary
        told = [each["records"] for each in summary["generator"]["workers"]]
        assert sorted(told) == sorted(by_worker)
        assert summary["fidelity"]["clock_bound_ms"] < 50


def test_processes_of_one_command(tmp_path, fast):
    """`--processes 2` makes the command itself the coordinator."""
    options = ("--headless", "--processes", 2, *made(requests=60, rate=60))
    with load(tmp_path, *options, *to(fast, "cl-processes")) as found:
        came_out(found, 0)
        assert found.run.states == {"ok": 60}
        books_agree(found.run, fast)
        assert len(list(found.run.folder.glob("workers/*/*.jsonl"))) == 2


def test_a_closed_loop_of_two_workers(tmp_path, fast):
    """`--concurrency` holds for the whole run: no more than five requests fly at once."""
    options = (*made(requests=100), "--concurrency", 5, *to(fast, "cl-closed"))
    with cluster(tmp_path, *options, file=CLOSED) as found:
        came_out(found.coordinator, 0)
        run = found.coordinator.run
        assert run.states == {"ok": 100}
        books_agree(run, fast)
        spans = [(record.sent_s, record.ended_s) for record in run.records]
        assert max(sum(a <= at < b for a, b in spans) for at, _ in spans) <= 5


def test_a_killed_worker(tmp_path, fast):
    """Noticed within two seconds; the rest goes on elsewhere; its rows are lost; exit code 3."""
    options = (*made(requests=300, rate=50), *to(fast, "cl-kill"))
    with cluster(tmp_path, *options) as found:
        found.sending(20)
        found.workers[1].process.kill()
        wait_for(lambda: "is lost" in found.coordinator.err, found.coordinator, seconds=3)
        came_out(found.coordinator, 3)
        run = found.coordinator.run
        books_agree(run)
        same_once(fast, run)
        states = run.states
        assert set(states) == {"ok", "lost"}
        assert states["ok"] + states["lost"] == 300
        assert 1 <= states["lost"] <= 120
        reasons = run.summary["verdict"]["reasons"]
        assert any(
            "1 workers lost" in reason and "connection is closed" in reason for reason in reasons
        )
        late = [record.worker for record in run.records if record.due_s > 5.5]
        assert len(set(late)) == 1, "the other worker sent the rest"


def test_a_stopped_worker_sends_nothing_twice(tmp_path, fast):
    """Nine seconds of SIGSTOP: nothing lost, nothing sent twice; late, and the verdict says so."""
    options = (*made(requests=300, rate=20), *to(fast, "cl-stop"))
    with cluster(tmp_path, *options) as found:
        found.sending(10)
        found.workers[0].process.send_signal(signal.SIGSTOP)
        time.sleep(9)
        found.workers[0].process.send_signal(signal.SIGCONT)
        assert found.coordinator.ended(60) == 3
        run = found.coordinator.run
        assert run.states == {"ok": 300}
        books_agree(run, fast)
        assert "dispatch lag" in " ".join(run.summary["verdict"]["reasons"])
        longest = max(run.summary["generator"]["stalls"], key=lasted)
        assert lasted(longest) > 7
        touched = [record.worker for record in run.records if on_the_wire(record, longest)]
        assert set(touched) - {longest["worker"]}, "the other one went on sending"
        assert longest["requests"] == touched.count(longest["worker"])


def lasted(stall):
    """Seconds for which a worker stood still."""
    return stall["end_s"] - stall["start_s"]


def on_the_wire(record, stall):
    """Whether a request was under way while somebody stood still."""
    return record.sent_s < stall["end_s"] and record.ended_s > stall["start_s"]


def test_a_late_worker_joins_in(tmp_path, fast):
    """One that comes while the run is on gets rows, and Locust's page says that it runs."""
    port = free_port()
    web = ("--web-port", port, "--web-host", LOCAL, "--autostart", "--autoquit", 0)
    options = (*web, *made(requests=600, rate=30), *to(fast, "cl-late"))
    with cluster(tmp_path, *options, workers=1, page=True) as found:
        found.sending(10)
        late = found.join()
        page = Page(port, fast.url)
        wait_for(lambda: both_running(page), found.coordinator)
        came_out(found.coordinator, 0)
        run = found.coordinator.run
        assert run.states == {"ok": 600}
        books_agree(run, fast)
        assert len(own_records(late)) > 20


def both_running(page):
    """Locust's lines of two workers, once both of them run."""
    lines = page.stats["workers"]
    return lines if [line["state"] for line in lines] == ["running", "running"] else None


def test_a_killed_coordinator(tmp_path, fast):
    """Its workers stop within five seconds, and `merge` makes a summary of what they recorded."""
    options = (*made(requests=600, rate=30), *to(fast, "cl-dead"))
    with cluster(tmp_path, *options) as found:
        found.sending(20)
        found.coordinator.process.kill()
        began = time.monotonic()
        codes = [worker.ended(10) for worker in found.workers]
        assert time.monotonic() - began < 6
        assert codes == [3, 3]
        assert all("connection to the coordinator" in worker.err for worker in found.workers)
        before = len(fast.posts("cl-dead"))
        time.sleep(0.5)
        assert len(fast.posts("cl-dead")) == before
        folders = [path for worker in found.workers for path in worker.folder.glob("runs/cl-dead")]
        merged = subprocess.run(
            [sys.executable, "-m", "sagellm_benchmark", "merge", *map(str, folders)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert merged.returncode == 3, merged.stderr
        summary = json.loads((folders[0] / "summary.json").read_text())
        assert summary["counts"]["planned"] == sum(len(own_records(w)) for w in found.workers)


def test_a_coordinator_that_sleeps_ten_seconds(tmp_path, fast):
    """What was handed out is sent meanwhile; the rest is late, and nothing is lost."""
    options = (*made(requests=300, rate=20), *to(fast, "cl-sleep"))
    with cluster(tmp_path, *options) as found:
        found.sending(10)
        found.coordinator.process.send_signal(signal.SIGSTOP)
        time.sleep(10)
        found.coordinator.process.send_signal(signal.SIGCONT)
        assert found.coordinator.ended(60) == 3
        run = found.coordinator.run
        assert run.states == {"ok": 300}
        books_agree(run, fast)


def test_two_gateways_get_even_counts(tmp_path, fast):
    """Two hosts, two workers: each host gets half of the requests, whoever sends them."""
    with target(tmp_path / "second", "--fixed", "--ttft-ms", 20, "--itl-ms", 2) as second:
        hosts = ("--host", f"{fast.url},{second.url}", "--model", "sim-llm", "--run-id", "cl-hosts")
        with cluster(tmp_path, *made(requests=100, rate=50), *hosts) as found:
            came_out(found.coordinator, 0)
            run = found.coordinator.run
            assert run.states == {"ok": 100}
            assert len(fast.posts("cl-hosts")) == len(second.posts("cl-hosts")) == 50


def test_ctrl_c_reaches_all_and_the_coordinator_decides(tmp_path, slow):
    """Workers ignore it; what is on the wire lands; exit code 3, and every request has a state."""
    options = ("--headless", "--processes", 2, *made(requests=400, rate=40))
    with load(tmp_path, *options, *to(slow, "cl-ctrl-c")) as found:
        found.running(5)
        found.interrupt()
        assert found.ended(60) == 3
        run = found.run
        books_agree(run, slow)
        assert set(run.states) == {"ok"}
        assert any("interrupted by SIGINT" in each for each in run.summary["verdict"]["reasons"])
        assert "Traceback" not in found.err


def test_a_worker_that_is_told_to_leave(tmp_path, fast):
    """SIGTERM to one worker: what flies lands and is recorded, what it held is lost."""
    options = (*made(requests=300, rate=50), *to(fast, "cl-term"))
    with cluster(tmp_path, *options) as found:
        found.sending(20)
        found.workers[0].process.send_signal(signal.SIGTERM)
        came_out(found.coordinator, 3)
        run = found.coordinator.run
        books_agree(run)
        same_once(fast, run)
        assert set(run.states) <= {"ok", "lost"}
        assert "SIGTERM" in " ".join(run.summary["verdict"]["reasons"])


def test_a_worker_without_the_key_is_named_before_any_load(tmp_path, fast):
    """Each worker reads its own key; one that has none ends the run with exit code 2."""
    keyed = ("--api-key-env", "KEY")
    options = (*made(requests=10, rate=10), *to(fast, "cl-key"), *keyed)
    with cluster(tmp_path, *options, workers=1, env={"KEY": "secret"}) as found:
        found.workers[0].close()
        found.join(env={})
        assert found.coordinator.ended(60) == 2
        assert "environment variable is not set" in found.coordinator.err
        assert fast.posts("cl-key") == []
        assert found.coordinator.runs == []
