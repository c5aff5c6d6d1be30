"""What happens to the process itself: clocks that jump, a heap that is full, a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from tests.faults.program import program
from tests.load.processes import (
    REPLAY,
    Results,
    books_agree,
    came_out,
    clean_environment,
    load,
    made,
    to,
)

from sagellm_benchmark.record.segments import read_records

pytestmark = pytest.mark.integration

JUMPS = f"""{REPLAY}
import time
from locust import events

real, began = time.time, []

def shift():
    # An hour ahead after half a second, a day back another half a second later.
    since = time.monotonic() - began[0] if began else 0.0
    return 0.0 if since < 0.5 else 3600.0 if since < 1.0 else -86400.0

time.time = lambda: real() + shift()

@events.test_start.add_listener
def begin(environment, **_):
    began.append(time.monotonic())
"""


def test_the_wall_clock_jumps(sound, tmp_path):
    """An hour ahead and a day back in the midst of the load move no figure and no date."""
    options = ("--headless", *made(requests=60, rate=30), *to(sound, "jumps"))
    began = time.time()
    with load(tmp_path, *options, file=JUMPS) as run:
        came_out(run, 0)
        ended = time.time()
        books_agree(run.run, sound)
        assert run.run.states == {"ok": 60}
        assert 1.9 < run.run.summary["duration_s"] < 1.97 + 0.5
        sent_s = [record.sent_s for record in run.run.records]
        assert max(sent_s) - min(sent_s) < 1.97 + 0.5
        for record in run.run.records:
            assert 0 < record.last_token_s - record.sent_s < 2
            stamps = record.metrics["timestamps"]
            assert began < stamps["queued_at"] <= stamps["completed_at"] < ended
            assert abs(stamps["queued_at"] - stamps["scheduled_at"]) < 2


FULL = f"""
import gc, json, time
from pathlib import Path

gc.disable()
HEAP = [[[]] for _ in range(1_000_000)]
gc.enable()
{REPLAY}
import gevent
from locust import events

pauses = []

def note(phase, info):
    if phase == "start":
        pauses.append([info["generation"], time.thread_time()])
    else:
        pauses[-1][1] = time.thread_time() - pauses[-1][1]

@events.test_start.add_listener
def watch(environment, **_):
    def collect():
        gc.callbacks.append(note)
        gc.collect()
    gevent.spawn_later(0.5, collect)

@events.quitting.add_listener
def tell(environment, **_):
    gc.callbacks.remove(note)
    Path("pauses.json").write_text(json.dumps(pauses))
"""


def test_two_million_objects_cost_no_pause(sound, tmp_path):
    """What was loaded before the load is no matter of the collector's while requests fly."""
    options = ("--headless", *made(requests=40, rate=40), *to(sound, "full"))
    with load(tmp_path, *options, file=FULL) as run:
        came_out(run, 0)
        books_agree(run.run, sound)
        assert run.run.states == {"ok": 40}
        pauses = json.loads((tmp_path / "pauses.json").read_text())
    assert 2 in [generation for generation, _ in pauses]
    # Seconds of this thread's own time, so that a busy machine is no excuse. Unfrozen it is 0.14.
    assert max(seconds for _, seconds in pauses) < 0.05


@pytest.fixture(scope="module")
def killed(sound, tmp_path_factory):
    """The records of a run that was killed in the midst of its load."""
    options = (*made(requests=4000, rate=200), *to(sound, "killed"))
    with program(tmp_path_factory.mktemp("killed"), *options) as run:
        run.running(100)
        run.interrupt(signal.SIGKILL)
        assert run.ended() == -signal.SIGKILL
        yield run.run


def test_what_a_killed_run_wrote_can_be_read(killed, sound):
    """After `kill -9` every record on disk is whole, each of one request, and no summary stands."""
    records = read_records(sorted(killed.folder.glob("records/*.jsonl")))
    found = list(records)
    assert len({record.seq for record in found}) == len(found) >= 100
    assert records.torn in (0, 1)
    assert {record.request_id for record in found} <= {
        line.request_id for line in sound.posts("killed")
    }
    assert not (killed.folder / "summary.json").exists()


def test_a_torn_last_line_is_left_out(killed, tmp_path):
    """A line that was never finished is dropped and counted; the others stand."""
    (segment,) = killed.folder.glob("records/*.jsonl")
    whole = segment.read_bytes().splitlines(keepends=True)[:20]
    torn = tmp_path / "torn.jsonl"
    torn.write_bytes(b"".join(whole)[:-40])
    records = read_records([torn])
    assert len(list(records)) == 19
    assert records.torn == 1


BREAKS = f"""{REPLAY}
from sagellm_benchmark.load.coordinator import Coordinator

def broken(self):
    raise RuntimeError("broken on purpose")

Coordinator.initialise = broken
"""


def test_our_own_failure_before_the_load_sends_none(sound, tmp_path):
    """Should the program break before the load, it says where, sends nothing and leaves with 2."""
    options = ("--headless", *made(requests=5, rate=50), *to(sound, "broken-early"))
    with load(tmp_path, *options, file=BREAKS) as run:
        assert run.ended() == 2
        assert "RuntimeError: broken on purpose" in run.err
        assert run.runs == []
    assert sound.posts("broken-early") == []


def complaint(folder, *options, stdout):
    """`sagellm-benchmark run` with an output that takes nothing: exit code and standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "sagellm_benchmark", "run", *map(str, options)],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        cwd=folder,
        env=clean_environment(),
        check=False,
    )
    return done.returncode, done.stderr


def test_an_output_that_takes_nothing(sound, tmp_path):
    """A plan that cannot be printed, into a full disk or a closed pipe, is one line and code 2."""
    options = (*made(requests=5, rate=50), *to(sound, "unheard"))
    read, write = os.pipe()
    os.close(read)
    with open("/dev/full", "w") as full, os.fdopen(write, "w") as closed:  # noqa: PTH123
        for stdout, words in ((full, "No space left on device"), (closed, "Broken pipe")):
            code, said = complaint(tmp_path, *options, stdout=stdout)
            assert said == f"error: standard output cannot be written: {words}\n"
            assert code == 2
    assert sound.posts("unheard") == []
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_is_closed_during_the_load(sound, tmp_path):
    """Whoever stops reading loses the table and nothing else: files and exit code are the run's."""
    read, write = os.pipe()
    options = (*made(requests=20, rate=20), *to(sound, "left"))
    with os.fdopen(write, "w") as pipe:
        started = subprocess.Popen(
            [sys.executable, "-m", "sagellm_benchmark", "run", *map(str, options)],
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=clean_environment(),
        )
    try:
        assert b"What will happen" in os.read(read, 65536)
        os.close(read)
        _, said = started.communicate(timeout=30)
    finally:
        started.kill()
    assert "Traceback" not in said, said
    results = Results(tmp_path / "runs" / "left")
    books_agree(results, sound)
    assert results.states == {"ok": 20}
    assert started.returncode == results.summary["verdict"]["exit_code"]
    assert "standard output cannot be written: Broken pipe; the result is in" in said
