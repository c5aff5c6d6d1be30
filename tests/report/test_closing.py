"""The end of a run names its reports, and nothing that goes wrong with them harms it."""

from __future__ import annotations

from metrics.runs import mixed_run
from report.reports import archive_of
from sagellm_benchmark.report.closing import MOST_RECORDS, closing_line


def test_reports_are_written_and_named(tmp_path):
    """Both lie in the run's directory when it has ended."""
    folder = archive_of(tmp_path / "r", mixed_run(20, 1)).directory
    assert closing_line(folder, 20) == (
        f"report        {folder}/report.html, and report.md for a pull request"
    )
    assert (folder / "report.md").read_text().startswith("## ")
    assert (folder / "report.html").read_text().startswith("<!doctype html>")


def test_a_large_run_names_the_command(tmp_path):
    """Nobody waits at the end of a large run; the command stands there, quoted."""
    folder = tmp_path / "a run"
    folder.mkdir()
    line = closing_line(folder, MOST_RECORDS + 1)
    assert f"`sagellm-benchmark report '{folder}'`" in line
    assert not list(folder.iterdir())


def test_what_cannot_be_written_is_one_line(tmp_path):
    """A bad record, a missing summary, a full disk: the run's result stands."""
    folder = archive_of(tmp_path / "r", mixed_run(20, 1)).directory
    (folder / "report.html").mkdir()
    (folder / "report.html" / "x").touch()
    assert closing_line(folder, 20).startswith("report        not written: ")
    (folder / "records" / "local.jsonl").write_text("{}\n")
    assert "local.jsonl:1" in closing_line(folder, 20)
    (folder / "summary.json").unlink()
    assert closing_line(folder, 20).startswith("report        not written: ")
    assert not list(folder.glob(".report*"))
