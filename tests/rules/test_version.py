"""The version's form, its one place, how it rises, and what makes a release."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from importlib.metadata import version

import pytest
from tests.rules.repository import HEAD, ROOT, UNRELEASED

FIX = UNRELEASED.replace("Added", "Fixed")
CHANGE = UNRELEASED.replace("Added", "Changed")


def today(days=0):
    """A date as the changelog writes it."""
    return str((datetime.now(timezone.utc) + timedelta(days=days)).date())


def test_one_place():
    """pyproject.toml has the version as four numbers, and the package says the same."""
    import sagellm_benchmark

    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (written,) = re.findall(r'^version = "(\d+\.\d+\.\d+\.\d+)"$', pyproject, re.MULTILINE)
    assert written == version("isagellm-benchmark") == sagellm_benchmark.__version__


def test_no_second_place():
    """No file of the package writes a version of four numbers down."""
    literal = re.compile(r'__version__ = ["\']|["\']\d+\.\d+\.\d+\.\d+["\']\s*# version')
    for path in (ROOT / "src").rglob("*.py"):
        assert not literal.search(path.read_text(encoding="utf-8")), path


def test_nothing_else_of_the_package():
    """The package has a version, and says so of nothing else that it has not."""
    import sagellm_benchmark

    with pytest.raises(AttributeError, match="no attribute 'versions'"):
        _ = sagellm_benchmark.versions


@pytest.mark.parametrize("written", ["0.5.5", "0.5.5.0.1", "0.5.5.0rc1", "v0.5.5.0", "0.5.05.0"])
def test_a_broken_form(repository, written):
    """Anything but MAJOR.MINOR.PATCH.BUILD is refused."""
    repository.write("pyproject.toml", f'[project]\nversion = "{written}"\n')
    done = repository.rules("form")
    assert done.returncode == 1
    assert f"version '{written}' is not MAJOR.MINOR.PATCH.BUILD" in done.stderr


def test_a_version_that_is_not_written_down(repository):
    """A version that a tool would make up is refused; another table's does not count."""
    repository.write(
        "pyproject.toml", '[project]\ndynamic = ["version"]\n[x]\nversion = "1.2.3.4"\n'
    )
    assert "[project] has no line version" in repository.rules("form").stderr


@pytest.mark.parametrize(
    ("changes", "part", "raised"),
    [
        (UNRELEASED, "minor", "0.6.0.0"),
        (CHANGE, "minor", "0.6.0.0"),
        (CHANGE, "build", "0.5.5.1"),
        (FIX, "build", "0.5.5.1"),
        (UNRELEASED, "keep", "0.5.5.0"),
    ],
)
def test_bump(repository, changes, part, raised):
    """Version and changelog rise together, nothing else changes, and the result can be released."""
    repository.write("CHANGELOG.md", HEAD + changes)
    before = repository.read("pyproject.toml")
    done = repository.rules("bump", part)
    assert done.returncode == 0, done.stderr
    assert repository.read("pyproject.toml") == before.replace("0.5.5.0", raised)
    released = changes.replace("## [Unreleased]", f"## [Unreleased]\n\n## [{raised}] - {today()}")
    assert repository.read("CHANGELOG.md") == HEAD + released
    repository.commit()
    assert repository.rules("release", f"v{raised}").returncode == 0


@pytest.mark.parametrize(
    ("changes", "part", "said"),
    [
        (UNRELEASED, "build", "a feature raises MINOR"),
        (FIX, "minor", "a fix raises BUILD"),
        (UNRELEASED, "major", "PART=major: minor (a feature), build (a fix)"),
        (UNRELEASED, "", "PART=: minor"),
        ("## [Unreleased]\n", "minor", "nothing is unreleased"),
        (UNRELEASED + "\n## [0.5.5.0] - 2026-01-02\n\n### Fixed\n\n- A.\n", "keep", "is released"),
    ],
)
def test_a_bump_that_is_none(repository, changes, part, said):
    """A bump that the changes do not ask for is refused, and touches nothing."""
    repository.write("CHANGELOG.md", HEAD + changes)
    before = repository.read("CHANGELOG.md"), repository.read("pyproject.toml")
    done = repository.rules("bump", part)
    assert done.returncode == 1
    assert said in done.stderr
    assert (repository.read("CHANGELOG.md"), repository.read("pyproject.toml")) == before


def test_what_is_no_release(repository):
    """A release needs its dated section on top, nothing unreleased, its tag, and a commit."""
    said = repository.rules("release").stderr
    assert "CHANGELOG.md has no [0.5.5.0] on top: make bump" in said
    repository.rules("bump", "minor")
    assert "not committed, and so not in the release: " in repository.rules("release").stderr
    repository.commit()
    assert "tag v0.5.5.0 is not v0.6.0.0" in repository.rules("release", "v0.5.5.0").stderr
    cut = repository.read("CHANGELOG.md")
    repository.write("CHANGELOG.md", cut.replace(today(), today(2)))
    assert "is in the future" in repository.rules("release").stderr
    repository.write(
        "CHANGELOG.md", cut.replace("[Unreleased]\n", "[Unreleased]\n\n### Fixed\n\n- A.\n")
    )
    assert "[Unreleased] still has entries" in repository.rules("release").stderr


def test_a_command_that_nobody_knows(repository):
    """The program says what it can do."""
    assert "one of form, push, release, bump, not 'x'" in repository.rules("x").stderr
    assert repository.rules().returncode == 2
