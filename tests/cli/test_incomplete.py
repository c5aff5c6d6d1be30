"""Records that are not those which a run's summary counted: no command counts them in silence."""

from __future__ import annotations

import json

import pytest

from record.directories import summary_in, write_run, write_segment
from record.outcomes import outcome, record
from sagellm_benchmark.cli.main import main

from .test_export import SYSTEM

SEGMENT = "records/local.jsonl"


def _shorter(run):
    lines = (run / SEGMENT).read_bytes().splitlines(keepends=True)
    (run / SEGMENT).write_bytes(b"".join(lines[:-3]))


def _torn(run):
    (run / SEGMENT).write_bytes((run / SEGMENT).read_bytes()[:-9])


def _emptied(run):
    (run / SEGMENT).write_bytes(b"")


def _gone(run):
    (run / "records" / "more.jsonl").unlink()


def _doubled(run):
    (run / "records" / "copy.jsonl").write_bytes((run / SEGMENT).read_bytes())


DAMAGE = (_shorter, _torn, _emptied, _gone, _doubled)

COUNTING = (
    *(("compare", "r", "--definitions", tool) for tool in ("vllm", "aiperf", "guidellm")),
    ("compare", "r", "--definitions", "protocol"),
    ("compare", "whole", "r", "--html", "page.html"),
    ("export", "r", "--to", "leaderboard", "--system", "system.yaml", "--out", "entry.json"),
    ("gate", "r", "--slo", "ttft_ms<=500", "--slo", "goodput.fraction>=0"),
)
"""Commands whose figures come of the records."""


@pytest.fixture(params=DAMAGE, ids=lambda damage: damage.__name__.strip("_"))
def runs(request, tmp_path, monkeypatch):
    """A whole run, and `r`, which is none any more."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "system.yaml").write_text(SYSTEM)
    for name in ("whole", "r"):
        made = [record(seq, outcome(due=20.0 * seq, sent=20.0 * seq)) for seq in range(12)]
        run = write_run(tmp_path / name, made, run_id=name)
        (run / SEGMENT).unlink()
        write_segment(run / "records", "local", made[:8])
        write_segment(run / "records", "more", made[8:])
    request.param(tmp_path / "r")
    return tmp_path


def test_nothing_is_counted_of_a_part(runs, capsys):
    """One line with the run, both numbers and what to do; exit code 2, and no file."""
    for command in COUNTING:
        assert main(list(command)) == 2, command
        error = capsys.readouterr().err
        assert error.startswith(f"error: {runs}/r: records/ holds "), command
        assert f"summary.json counts 12: `sagellm-benchmark merge {runs}/r`" in error
        assert error.count("\n") == 1
    assert not list(runs.glob("page.html")) and not list(runs.glob("entry.json"))


def test_the_whole_run_is_counted(runs, capsys):
    """The same commands take the run beside it."""
    for command in COUNTING:
        words = ["whole" if word == "r" else word for word in command if word != "whole"]
        if "--html" not in words:
            assert main(words) in (0, 1), command


def test_merge_makes_it_countable(runs, capsys):
    """What the line advises helps: the run says what it has, and is invalid unless it has all."""
    code = main(["merge", "r"])
    found = summary_in(runs / "r")
    assert code == (0 if found["counts"]["ok"] == 12 else 3)
    assert main(["compare", "r", "--definitions", "vllm"]) == code
    assert main(["gate", *COUNTING[-1][1:]]) == code


def test_what_hands_records_on_says_how_many_there_are(runs, capsys):
    """`report` on its page, `export` behind its file."""
    assert main(["report", "r"]) == 0
    page = (runs / "r" / "report.html").read_text()
    assert "not the whole run</span> records/ holds " in page
    assert "summary.json counts 12" in page
    capsys.readouterr()
    for kind in ("csv", "jsonl"):
        assert main(["export", "r", "--to", kind, "--out", f"out.{kind}"]) == 0
        assert "; NOT THE WHOLE RUN: records/ holds " in capsys.readouterr().out
    assert main(["report", "whole"]) == 0
    assert "not the whole run" not in (runs / "whole" / "report.html").read_text()


def test_a_run_as_a_trace_counts_what_no_file_holds(runs, capsys):
    """`trace inspect` has every record that is missing among what it left out."""
    assert main(["trace", "inspect", "r", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    missing = 12 - told["rows"] - told["drops"].get("torn_record", 0)
    assert told["drops"].get("not_recorded", 0) == max(missing, 0)
