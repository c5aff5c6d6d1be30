"""What goes wrong during a run is counted, told and survived: the target, the disk, ourselves."""

from __future__ import annotations

import json
import resource
import signal
import subprocess

import pytest
from tests.load.processes import (
    FILES,
    REPLAY,
    Load,
    Results,
    books_agree,
    came_out,
    load,
    locust_agrees,
    made,
    target,
    to,
)


@pytest.fixture(scope="module")
def capped(slow, tmp_path_factory):
    """Two runs whose cap on requests in flight is far too low, with and without a gate."""
    folder = tmp_path_factory.mktemp("capped")
    options = ("--headless", *FILES, *made(requests=30, rate=30), "--max-in-flight", 2)
    allowing = ("--slo", "error_rate<=1")
    started = {
        "gated": Load(folder / "gated", *options, *to(slow, "gated")),
        "free": Load(folder / "free", *options, *to(slow, "free"), *allowing),
    }
    yield started
    for each in started.values():
        each.close()


@pytest.mark.parametrize(("name", "code"), [("gated", 1), ("free", 0)])
def test_what_the_cap_drops_is_counted(capped, slow, name, code):
    """Over `--max-in-flight` a row is dropped: counted, never sent, and the gate sees it."""
    run = capped[name]
    came_out(run, code)
    books_agree(run.run, slow)
    locust_agrees(run, run.run)
    dropped = [record for record in run.run.records if record.status == "dropped"]
    assert len(dropped) == run.run.states["dropped"] > 20
    assert all(record.sent_s is None and record.reason == "max_in_flight" for record in dropped)
    assert run.run.summary["generator"]["peak_in_flight"] == 2


def test_the_target_dies_midway(tmp_path):
    """A target that is killed fails what it held and what follows; every request is counted."""
    with (
        target(tmp_path / "target", "--fixed", "--ttft-ms", 100, "--itl-ms", 50) as whom,
        load(
            *(tmp_path / "load", "--headless", *FILES, *to(whom, "killed")),
            *made(requests=60, rate=40, output_tokens=10),
        ) as run,
    ):
        whom.busy(15)
        whom.stop(signal.SIGKILL)
        came_out(run, 1)
        books_agree(run.run)
        locust_agrees(run, run.run)
        assert run.run.summary["counts"]["planned"] == 60
        assert run.run.states["incomplete"] > 5
        assert run.run.states["connect_error"] > 5
        assert set(run.run.states) <= {"ok", "incomplete", "connect_error"}
        cut = [record for record in run.run.records if record.status == "incomplete"]
        assert any(record.chunks for record in cut)


def test_a_slow_accept_is_the_targets_latency(tmp_path):
    """A target that accepts 200 ms late shows it in TTFT, and in no lag of ours."""
    with (
        target(
            *(tmp_path / "target", "--fixed", "--ttft-ms", 20, "--itl-ms", 2),
            *("--accept-delay-ms", 200),
        ) as whom,
        load(
            *(tmp_path / "load", "--headless", *FILES, *to(whom, "late")),
            *made(requests=30, rate=200),
        ) as run,
    ):
        came_out(run, 0)
        books_agree(run.run, whom)
        assert run.run.states == {"ok": 30}
        assert run.run.summary["latency"]["ttft_ms"]["p50"] > 200
        assert run.run.summary["fidelity"]["dispatch_lag_ms"]["p50"] < 50


@pytest.fixture
def tiny(tmp_path):
    """A file system of 128 kB."""
    place = tmp_path / "tiny"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a small file system here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def disk_full(run, directory, whom):
    """A run whose records find no room: it stops, tells all it knows, and leaves with 3."""
    assert run.ended() == 3
    assert "Traceback" not in run.err
    assert "records cannot be written" in " ".join(run.out.split())
    assert "no more requests are sent" in run.err
    results = Results(directory)
    posts = whom.posts(results.run_id)
    assert 20 < len(posts) < 300
    assert f"requests      {len(posts)} planned = ok {len(posts)}" in run.out
    assert 0 < len(results.records) < len(posts)
    locust_says = f"{len(posts)}     0(0.00%)"
    assert locust_says in run.err


def test_a_full_disk(fast, tmp_path, tiny):
    """A disk that is full ends the run: no more is sent, the summary is printed, exit code 3."""
    options = ("--headless", *made(requests=400, rate=100, output_tokens=30), "--out", tiny)
    with load(tmp_path / "load", *options, *to(fast, "full")) as run:
        disk_full(run, tiny / "full", fast)


def test_a_file_that_may_grow_no_more(fast, tmp_path):
    """A limit on the size of files is a full disk; what fits, the summary, is still written."""
    options = ("--headless", *made(requests=400, rate=100, output_tokens=30))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (70_000, before[1]))
    try:
        run = Load(tmp_path, *options, *to(fast, "limited"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    try:
        disk_full(run, tmp_path / "runs" / "limited", fast)
        assert run.run.summary["verdict"]["exit_code"] == 3
    finally:
        run.close()


def test_a_disk_that_is_full_from_the_start(fast, tmp_path, tiny):
    """Where not even the summary would fit, nothing is sent, and one line says why."""
    (tiny / "hog").write_bytes(bytes(100 * 1024))
    options = ("--headless", *made(requests=10, rate=100), "--out", tiny)
    with load(tmp_path / "load", *options, *to(fast, "no-room")) as run:
        assert run.ended() == 2
        assert f"error: --out {tiny}: cannot be written: No space left on device" in run.err
        assert "Traceback" not in run.err
        assert fast.posts("no-room") == []
        assert [path.name for path in tiny.iterdir()] == ["hog"]


BREAKS = {
    "a record": """
from sagellm_benchmark.load.run import Run
kept = Run.record
def record(self, seq, job, outcome):
    if seq == 3:
        raise RuntimeError("broken on purpose")
    return kept(self, seq, job, outcome)
Run.record = record
""",
    "a launch": """
from sagellm_benchmark.load.driver import Driver
kept = Driver._launch
def launch(self, planned, job, due_ns):
    if planned.seq == 3:
        raise RuntimeError("broken on purpose")
    kept(self, planned, job, due_ns)
Driver._launch = launch
""",
    "the start": """
from sagellm_benchmark.load import coordinator
def broken(*_):
    raise RuntimeError("broken on purpose")
coordinator.Manifest = broken
""",
    "the summary": """
from sagellm_benchmark.load import coordinator
def broken(*_, **__):
    raise RuntimeError("broken on purpose")
coordinator.finish = broken
""",
}


@pytest.fixture(scope="module")
def broken(fast, tmp_path_factory):
    """A run for each place where our own code may break."""
    folder = tmp_path_factory.mktemp("broken")
    options = ("--headless", *made(requests=10, rate=30))
    started = {
        name: Load(
            *(folder / name.replace(" ", "-"), *options),
            *to(fast, name.replace(" ", "-")),
            file=REPLAY + patch,
        )
        for name, patch in BREAKS.items()
    }
    yield started
    for each in started.values():
        each.close()


@pytest.mark.parametrize("name", BREAKS)
def test_our_own_failure_is_no_result(broken, name):
    """An exception in our listeners ends the run, says so, and leaves with 3: nothing hangs."""
    run = broken[name]
    assert run.ended(20) == 3, run.err
    assert "broken on purpose" in run.err
    assert "AttributeError" not in run.err
    for summary in run.folder.glob("runs/*/summary.json"):
        assert not json.loads(summary.read_text())["verdict"]["valid"]
