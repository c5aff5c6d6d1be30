"""A gate as JUnit XML, GitHub's annotations and page: right, and harmed by nobody's text."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from sagellm_benchmark.report.gate_text import gate_text
from sagellm_benchmark.report.github import annotation_lines, step_summary, without_commands
from sagellm_benchmark.report.junit import junit_xml

from .gates import BASE, SLOW, write_run, write_series
from .test_gate import gated

HOSTILE = [
    "::error::owned",
    "x\n::set-env name=PATH::/tmp\n",
    "x\r\n##[add-mask]y",
    "a%0A::warning::b",
    "]]></testcase><script>alert(1)</script>&amp;",
    "\x00\x01\x0b\x1b]0;owned\x07\x1b[2J\ufffe\uffff",
    "| a | b |\n|---|---|\n[x](javascript:alert(1)) <img src=x onerror=y> `c` **d** # e",
    "\u202egnp.exe\u2066",
    "[bold red]markup[/] {{7*7}}",
    "wide " * 400,
]


@pytest.fixture
def hostile(tmp_path: Path, request: pytest.FixtureRequest):
    """A gate whose run's name and reasons are what somebody else chose."""
    text = request.param
    verdict = {"state": "invalid", "valid": False, "exit_code": 3, "reasons": [text, text]}
    run = write_run(tmp_path, "r", verdict=verdict)
    base = write_run(tmp_path, "b", url=text)
    for path in (run, base):
        for name in ("run.json", "summary.json"):
            content = json.loads((path / name).read_text())
            content["run_id"] = text
            (path / name).write_text(json.dumps(content))
    return gated(run, base)


def test_junit_counts_what_failed(tmp_path: Path) -> None:
    """A case a run, an objective and a figure; failures and errors are counted as such."""
    base, runs = write_series(tmp_path, "b", BASE), write_series(tmp_path, "s", SLOW)
    root = ElementTree.fromstring(junit_xml(gated(runs, base, "ttft_ms.p99<=1")))
    suites = {suite.get("name"): suite for suite in root}
    assert list(suites) == ["runs", "objectives", "baseline"]
    assert suites["runs"].get("tests") == "10"
    assert (suites["objectives"].get("tests"), suites["objectives"].get("failures")) == ("2", "1")
    assert suites["baseline"].get("failures") == "4"
    assert root.get("failures") == "5" and root.get("errors") == "0"
    failed = [
        case.get("name") for case in root.iter("testcase") if case.find("failure") is not None
    ]
    assert failed[0] == "ttft_ms.p99<=1"
    one = junit_xml(gated(write_run(tmp_path, "x"), write_run(tmp_path, "y")))
    assert ElementTree.fromstring(one).get("errors") == "5"


def test_annotations_name_what_failed(tmp_path: Path) -> None:
    """An error line a failed check, none where all passed."""
    run = write_run(tmp_path, "r")
    failed = annotation_lines(gated(run, None, "ttft_ms.p99<=1")).splitlines()
    assert failed == [
        "::error title=objectives%3A ttft_ms.p99<=1::ttft_ms.p99<=1 FAIL: 180.96 in r"
    ]
    (passed,) = annotation_lines(gated(run)).splitlines()
    assert passed.startswith("::notice title=gate::PASSED")


def test_the_page_shows_every_check(tmp_path: Path) -> None:
    """The step's summary is a table a kind, with the method in words."""
    base, runs = write_series(tmp_path, "b", BASE), write_series(tmp_path, "s", SLOW)
    page = step_summary(gated(runs, base))
    assert page.startswith("### FAILED")
    assert page.count("|---|---|---|") == 3
    assert "Welch" in page


@pytest.mark.parametrize("hostile", HOSTILE, indirect=True)
def test_hostile_text_is_no_workflow_command(hostile) -> None:
    """Each printed line is a command of ours, or stands where commands are turned off."""
    text = gate_text(hostile, width=120, color=False)
    printed = without_commands(text) + annotation_lines(hostile)
    lines = printed.splitlines()
    token = re.fullmatch(r"::stop-commands::([0-9a-f]{32})", lines[0])[1]
    end = lines.index(f"::{token}::")
    assert token not in "".join(lines[1:end])
    for line in lines[end + 1 :]:
        assert re.fullmatch(r"::(error|warning|notice) title=[^:,]*::[^\r\n\x00-\x1f]*", line), line
    assert len(lines[end + 1 :]) < 30


@pytest.mark.parametrize("hostile", HOSTILE, indirect=True)
def test_hostile_text_is_well_formed_xml(hostile) -> None:
    """Whatever a name holds, the document parses and has as many cases as were counted."""
    root = ElementTree.fromstring(junit_xml(hostile))
    assert len(list(root.iter("testcase"))) == int(root.get("tests"))
    assert root.find(".//script") is None


@pytest.mark.parametrize("hostile", HOSTILE, indirect=True)
def test_hostile_text_is_neither_markdown_nor_html(hostile) -> None:
    """A cell ends where the table ends it: no tag, no link, no further column."""
    page = step_summary(hostile)
    assert not re.search(r"[<>`\[\]*]", page)
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {4}


@pytest.mark.parametrize("hostile", HOSTILE, indirect=True)
def test_hostile_text_moves_no_terminal(hostile) -> None:
    """No control character and no writing that turns reaches the table."""
    text = gate_text(hostile, width=120, color=False)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
