"""The documents that exist in two languages say the same, and what they name exists.

Language is prose only: a document and its translation have the same headings, code blocks, tables
and lists, name the same options, files and commands, and link to the same places.
"""

from __future__ import annotations

import re

import pytest
from tests.rules.repository import ROOT

TRANSLATED = ["README", "CONTRIBUTING"]
_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LANGUAGE = re.compile(r"\((README|CONTRIBUTING)\.zh-CN\.md\)")


def text(name):
    """A document's text."""
    return (ROOT / name).read_text(encoding="utf-8")


def prose(document):
    """A document without its code blocks."""
    return _BLOCK.sub("", document)


def headings(document):
    """The levels of the headings, in order."""
    return [len(found) for found in re.findall(r"^(#+) ", prose(document), re.MULTILINE)]


def rows(document):
    """How many rows of tables and items of lists there are, section by section."""
    sections = re.split(r"^#+ ", prose(document), flags=re.MULTILINE)
    return [len(re.findall(r"^(?:\||- )", section, re.MULTILINE)) for section in sections]


def names(document):
    """What stands in code type: options, files, commands, labels."""
    return sorted({" ".join(name.split()) for name in re.findall(r"`([^`]+)`", prose(document))})


def links(document):
    """Where it links to, without the other language's document."""
    found = set(re.findall(r"\]\(([^)]+)\)", _LANGUAGE.sub(r"(\1.md)", prose(document))))
    return sorted(found - {f"{name}.md" for name in TRANSLATED})


@pytest.mark.parametrize("name", TRANSLATED)
@pytest.mark.parametrize("part", [headings, _BLOCK.findall, rows, names, links])
def test_in_step(name, part):
    """A change of one language without the other fails here."""
    assert part(text(f"{name}.zh-CN.md")) == part(text(f"{name}.md"))


@pytest.mark.parametrize("name", TRANSLATED)
def test_each_names_the_other(name):
    """A reader finds the other language in the first lines."""
    assert text(f"{name}.md").splitlines()[2] == f"[中文]({name}.zh-CN.md)"
    assert text(f"{name}.zh-CN.md").splitlines()[2] == f"[English]({name}.md)"


@pytest.mark.parametrize(
    "name",
    [
        *(f"{name}{language}.md" for name in TRANSLATED for language in ("", ".zh-CN")),
        "SECURITY.md",
        ".github/copilot-instructions.md",
    ],
)
def test_links_lead_somewhere(name):
    """Every link to a file of this repository finds it."""
    for target in re.findall(r"\]\((?!http)([^)#]+)", text(name)):
        assert (ROOT / name).parent.joinpath(target).resolve().exists(), target


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", ".github/copilot-instructions.md"])
def test_every_make_target_exists(name):
    """`make` knows each target that a document of the rules names."""
    makefile = text("Makefile")
    targets = set(re.findall(r"(?:`|^\$ )make ([a-z-]+)", text(name), re.MULTILINE))
    assert targets >= {"bump", "release-check", "lint", "test"}
    assert not {t for t in targets if not re.search(rf"^{t}:", makefile, re.MULTILINE)}


@pytest.mark.parametrize(
    "rule",
    [
        "Protocol first",
        "CPU first",
        "Fail fast",
        "Keep a Changelog 1.0.0",
        "[Unreleased]",
        "MAJOR.MINOR.PATCH.BUILD",
        "make bump",
        "sage-pypi-publisher build . --upload --no-dry-run --mode private",
        "pytest --cov=sagellm_benchmark --cov-report=html",
        "ruff check .",
        "docs/specs/protocol_v0.1.md",
        "sagellm-kv-cache",
        "[P0]",
    ],
)
def test_assistants_read_the_same_rules(rule):
    """What binds people stands in short where coding assistants read it."""
    assert rule in text("CONTRIBUTING.md")
    assert rule in text(".github/copilot-instructions.md")
