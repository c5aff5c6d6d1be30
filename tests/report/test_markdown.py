"""The report as Markdown: what it says, and that nobody's text becomes markup."""

from __future__ import annotations

import re

import pytest

from metrics.runs import mixed_run
from report.reports import archive_of, hostile_archive
from sagellm_benchmark.report.markdown import code, markdown, plain


def outside_code(text):
    """What a renderer reads as Markdown: without fences and code spans."""
    text = re.sub(r"^(`{3,})console\n.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", text)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """Of a run whose every text means harm."""
    return markdown(hostile_archive(tmp_path_factory.mktemp("runs") / "r"))


def test_no_text_becomes_markup(hostile):
    """No HTML but our own fold, no link, no image, no mention."""
    left = outside_code(hostile)
    assert set(re.findall(r"(?<!\\)<[^ ]*?>", left)) == {
        "<details>",
        "<summary>",
        "</summary>",
        "</details>",
    }
    assert not re.search(r"(?<!\\)\]\(|@\w|https?://", left)


def test_no_text_breaks_a_table(hostile):
    """Every line of a table has as many cells as its head."""
    tables = re.findall(r"(?:^\|.*\n)+", hostile, re.MULTILINE)
    assert len(tables) >= 4
    for table in tables:
        cells = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(cells) == 1, table


def test_no_text_moves_a_terminal(hostile):
    """It may be printed."""
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", hostile)


def test_it_says_what_a_reviewer_asks(tmp_path):
    """Verdict, objectives, latencies from sent and from due, errors, and how to run it again."""
    text = markdown(archive_of(tmp_path / "r", mixed_run(100, 1)))
    assert text.startswith("## ")
    order = ["| objective |", "| TTFT |", "| TTFT from due |", "| errors |", "Run it again"]
    places = [text.index(word) for word in order]
    assert places == sorted(places)
    assert "sagellm-benchmark run chat.jsonl --host http://one" in text
    assert text.endswith("</details>\n")


def test_a_span_holds_what_would_end_it():
    """Back quotes, bars and line breaks stay inside a code span and a cell."""
    assert code("a`b|c\nd") == "`a'b\\|c d`"
    assert code("") == "-"


def test_our_own_words_may_quote_anybody():
    """A sentence with a model's name in it is a sentence."""
    assert plain("<b> [x](y) *a* @all") == "\\<b\\> \\[x\\](y) \\*a\\* @\u200ball"
