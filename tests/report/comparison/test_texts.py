"""A comparison as text, as Markdown, as JSON."""

from __future__ import annotations

import json
import re

import pytest

from sagellm_benchmark.report.comparison.differences import compare_sides
from sagellm_benchmark.report.comparison.document import comparison_document
from sagellm_benchmark.report.comparison.markdown import comparison_markdown, escaped
from sagellm_benchmark.report.comparison.sides import Side
from sagellm_benchmark.report.comparison.terminal import comparison_text

from .runs import SLOWER, STEADY, several, sides, write_run

HOSTILE = "\x1b[2J|x|<script>alert(1)</script> @team #12 [a](javascript:b) **\u202e`"
INVALID = {"state": "invalid", "reasons": [f"lag {HOSTILE}"]}


def _repeated(tmp_path):
    a, b = several(tmp_path, "a", STEADY), several(tmp_path, "b", SLOWER, first=60)
    return compare_sides(sides(a, b))


def _text(comparison, width=80, color=False):
    return comparison_text(comparison, width=width, color=color)


def _hostile(tmp_path):
    target = {"url": f"http://{HOSTILE}", "dialect": "openai"}
    x = write_run(tmp_path / "x")
    y = write_run(tmp_path / "y", manifest={"target": target}, changes={"verdict": INVALID})
    base, other = sides([x], [y])
    return compare_sides([base, Side("B", HOSTILE, other.archives)])


@pytest.mark.parametrize("width", [80, 110, 200])
def test_text_says_who_what_and_how_much(tmp_path, width):
    """Sides, change, interval and verdict fit any usual terminal."""
    text = _text(_repeated(tmp_path), width)
    assert max(map(len, text.splitlines())) <= width
    assert re.search(r"^A  side A  \(the base\)$", text, re.MULTILINE)
    assert "4 runs: b1, b2, b3, b4, against http://one" in text
    assert re.search(r"^B against A: \d+ worse", text, re.MULTILINE)
    assert re.search(r"^TTFT p50, ms +45\.3 +54\.3 +\+20\.0 % +\+18.* worse$", text, re.MULTILINE)
    assert ("detectable" in text.split("The unit")[0]) == (width >= 110)


def test_text_of_single_runs_warns_of_what_it_cannot_tell(tmp_path):
    """The spread inside a run is called what it is."""
    comparison = compare_sides(sides([write_run(tmp_path / "x")], [write_run(tmp_path / "y")]))
    text = " ".join(_text(comparison).split())
    assert "cannot tell" in text
    assert "spread inside a run" in text
    assert "95 % interval" not in text
    assert "are not independent, and make no interval" in text


def test_an_invalid_run_is_said_first(tmp_path):
    """Before the sides, before any figure, in every form."""
    comparison = _hostile(tmp_path)
    assert _text(comparison).startswith("DO NOT USE THIS COMPARISON\n")
    assert "**DO NOT USE THIS COMPARISON.**" in comparison_markdown(comparison).splitlines()[2]
    assert not comparison_document(comparison)["usable"]


def test_hostile_text_moves_no_terminal(tmp_path):
    """Escapes and turned writing are gone, with colours and without."""
    comparison = _hostile(tmp_path)
    assert "\x1b" not in _text(comparison)
    assert "\u202e" not in _text(comparison)
    colored = _text(comparison, color=True)
    assert set(re.findall(r"\x1b[^m]*m?", colored)) <= set(re.findall(r"\x1b\[[0-9;]*m", colored))


def test_hostile_text_is_no_markdown(tmp_path):
    """No cell is ended, no tag, link, mention or issue is made."""
    text = comparison_markdown(_hostile(tmp_path))
    assert "<script" not in text
    assert "@team" not in text
    assert "#12" not in text
    assert not re.search(r"(?<!\\)\]\(", text)
    for line in text.splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) == 8


def test_escaping_leaves_plain_words_alone():
    """What means nothing in Markdown is readable in its source too."""
    assert escaped("TTFT p50, ms: +3.2 % (4 runs)") == "TTFT p50, ms: +3.2 % (4 runs)"
    assert escaped("a_b") == "a\\_b"
    assert "://" not in escaped("http://one")


def test_markdown_has_a_table_a_side(tmp_path):
    """A pull request shows the same figures as a terminal."""
    a, b = several(tmp_path, "a", STEADY), several(tmp_path, "b", SLOWER)
    comparison = compare_sides(sides(a, b, [write_run(tmp_path / "c")]))
    text = comparison_markdown(comparison)
    assert text.count(" |\n|:---|") == 2
    assert re.search(
        r"^\| TTFT p50, ms \| 45\.3 \| 54\.3 \| \+20\.0 % .*\*\*worse\*\* \|$", text, re.M
    )
    assert text.endswith("</details>\n")


def test_json_has_every_value_of_every_run(tmp_path):
    """A script needs no other file, and meets no NaN."""
    comparison = _repeated(tmp_path)
    told = json.loads(json.dumps(comparison_document(comparison), allow_nan=False))
    assert told["schema"] == "sagellm.comparison/1"
    row = next(row for row in told["figures"] if row["name"] == "ttft_ms.p50")
    assert row["sides"][1]["values"] == pytest.approx([45.24 * scale for scale in SLOWER])
    assert row["differences"][0]["word"] == "worse"
    assert row["differences"][0]["low"] < row["differences"][0]["change"]
    assert [run["run_id"] for run in told["sides"][0]["runs"]] == ["a1", "a2", "a3", "a4"]
