"""The rules of changelog, version and release, each a command that fails when its rule is broken.

    rules.py form                  the changelog and the version have their form
    rules.py push [BASE [HEAD]]    what changes src/ between two commits has its new entry
    rules.py release [TAG]         what is committed can be released
    rules.py bump PART             raise the version and cut the changelog, together

Needs git and a Python, nothing else. A broken rule is one line and exit code 1.
"""

from __future__ import annotations

import datetime
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import changelog
from version import BrokenRule, Version, stands, written

PARTS = {
    "minor": ("Added", "Changed", "Removed"),
    "build": ("Changed", "Fixed"),
    "keep": changelog.HEADINGS,
}
_FEATURES = ("Added", "Removed")
_NOTHING = "0" * 40
_EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_CHANGELOG, _PYPROJECT = Path("CHANGELOG.md"), Path("pyproject.toml")


def form() -> str:
    """Changelog and version have their form, and the newest section is not above the version."""
    version, sections = _standing()
    if len(sections) > 1 and sections[1].version > version:
        raise BrokenRule(
            f"pyproject.toml: version {version} is below the changelog's {sections[1]}"
        )
    return f"version {version}, {len(sections[0].told())} entries under [Unreleased]"


def push(base: str = "", head: str = "HEAD") -> str:
    """A change of src/ comes with a new entry in the changelog.

    Args:
        base: what the other side has; zeros: nothing. Without it, the commit of the last release.
        head: what is pushed.
    """
    start = _start(base or _last_release(head) or _NOTHING, head)
    changed = _git("diff", "--name-only", start, head, "--", "src").split()
    if not changed:
        return "src/ is unchanged"
    before = _text(start) if _git("ls-tree", start, str(_CHANGELOG)) else ""
    entries = changelog.added(before, _text(head))
    if not entries:
        raise BrokenRule(
            f"src/ changed in {len(changed)} files ({changed[0]} ...) and CHANGELOG.md has no new"
            " entry: say under [Unreleased] what a user notices"
        )
    return f"src/ changed in {len(changed)} files, told by {len(entries)} new entries"


def release(tag: str = "") -> str:
    """The committed tree is a release: a dated section of this version, nothing unreleased."""
    version, (unreleased, *released) = _standing()
    if tag not in ("", f"v{version}"):
        raise BrokenRule(f"tag {tag} is not v{version}, the version in pyproject.toml")
    if not released or released[0].version != version:
        raise BrokenRule(f"CHANGELOG.md has no [{version}] on top: make bump PART=minor|build")
    if unreleased.entries:
        raise BrokenRule(f"CHANGELOG.md:{unreleased.line}: [Unreleased] still has entries")
    if released[0].date > datetime.datetime.now(datetime.timezone.utc).date():
        raise BrokenRule(f"CHANGELOG.md:{released[0].line}: {released[0].date} is in the future")
    changed = _git("status", "--porcelain", "--untracked-files=no").splitlines()
    if changed:
        raise BrokenRule(f"not committed, and so not in the release: {changed[0][3:]} ...")
    return f"{version} of {released[0].date} can be released"


def bump(part: str) -> str:
    """Raise the version and give it what was unreleased; a feature raises MINOR, a fix BUILD."""
    if part not in PARTS:
        raise BrokenRule(f"PART={part}: minor (a feature), build (a fix) or keep (never released)")
    version, (unreleased, *_) = _standing()
    found = ", ".join(unreleased.entries)
    if part == "build" and any(heading in unreleased.entries for heading in _FEATURES):
        raise BrokenRule(f"[Unreleased] has {found}: a feature raises MINOR, PART=minor")
    if unreleased.entries and not any(heading in unreleased.entries for heading in PARTS[part]):
        raise BrokenRule(f"[Unreleased] has {found} alone: a fix raises BUILD, PART=build")
    raised = version.raised(part)
    today = datetime.datetime.now(datetime.timezone.utc).date()
    cut = changelog.cut(_CHANGELOG.read_text(encoding="utf-8"), raised, today)
    _CHANGELOG.write_text(cut, encoding="utf-8")
    pyproject = _PYPROJECT.read_text(encoding="utf-8")
    _PYPROJECT.write_text(written(pyproject, raised), encoding="utf-8")
    return (
        f"{version} -> {raised}; commit pyproject.toml and CHANGELOG.md, then: make release-check"
    )


def _standing() -> tuple[Version, list[changelog.Section]]:
    """Version and changelog as they stand in the working tree."""
    version = stands(_PYPROJECT.read_text(encoding="utf-8"))
    return version, changelog.read(_CHANGELOG.read_text(encoding="utf-8"))


def _start(base: str, head: str) -> str:
    """The last commit that base and head share; the empty tree where nothing was there before."""
    if base == _NOTHING:
        return _EMPTY_TREE
    return _git("merge-base", base, head).strip()


def _last_release(head: str) -> str:
    """The commit that last gave the changelog a version with its date."""
    return _git(
        "log", "-1", "--format=%H", "-G", r"^## \[[0-9]", head, "--", str(_CHANGELOG)
    ).strip()


def _text(commit: str) -> str:
    return _git("show", f"{commit}:{_CHANGELOG}")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise BrokenRule(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


COMMANDS: dict[str, Callable[..., str]] = {
    "form": form,
    "push": push,
    "release": release,
    "bump": bump,
}


def main(arguments: list[str]) -> int:
    """Run one command in the current directory, the root of the repository."""
    name, *rest = arguments or [""]
    if name not in COMMANDS:
        print(f"rules: one of {', '.join(COMMANDS)}, not {name!r}", file=sys.stderr)
        return 2
    try:
        print(f"{name}: {COMMANDS[name](*rest)}")
    except BrokenRule as broken:
        print(f"{name}: {broken}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
