"""`gate` on the command line: exit codes, files, and one line for what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.metrics.runs import mixed_run, summary_of
from tests.report.gates import BASE, INVALID, SLOW, write_run, write_series

from sagellm_benchmark.cli.main import main
from sagellm_benchmark.record.segments import SegmentWriter


def test_the_exit_code_is_the_gates(tmp_path: Path, capsys) -> None:
    """0 met, 1 missed, 2 bad input, 3 unusable, and the last line says which."""
    run = str(write_run(tmp_path, "r"))
    bad = str(write_run(tmp_path, "bad", verdict=INVALID))
    cases = [([run], 0, "PASSED"), ([run, "--slo", "ttft_ms.p99<=1"], 1, "FAILED")]
    for arguments, code, word in [*cases, ([bad], 3, "UNUSABLE")]:
        assert main(["gate", *arguments]) == code
        assert capsys.readouterr().out.splitlines()[-1].startswith(word)
    assert main(["gate", str(tmp_path / "none")]) == 2


def test_a_directory_of_runs_is_all_of_them(tmp_path: Path, capsys) -> None:
    """What `run --repeat` made is named by its parent, or by what stands before the numbers."""
    base, slow = write_series(tmp_path, "b", BASE), write_series(tmp_path, "s", SLOW)
    for runs in (slow, slow / "s-a"):
        assert main(["gate", str(runs), "--baseline", str(base), "--json"]) == 1
        found = json.loads(capsys.readouterr().out)
        assert [run["run_id"] for run in found["runs"]] == [f"s-a{n}" for n in range(1, 6)]
        assert len(found["baseline"]) == 5
    names = [str(slow / f"s-a{n}") for n in (1, 2)]
    assert main(["gate", *names, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["runs"]) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--metric", "ttft_ms.mean"], "--metric goes with --baseline RUN"),
        (["--paired"], "--paired goes with --baseline RUN"),
        (["--max-regression", "5%"], "--max-regression goes with --baseline RUN"),
        (["--max-regression", "5 percent"], "--max-regression 5 percent: write a share"),
        (["--max-regression=-5%"], "--max-regression -5%: write a share"),
        (["--max-regression", "nan"], "--max-regression nan: write a share"),
        (["--confidence", "100%"], "--confidence 100%: write 50% or more, and under 100%"),
        (["--slo", "ttft_ms"], "--slo 'ttft_ms': write METRIC<=N"),
        (["--slo", "ttft_ms<=5"], "--slo ttft_ms<=5 is an objective of each request"),
        (["--contract", "year0"], "--contract year0: there are year1, year2, year3"),
        (["--github"], "--github: GITHUB_STEP_SUMMARY is not set"),
        (["--github", "--json"], "--github and --json both print"),
        (["--junit", "no/such/dir/x.xml"], "no/such/dir/x.xml: --junit cannot be written"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else "",
)
def test_what_is_wrong_is_one_line(arguments, words, tmp_path, monkeypatch, capsys) -> None:
    """Exit code 2, one line that names the option and says what to write."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    assert main(["gate", str(write_run(tmp_path, "r")), *arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {words}"), said
    assert said.count("\n") == 1


def test_sides_are_not_mixed_up(tmp_path: Path, capsys) -> None:
    """The directory of an experiment with two targets is no series, and no run is on both sides."""
    for name in ("x-a1", "x-b1"):
        write_run(tmp_path / "x", name)
    assert main(["gate", str(tmp_path / "x")]) == 2
    assert "holds the sides of an experiment" in capsys.readouterr().err
    one = str(tmp_path / "x" / "x-a1")
    assert main(["gate", one, "--baseline", one]) == 2
    assert "twice" in capsys.readouterr().err


def test_shares_are_written_either_way(tmp_path: Path, capsys) -> None:
    """`5%` and `0.05` are one margin."""
    base, slow = write_series(tmp_path, "b", BASE), write_series(tmp_path, "s", SLOW)
    found = []
    for text in ("15%", "0.15"):
        command = ["gate", str(slow), "--baseline", str(base), "--json", "--max-regression", text]
        assert main(command) == 0
        found.append(json.loads(capsys.readouterr().out)["method"]["max_regression"])
    assert found[0] == found[1] == 0.15


def test_junit_is_written_whatever_came_out(tmp_path: Path, capsys) -> None:
    """The file is there for a gate that failed too."""
    run, path = write_run(tmp_path, "r"), tmp_path / "gate.xml"
    assert main(["gate", str(run), "--slo", "ttft_ms.p99<=1", "--junit", str(path)]) == 1
    assert ElementTree.parse(path).getroot().get("failures") == "1"


def test_github_gets_annotations_and_a_page(tmp_path: Path, monkeypatch, capsys) -> None:
    """The page is added to what the step has written already; the table cannot command."""
    page = tmp_path / "summary.md"
    page.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    run = write_run(tmp_path, "r")
    assert main(["gate", str(run), "--contract", "year1", "--github"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("::stop-commands::")
    assert sum(line.startswith("::error ") for line in lines) >= 1
    assert page.read_text().startswith("before\n### FAILED")


def test_goodput_follows_the_objectives_given_here(tmp_path: Path, capsys) -> None:
    """Objectives per request define goodput anew, from the records."""
    records = mixed_run(200, 3)
    counts = summary_of(records)["counts"]
    run = write_run(tmp_path, "r", error_rate=0.3, duration_s=20.0, counts=counts)
    writer = SegmentWriter(run / "records", "local", private=False)
    for record in records:
        writer.append(record)
    writer.close()
    fractions = []
    for limit in (1, 1e6):
        slos = [f"ttft_ms<={limit}", "goodput.fraction>=0.01", "error_rate<=1"]
        arguments = [part for slo in slos for part in ("--slo", slo)]
        main(["gate", str(run), "--json", *arguments])
        told = json.loads(capsys.readouterr().out)
        (goodput,) = [one for one in told["objectives"] if one["expr"].startswith("goodput")]
        fractions += goodput["values"]
    ok = sum(record.status == "ok" and not record.warmup for record in records)
    measured = sum(not record.warmup for record in records)
    assert fractions[0] < fractions[1] <= ok / measured


def test_a_summary_of_another_version_is_one_line(tmp_path: Path, capsys) -> None:
    """A figure that summary.json does not hold at all is bad input."""
    run = write_run(tmp_path, "r", throughput={})
    assert main(["gate", str(run), "--slo", "throughput.requests_per_s>=1"]) == 2
    said = capsys.readouterr().err
    assert "required field `requests_per_s` - at `$.throughput`" in said and said.count("\n") == 1
