"""`compare` on the command line: what it prints, writes and returns."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from report.comparison.runs import SLOWER, STEADY, replies, several, write_run
from report.summaries import counts
from sagellm_benchmark.cli.main import main


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Four runs a side, in the directory that is worked in."""
    monkeypatch.chdir(tmp_path)
    several(tmp_path / "runs", "x-a", STEADY, records=replies(5))
    several(tmp_path / "runs", "x-b", SLOWER, first=60, records=replies(5))
    return tmp_path


@pytest.mark.parametrize(
    "names", [["runs/x-a", "runs/x-b"], ["runs"], ["runs/x-a1,runs/x-a2", "runs/x-b1,runs/x-b2"]]
)
def test_two_sides(runs, capsys, names):
    """However they are named: a table, and exit code 0 though they differ."""
    assert main(["compare", *names]) == 0
    text = capsys.readouterr().out
    assert "B against A: 12 worse" in text
    assert "\x1b" not in text


def test_files_are_written_beside_the_table(runs, capsys):
    """A page and Markdown, which are not written over."""
    asked = ["compare", "runs", "--html", "c.html", "--md", "c.md"]
    assert main(asked) == 0
    assert (runs / "c.html").read_text().count("<figure") > 0
    assert (runs / "c.md").read_text().startswith("### Comparison\n")
    capsys.readouterr()
    assert main(asked) == 2
    error = capsys.readouterr().err
    assert error == "error: --html c.html: exists; choose another name or remove it\n"


def test_standard_output_carries_one_form(runs, capsys):
    """JSON or Markdown instead of the table."""
    assert main(["compare", "runs", "--json", "--metric", "ttft_ms.p50"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [figure["name"] for figure in told["figures"]] == ["ttft_ms.p50"]
    assert main(["compare", "runs", "--md", "-"]) == 0
    assert capsys.readouterr().out.startswith("### Comparison\n")
    assert main(["compare", "runs", "--md", "-", "--json"]) == 2


def test_an_invalid_run_is_exit_code_3(runs, capsys):
    """What is made of it is shown, and no script takes it for a result."""
    invalid = {"verdict": {"state": "invalid", "reasons": ["lag"]}}
    write_run(runs / "bad", changes=invalid, records=replies(5))
    assert main(["compare", "runs/x-a", "bad"]) == 3
    assert capsys.readouterr().out.startswith("DO NOT USE THIS COMPARISON\n")
    assert main(["compare", "bad", "--definitions", "vllm"]) == 3


@pytest.mark.parametrize("tool", ["vllm", "aiperf", "guidellm", "protocol"])
def test_another_tools_terms(runs, capsys, tool):
    """Of one run, or of both sides; as text, JSON and Markdown."""
    assert main(["compare", "runs/x-a1", "--definitions", tool]) == 0
    assert capsys.readouterr().out.startswith("A runs/x-a1 (run x-a1)\n")
    assert main(["compare", "runs", "--definitions", tool, "--json"]) == 0
    assert [side["side"] for side in json.loads(capsys.readouterr().out)["sides"]] == ["A", "B"]
    assert main(["compare", "runs", "--definitions", tool, "--md", "-"]) == 0
    assert capsys.readouterr().out.startswith("### In the terms of ")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["runs/x-a1"], "runs/x-a1: nothing to compare it with; name a second run"),
        (["runs/x-a", "none"], "none: no such directory"),
        (["runs/x-a", "runs/x-a1"], "this run is named twice"),
        (["runs", "--metric", "ttft"], "--metric 'ttft': name a latency"),
        (["runs", "--definitions", "vllm", "--html", "c.html"], "--html does not go with"),
        (["runs", "--html", "none/c.html"], "none/c.html"),
    ],
)
def test_what_is_wrong_is_one_line(runs, capsys, words, error):
    """Exit code 2, no traceback, no file."""
    assert main(["compare", *words]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert told.count("\n") == 1
    assert error in told
    assert not (runs / "c.html").exists()


def test_a_record_that_is_none_is_named(runs, capsys):
    """File and line, where the page reads the records."""
    (runs / "runs/x-a1/records/local.jsonl").write_text("{}\n")
    assert main(["compare", "runs", "--html", "c.html"]) == 2
    assert "x-a1/records/local.jsonl:1: no record" in capsys.readouterr().err


def test_the_table_needs_no_records(runs, capsys):
    """Summaries are enough: runs of any size compare at once."""
    for name in ("x-a1", "x-b1"):
        (runs / "runs" / name / "records/local.jsonl").unlink()
    assert main(["compare", "runs/x-a1", "runs/x-b1"]) == 0


@pytest.mark.speed
def test_large_runs_become_a_page_in_seconds(tmp_path, monkeypatch):
    """A tenth of 100,000 records a side takes a fifth of the ten seconds that those may take."""
    monkeypatch.chdir(tmp_path)
    first = write_run(tmp_path / "r", records=replies(1)) / "records/local.jsonl"
    one = json.loads(first.read_text()) | {"seq": "number", "chunk_gaps_ms": [15.123] * 127}
    one["metrics"]["itl_list"] = one["chunk_gaps_ms"]
    before, after = json.dumps(one).split('"number"')
    lines = "".join(f"{before}{seq}{after}\n" for seq in range(10_000))
    for name in ("x", "y"):
        write_run(tmp_path / name, changes={"counts": counts(10_000)})
        (tmp_path / name / "records/local.jsonl").write_text(lines)
    began = time.process_time()
    assert main(["compare", "x", "y", "--html", "c.html"]) == 0
    assert time.process_time() - began < 2


def test_a_pipe_gets_plain_text(runs):
    """No colours where nobody looks, and no Locust behind it."""
    code = "import sys; from sagellm_benchmark.cli.main import main; main(sys.argv[1:]); "
    code += "print('locust' in sys.modules, 'gevent' in sys.modules)"
    words = [sys.executable, "-c", code, "compare", "runs"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.endswith("False False\n")
    assert "\x1b" not in done.stdout
