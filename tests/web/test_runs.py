"""The list of finished runs: newest first, by names that lead nowhere else."""

from __future__ import annotations

import json
import os

import pytest
from tests.metrics.runs import mixed_run, summary_of
from tests.record.directories import manifest, write_manifest

from sagellm_benchmark.web.runs import MOST, Runs


def finish(out, name, when=0, **more):
    """A run's directory as it lies on disk."""
    folder = out / name
    write_manifest(
        folder, manifest(name, options={"trace": "the trace.jsonl", "model": "the model"})
    )
    summary = {**summary_of(mixed_run(30, 1)), **more}
    (folder / "summary.json").write_text(json.dumps(summary))
    os.utime(folder / "summary.json", (when, when))
    return folder


def test_the_newest_comes_first(tmp_path):
    """With its figures, and whether it has a report; what did not end is not in the list."""
    finish(tmp_path, "old", 10)
    (finish(tmp_path, "new", 20) / "report.html").touch()
    (tmp_path / "on").mkdir()
    (tmp_path / "on" / "run.json").write_text("{}")
    (tmp_path / "latest").symlink_to("new")
    lines = Runs(str(tmp_path)).lines()
    assert [(line["run_id"], line["report"]) for line in lines] == [("new", True), ("old", False)]
    assert lines[0]["planned"] == 30 and lines[0]["trace"] == "the trace.jsonl"
    assert lines[0]["state"] == "invalid" and not lines[0]["passed"]


def test_what_is_no_run_of_ours_is_left_out(tmp_path):
    """Another schema, a broken file, a summary without the figures: the list goes on."""
    finish(tmp_path, "good", 1)
    finish(tmp_path, "other", 2, schema="other/1")
    finish(tmp_path, "bare", 3, latency={})
    (finish(tmp_path, "broken", 4) / "summary.json").write_text("{")
    assert [line["run_id"] for line in Runs(str(tmp_path)).lines()] == ["good"]


def test_a_changed_summary_is_read_again(tmp_path):
    """The list is kept, and renewed where a file is newer."""
    folder = finish(tmp_path, "r", 5)
    runs = Runs(str(tmp_path))
    before = runs.lines()[0]["started_at"]
    summary = {**json.loads((folder / "summary.json").read_text()), "started_at": "later"}
    (folder / "summary.json").write_text(json.dumps(summary))
    os.utime(folder / "summary.json", (5, 5))
    assert runs.lines()[0]["started_at"] == before
    os.utime(folder / "summary.json", (6, 6))
    assert runs.lines()[0]["started_at"] == "later"


def test_the_list_is_bounded(tmp_path):
    """Of many runs the newest are shown."""
    summary = json.dumps(summary_of(mixed_run(30, 1)))
    for number in range(MOST + 3):
        folder = tmp_path / f"r{number}"
        write_manifest(folder, manifest(folder.name))
        (folder / "summary.json").write_text(summary)
        os.utime(folder / "summary.json", (number, number))
    lines = Runs(str(tmp_path)).lines()
    assert len(lines) == MOST and lines[0]["run_id"] == f"r{MOST + 2}"


@pytest.mark.parametrize(
    "name", ["..", ".", "", "a/b", "latest", "nope", "x\0", "%2e%2e", "on top"]
)
def test_no_name_leads_out(tmp_path, name):
    """Only a run's own directory is found."""
    finish(tmp_path / "runs", "good")
    (tmp_path / "runs" / "latest").symlink_to("good")
    (tmp_path / "run.json").write_text("{}")
    runs = Runs(str(tmp_path / "runs"))
    assert runs.directory(name) is None
    assert runs.directory("good") == tmp_path / "runs" / "good"
