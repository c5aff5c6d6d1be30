"""Sides in another tool's terms, in every form."""

from __future__ import annotations

import json
import re

import pytest

from sagellm_benchmark.report.comparison.sides import Side
from sagellm_benchmark.report.definitions import texts
from sagellm_benchmark.report.definitions.view import TOOLS, view

from ..comparison.runs import replies, sides, write_run

HOSTILE = "\x1b[2J|<script>@team"


def _view(tmp_path, name="vllm"):
    """A side of two runs, TTFT 102 and 202 ms, and a hostile one of one run."""
    a = [
        write_run(tmp_path / f"a{n}", records=replies(10, 100.0 * n), settings={"slo": []})
        for n in (1, 2)
    ]
    b = write_run(
        tmp_path / "b",
        records=replies(10, 300.0),
        changes={"verdict": {"state": "invalid", "reasons": []}},
    )
    base, other = sides(a, [b])
    return view(name, [base, Side("B", HOSTILE, other.archives)])


def test_repeats_are_the_mean_of_what_each_would_say(tmp_path):
    """Of a side with several runs no figure is of a pool that no tool has seen."""
    shown = _view(tmp_path)
    line = next(line for line in shown.lines if line.term.name == "TTFT" and line.stat == "Mean")
    assert line.values == pytest.approx((152, 302))
    counts = next(line for line in shown.lines if line.term.name == "Successful requests")
    assert counts.values == (10, 10)


@pytest.mark.parametrize("name", TOOLS)
@pytest.mark.parametrize("width", [80, 120])
def test_text_fits_and_moves_no_terminal(tmp_path, name, width):
    """An invalid run is said first; a hostile name stays a name."""
    text = texts.terminal(_view(tmp_path, name), width=width, color=False)
    assert text.startswith("INVALID, do not use these figures: b\n")
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= width
    assert "Whether a difference is more than noise" in text


@pytest.mark.parametrize("name", TOOLS)
def test_text_of_one_run_says_how_each_figure_differs(tmp_path, name):
    """Names, figures, what they mean, and what cannot be told."""
    run = write_run(tmp_path / "x", records=replies(10))
    shown = view(name, sides([run]))
    text = " ".join(texts.terminal(shown, width=300, color=False).split())
    for line in shown.lines:
        assert f"- {line.term.name}: {' '.join(line.term.differs.split())}" in text
    for missing, why in shown.absent:
        assert missing in text
        assert why in text


def test_markdown_is_escaped(tmp_path):
    """Cells stay cells."""
    text = texts.markdown(_view(tmp_path))
    assert "<script" not in text
    assert "@team" not in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in rows}) == 1


def test_json_is_plain(tmp_path):
    """Every figure with its statistic, unit, values and difference; no NaN."""
    told = json.loads(json.dumps(texts.document(_view(tmp_path)), allow_nan=False))
    assert told["schema"] == "sagellm.definitions/1"
    assert not told["usable"]
    ttft = [each for each in told["figures"] if each["name"] == "TTFT"]
    assert [each["statistic"] for each in ttft] == ["Mean", "Median", "P99"]
