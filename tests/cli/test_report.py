"""`sagellm-benchmark report`: files, paths, one line for each mistake."""

from __future__ import annotations

import json

import pytest

from metrics.runs import mixed_run
from report.reports import archive_of
from sagellm_benchmark.cli.main import main


@pytest.fixture
def run(tmp_path):
    """A run's directory."""
    return archive_of(tmp_path / "r", mixed_run(30, 1)).directory


def test_both_files_lie_in_the_run(run, capsys):
    """Without an option the page and the Markdown are made, and their paths are printed."""
    assert main(["report", str(run)]) == 0
    printed = capsys.readouterr().out.split()
    assert printed == [f"{run}/report.html", f"{run}/report.md"]
    assert main(["report", str(run)]) == 0  # and again at any time


def test_only_what_is_named_is_written(run, tmp_path, capsys):
    """`--html FILE` makes that file and no other."""
    assert main(["report", str(run), "--html", str(tmp_path / "a.html")]) == 0
    assert capsys.readouterr().out == f"{tmp_path}/a.html\n"
    assert not (run / "report.html").exists()
    assert not (run / "report.md").exists()


def test_markdown_goes_to_a_pipe(run, capsys):
    """`--md -` prints the text of each run and writes nothing."""
    assert main(["report", str(run), str(run), "--md", "-"]) == 0
    assert capsys.readouterr().out.count("Run it again") == 2
    assert not (run / "report.md").exists()


def test_programs_get_json(run, capsys):
    """`--json` says what was written of which run, and how it came out."""
    assert main(["report", str(run), "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert told["html"] == f"{run}/report.html"
    assert told["verdict"] in ("valid", "warned", "invalid")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--html", "x.txt"], "name it .html"),
        (["--md", "x.html"], "name it .md"),
        (["--html", "-", "--md", "-"], "name it .html"),
        (["--html", "/nowhere/x.html"], "/nowhere/x.html: cannot be written"),
        (["--md", "-", "--json"], "prints as well"),
        (["R", "--html", "x.html"], "there are 2 runs"),
    ],
)
def test_a_mistake_is_one_line(run, capsys, options, words):
    """It names the option or the file; nothing is written."""
    command = [str(run) if word == "R" else word for word in options]
    assert main(["report", str(run), *command]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not (run / "report.html").exists()


def test_what_is_no_run_is_refused_before_any_work(run, tmp_path, capsys):
    """One bad name among good ones: one line, and no file."""
    assert main(["report", str(run), str(tmp_path)]) == 2
    assert "no run" in capsys.readouterr().err
    assert not (run / "report.html").exists()
