"""The report's definitions are those of docs/metrics.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sagellm_benchmark.metrics.names import LATENCIES
from sagellm_benchmark.report.glossary import TERMS, WORDS

_DOCUMENT = Path(__file__).parents[2] / "docs/metrics.md"


def plain(text):
    """Without marks of Markdown, on one line."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return " ".join(re.sub(r"[`*]", "", text).split())


@pytest.fixture(scope="module")
def document():
    """The document's words."""
    return plain(_DOCUMENT.read_text(encoding="utf-8"))


@pytest.mark.parametrize("key", TERMS)
def test_a_definition_is_the_documents(key, document):
    """A change of the one without the other fails here."""
    term = TERMS[key]
    assert plain(term.meaning) in document
    assert term.absent in document
    assert set(term.words) <= set(WORDS)


@pytest.mark.parametrize("word", WORDS)
def test_a_word_is_the_documents(word, document):
    """The words that formulas are made of mean what the document says, under the same name."""
    assert f"| {word} | {WORDS[word]}" in document


def test_every_latency_is_defined():
    """No latency of a summary lacks its definition."""
    assert set(LATENCIES) <= set(TERMS)
