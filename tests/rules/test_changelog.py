"""The changelog's form, and the entry that every change of src/ brings."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests.rules.repository import HEAD, ROOT, UNRELEASED

RELEASED = "\n## [0.5.5.0] - 2026-01-02\n\n### Fixed\n\n- A fault.\n"


def test_the_projects_own_form():
    """This repository's changelog and version pass the check that `make lint` runs."""
    done = subprocess.run(
        [sys.executable, ".ci/rules.py", "form"], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD.replace("1.0.0", "1.1.0") + UNRELEASED, "CHANGELOG.md:1: the head"),
        (HEAD + RELEASED, "first section is not [Unreleased]"),
        (HEAD + UNRELEASED.replace("Added", "New"), "CHANGELOG.md:7: 'New' is none of Added, Ch"),
        (HEAD + UNRELEASED + "\n### Added\n\n- B.\n", "[Unreleased] has Added twice"),
        (HEAD + "## [Unreleased]\n\n### Added\n", "[Unreleased] Added has no entry"),
        (HEAD + "## [Unreleased]\n\n### Added\n\n- \n", "[Unreleased] Added: an empty entry"),
        (HEAD + "## [Unreleased]\n\n- A.\n", "CHANGELOG.md:7: an entry under no heading"),
        (HEAD + UNRELEASED + "\n## 0.5.5.0\n", "is not '## [A.B.C.D] - YYYY-MM-DD'"),
        (HEAD + UNRELEASED + "\n## [0.5.5] - 2026-01-02\n", "'0.5.5' is not MAJOR.MINOR"),
        (HEAD + UNRELEASED + "\n## [0.5.5.0] - 2026-02-30\n", "2026-02-30 is no date"),
        (HEAD + UNRELEASED + "\n## [0.5.5.0] - 2026-01-02\n", "[0.5.5.0] has no entry"),
        (HEAD + UNRELEASED + RELEASED + RELEASED, "[0.5.5.0] stands below [0.5.5.0]"),
        (
            HEAD + UNRELEASED + RELEASED.replace("0.5.5.0", "0.6.0.0"),
            "below the changelog's [0.6.0.0]",
        ),
    ],
)
def test_a_broken_form(repository, text, said):
    """Each breach of the form is refused in one line that says where."""
    repository.write("CHANGELOG.md", text)
    done = repository.rules("form")
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_push_that_tells_nothing(repository):
    """Git refuses a push that changes src/ without a new entry, and takes it with one."""
    repository.write("src/p.py", "x = 1\n")
    repository.commit()
    done = repository.push("main")
    assert done.returncode == 1
    assert "CHANGELOG.md has no new entry: say under [Unreleased]" in done.stderr
    repository.write("CHANGELOG.md", HEAD + UNRELEASED + "- A second thing.\n")
    repository.commit()
    assert repository.push("main").returncode == 0


def test_a_push_of_something_else(repository):
    """What leaves src/ alone needs no entry."""
    repository.write("README.md", "Words.\n")
    repository.commit()
    assert repository.push("main").returncode == 0


@pytest.mark.parametrize(
    ("changelog", "code"),
    [
        (HEAD + UNRELEASED.replace("Added", "Changed"), 1),
        (HEAD + UNRELEASED.replace("first thing", "first\n  thing").replace("A f", "A  f"), 1),
        (HEAD + UNRELEASED.replace("first thing", "first thing, and how"), 0),
        (HEAD + "## [Unreleased]\n" + RELEASED.replace("fault", "first thing"), 1),
        (HEAD + "## [Unreleased]\n" + RELEASED, 0),
    ],
    ids=["another heading", "another fold", "an entry told anew", "old news", "released at once"],
)
def test_what_is_a_new_entry(repository, changelog, code):
    """New is what nothing said before; another heading, fold or section makes no words new."""
    repository.write("src/p.py", "x = 1\n")
    repository.write("CHANGELOG.md", changelog)
    repository.commit()
    assert repository.push("main").returncode == code


def test_a_new_branch(repository):
    """A branch that the other side has not is judged from where it left main."""
    repository.git("switch", "-q", "-c", "topic")
    repository.write("src/p.py", "x = 1\n")
    repository.commit()
    assert repository.push("topic").returncode == 1
    repository.write("CHANGELOG.md", HEAD + UNRELEASED + "- A second thing.\n")
    repository.commit()
    assert repository.push("topic").returncode == 0


def test_a_removed_branch_and_a_tag(repository):
    """What brings no commit to a branch is not asked for an entry."""
    repository.git("push", "-q", "--no-verify", "origin", "main:old")
    assert repository.push(":old").returncode == 0
    repository.git("tag", "v0.5.5.0")
    assert repository.push("v0.5.5.0").returncode == 0


@pytest.mark.parametrize("part", ["minor", "keep"])
def test_since_the_last_release(repository, part):
    """Without a base, everything since the last release must be told."""
    assert repository.rules("push").returncode == 0
    repository.rules("bump", part)
    repository.commit()
    repository.write("src/p.py", "x = 1\n")
    repository.commit()
    done = repository.rules("push")
    assert (done.returncode, "has no new entry" in done.stderr) == (1, True)
