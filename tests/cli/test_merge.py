"""`merge`: a run's directory made whole, its summary, and the verdict's exit code."""

from __future__ import annotations

import json

import pytest

from record.directories import manifest, summary_in, write_manifest, write_run, write_segment
from record.outcomes import outcome, record
from sagellm_benchmark.cli.main import main
from sagellm_benchmark.record.archive import open_archive
from sagellm_benchmark.wire.states import Status

SCRAPE = (
    '{"schema":"sagellm.scrape/1","t_s":1,"name":"s","url":"http://s","phase":"during",'
    '"error":null,"values":{"x":1}}\n'
)


def merge(*directories, out=None):
    """The exit code."""
    named = [] if out is None else ["--out", str(out)]
    return main(["merge", *map(str, directories), *named])


def test_a_run_that_ended(tmp_path, capsys):
    """Merged again it says what it said, and exits as it did."""
    run = write_run(tmp_path / "r", [record(seq) for seq in range(4)])
    before, records = summary_in(run), (run / "records" / "local.jsonl").read_bytes()
    assert merge(run) == 0
    after = summary_in(run)
    assert after.pop("merged")["ended"] is True
    assert after == before
    assert (run / "records" / "local.jsonl").read_bytes() == records
    assert sorted(p.name for p in (run / "records").iterdir()) == ["local.jsonl"]
    assert capsys.readouterr().out.startswith("4 requests of 1 files\n\nVALID")


def test_a_run_that_did_not_end(tmp_path, capsys):
    """It gets a summary that every other command takes, and the verdict says what it is."""
    run = write_run(tmp_path / "r", [record(0), record(1)], ended=False)
    assert merge(run) == 3
    shown = capsys.readouterr().out
    assert "INVALID" in shown
    assert "put together by merge: the run did not end in order" in shown
    archive = open_archive(run)
    assert archive.manifest["verdict"] == archive.summary["verdict"]["state"] == "invalid"
    first = summary_in(run)
    assert merge(run) == 3
    assert summary_in(run) == first


def test_segments_of_workers(tmp_path, capsys):
    """Wherever a worker's records are, they come together; the coordinator's guess gives way."""
    guess = outcome(sent=None, tokens=[], status=Status.LOST, reason="worker")
    run = write_run(tmp_path / "r", [record(0), record(1, guess)], ended=False)
    write_segment(run / "workers" / "w1", "w1", [record(0), record(1)])
    write_manifest(tmp_path / "w2", manifest(rows=2))
    write_segment(tmp_path / "w2", "w2", [record(2), record(3)])
    assert merge(run, tmp_path / "w2") == 3
    assert capsys.readouterr().out.startswith(
        "4 requests of 3 files; lines left out: 1 said twice, 1 less final than another of the "
        "same request\n"
    )
    archive = open_archive(run)
    assert sorted(one.seq for one in archive.records()) == [0, 1, 2, 3]
    assert archive.summary["counts"]["ok"] == 4


def test_into_a_new_directory(tmp_path, capsys):
    """The sources stay as they are; the new one is a run's directory, scrapes and all."""
    run = write_run(tmp_path / "r", [record(0)])
    write_segment(run / "workers" / "w1", "w1", [record(1)])
    (run / "scrapes.jsonl").write_text(SCRAPE)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    out = tmp_path / "whole"
    assert merge(run, out=out) == 3
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    assert [one.seq for one in open_archive(out).records()] == [0, 1]
    assert (out / "scrapes.jsonl").read_text() == SCRAPE
    assert merge(run, out=out) == 2
    assert "exists; choose another name" in capsys.readouterr().err


def test_figures_do_not_depend_on_the_split(tmp_path):
    """One worker or three, in any order of directories: the same summary but for the counts."""
    records = [record(seq, outcome(due=seq * 50.0, sent=seq * 50.5)) for seq in range(30)]
    one = write_run(tmp_path / "one", records, ended=False)
    three = tmp_path / "three"
    write_manifest(three, manifest(rows=30))
    for number in range(3):
        write_segment(three / "workers" / f"w{number}", "s", records[2 - number :: 3])
    assert (merge(one), merge(three)) == (3, 3)
    first, second = summary_in(one), summary_in(three)
    assert (first.pop("merged")["segments"], second.pop("merged")["segments"]) == (1, 3)
    assert first == second


def test_two_runs(tmp_path, capsys):
    """They are refused in one line, and nothing is written."""
    one = write_run(tmp_path / "a", [record(0)], ended=False)
    two = write_run(tmp_path / "b", [record(1)], ended=False, run_id="q")
    assert merge(one, two) == 2
    said = capsys.readouterr().err
    assert "one run is put together at a time" in said
    assert said.count("\n") == 1
    assert not (one / "summary.json").exists()


@pytest.mark.parametrize("content", ["{", json.dumps({"schema": "sagellm.run/2"})])
def test_a_run_json_that_is_none(content, tmp_path, capsys):
    """Damage and later versions are told."""
    run = write_run(tmp_path / "r", [record(0)], ended=False)
    (run / "run.json").write_text(content)
    assert merge(run) == 2
    assert "run.json: " in capsys.readouterr().err
