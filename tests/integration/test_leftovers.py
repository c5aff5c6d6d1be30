"""What real runs leave on disk: put together after a kill, handed on in every form."""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
import shutil
import signal
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from tests.load.processes import (
    BUSY,
    Load,
    Results,
    books_agree,
    came_out,
    made,
    target,
    to,
    wait_for,
)

from sagellm_benchmark.cli.main import main
from sagellm_benchmark.record.archive import open_archive
from sagellm_benchmark.report.command import command_line

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

DOCS = Path(__file__).parents[2] / "docs"
ASKED = ("--slo", "ttft_ms.p99<=5000", "--temperature", "0.5", "--header", "X-Team=canary-77")


class Program(Load):
    """One `sagellm-benchmark run`."""

    def program(self, locustfile):
        """What is run, as Python's `-m` takes it."""
        return ["sagellm_benchmark", "run"]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """A quick simulated gateway."""
    options = ("--fixed", "--ttft-ms", 20, "--itl-ms", 5)
    with target(tmp_path_factory.mktemp("gateway"), *options) as found:
        yield found


@pytest.fixture(scope="module")
def runs(gateway, tmp_path_factory):
    """One run to its end and again from its own command; two that are killed, one with workers."""
    folder = tmp_path_factory.mktemp("runs")
    system = folder / "system.yaml"
    example = re.search(r"```yaml\n(.*?)```", (DOCS / "system.md").read_text("utf-8"), re.DOTALL)
    system.write_text(example[1])
    rows = made(requests=40, rate=40)
    with ExitStack() as started:

        def begin(name, *options):
            return started.enter_context(closing(Program(folder / name, *options)))

        rows, many = made(requests=40, rate=40), made(requests=3000, rate=40)
        ended = begin("ended", *rows, *to(gateway, "ended"), *ASKED, "--system", system)
        killed = begin("killed", *many, *to(gateway, "killed"))
        orphans = begin("orphans", *many, *to(gateway, "orphans"), "--processes", 2)
        killed.running(60)
        killed.interrupt(signal.SIGKILL)
        killed.ended()
        orphans.running(60)
        orphans.process.kill()  # the coordinator alone
        orphans.ended()
        came_out(ended, 0)
        line = command_line(ended.run.manifest)
        again = begin("again", *shlex.split(line)[2:], "--run-id", "again")
        came_out(again, 0)
        wait_for(lambda: _gone(orphans.process.pid), orphans)
        yield {"ended": ended, "killed": killed, "again": again, "orphans": orphans}


def _gone(group):
    """Whether no process of a group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.fixture
def killed(runs, tmp_path):
    """The killed run's directory, whose last line is torn besides."""
    folder = shutil.copytree(runs["killed"].runs[0], tmp_path / "killed")
    (segment,) = (folder / "records").iterdir()
    whole = segment.read_bytes()
    segment.write_bytes(whole + whole.splitlines()[0][:99])
    return folder


def test_a_killed_run_is_put_together(killed, capsys):
    """Every record on disk counts, the verdict says what it is, and other commands go on."""
    assert main(["merge", str(killed)]) == 3
    shown = capsys.readouterr().out
    assert "left out: 1 torn off at a file's end" in shown
    results = Results(killed)
    books_agree(results)
    assert 60 <= results.summary["counts"]["planned"] < 3000
    assert results.summary["trace"]["rows"] == 3000
    assert results.summary["latency"]["ttft_ms"]["p50"] >= 20
    first, *others = results.summary["verdict"]["reasons"]
    assert first.startswith("put together by merge: the run did not end in order; ")
    assert all(BUSY.match(reason) for reason in others)
    assert main(["export", "--to", "csv", "--out", "-", str(killed)]) == 0
    assert main(["export", "--to", "leaderboard", "--out", "-", str(killed)]) == 3


def test_workers_without_a_coordinator(runs, gateway, tmp_path):
    """What the workers had kept when theirs was killed comes together: all that was ever sent."""
    folder = shutil.copytree(runs["orphans"].runs[0], tmp_path / "orphans")
    segments = {path.parent.name: path for path in folder.glob("workers/*/*.jsonl")}
    assert len(segments) == 2
    assert main(["merge", str(folder)]) == 3
    results = Results(folder)
    books_agree(results, gateway)
    assert {record.worker for record in results.records} == set(segments)
    before = sorted(path.read_bytes() for path in folder.rglob("*.jsonl"))
    assert main(["merge", str(folder)]) == 3
    assert sorted(path.read_bytes() for path in folder.rglob("*.jsonl")) == before


def test_a_run_that_ended_comes_out_as_it_was(runs, tmp_path):
    """Its own summary, figure by figure, from its records and nothing else."""
    folder = shutil.copytree(runs["ended"].run.folder, tmp_path / "ended")
    before = Results(folder).summary
    assert main(["merge", str(folder)]) == before["verdict"]["exit_code"]
    after = Results(folder).summary
    assert after.pop("merged")["ended"]
    assert after == before


def test_every_key_of_run_json_is_described(runs):
    """Of a real run, ended."""
    page = (DOCS / "files.md").read_text("utf-8").partition("## run.json")[2].partition("\n## ")[0]
    assert set(runs["ended"].run.manifest) <= set(re.findall(r"`(\w+)`", page))


def test_every_export(runs, tmp_path):
    """The same requests in each form, and an entry of the run for the leaderboard."""
    run = Results(shutil.copytree(runs["ended"].run.folder, tmp_path / "ended"))
    summary = run.summary
    if all(BUSY.match(reason) for reason in summary["verdict"]["reasons"]):
        summary["verdict"].update(state="warned", valid=True)  # only this machine was to blame
        (run.folder / "summary.json").write_text(json.dumps(summary))
    for kind in ("csv", "jsonl", "parquet", "leaderboard"):
        assert main(["export", "--to", kind, "--out", str(tmp_path / kind), str(run.folder)]) == 0
    ids = [record.request_id for record in run.records]
    with (tmp_path / "csv").open(newline="") as file:
        assert [line["request_id"] for line in csv.DictReader(file)] == ids
    lines = (tmp_path / "jsonl").read_text().splitlines()
    assert [json.loads(line)["request_id"] for line in lines] == ids
    pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    assert pq.read_table(tmp_path / "parquet").column("request_id").to_pylist() == ids
    entry = json.loads((tmp_path / "leaderboard").read_text())
    metrics = run.summary["protocol_metrics"]
    assert entry["metrics"]["ttft_ms"] == metrics["ttft_ms"]
    assert entry["workload"]["output_length"] == 5
    assert "canary" not in json.dumps(entry)


def test_the_command_runs_the_same_again(runs):
    """What the entry calls the command sends the same schedule with the same settings."""
    first, again = runs["ended"].run.manifest, runs["again"].run.manifest
    assert again["schedule_digest"] == first["schedule_digest"]
    differ = {
        key
        for key, setting in first["settings"].items()
        if again["settings"][key]["value"] != setting["value"]
    }
    assert differ <= {"run_id"}
    assert open_archive(runs["again"].run.folder).run_id == "again"
