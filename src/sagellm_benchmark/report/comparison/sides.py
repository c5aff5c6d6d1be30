"""The sides of a comparison: each is one run, or several that repeat each other.

Names as a user writes them come in, sides whose runs are open come out, the base first. No run
stands twice. What a name means is decided by what lies on disk: a run, a directory that holds runs,
several of them with commas between, or what stands before the numbers of repeats.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.record.archive import NAMELESS, Archive, open_archive

_REPEAT = re.compile(r"(.*?)(\d+)")
_GROUP = re.compile(r"(.+)-([a-z])\d+")


@dataclass(frozen=True)
class Side:
    """One side.

    Attributes:
        letter: A for the base, then B, C, …
        name: What the user called it.
        archives: Its runs, one at least.
    """

    letter: str
    name: str
    archives: tuple[Archive, ...]


def open_sides(names: Sequence[str]) -> list[Side]:
    """Open the runs that names stand for.

    Args:
        names: One or more. A single directory that holds the runs `X-a1 … X-b1 …` of one experiment
            stands for the sides a, b, ….

    Raises:
        UsageError: A name stands for no run, or a run stands twice.
    """
    if not all(names):
        raise UsageError(NAMELESS)
    named = _groups(Path(names[0])) if len(names) == 1 else []
    parts = named or [(name, _paths(name)) for name in names]
    sides = [
        Side(letter, name, tuple(map(open_archive, paths)))
        for letter, (name, paths) in zip(letters(), parts, strict=False)
    ]
    _once(sides)
    return sides


def letters() -> Iterator[str]:
    """A to Z, then A1, B1, …."""
    for turn in count():
        for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ":
            yield f"{letter}{turn}" if turn else letter


def _paths(name: str) -> list[Path]:
    """The directories of runs that one name stands for; what is none is found when it is opened."""
    path = Path(name)
    if path.is_dir():
        if _groups(path):
            raise UsageError(
                f"{path}: holds the sides of an experiment; give it alone, or name them one by one"
            )
        return [path] if (path / "run.json").exists() else _within(path) or [path]
    if "," in name:
        parts = name.split(",")
        if not all(parts):
            raise UsageError(f"{name!r}: a run is missing beside a comma")
        return [found for part in parts for found in _paths(part)]
    return _numbered(path) or [path]


def _within(folder: Path) -> list[Path]:
    """The runs in a directory, without links such as `latest`."""
    return _in_order(
        child
        for child in folder.iterdir()
        if not child.is_symlink() and (child / "run.json").is_file()
    )


def _numbered(stem: Path) -> list[Path]:
    """`runs/x-a` stands for runs/x-a1, runs/x-a2, …."""
    if not stem.name or not stem.parent.is_dir():
        return []
    form = re.compile(re.escape(stem.name) + r"-?\d+")
    return [path for path in _within(stem.parent) if form.fullmatch(path.name)]


def _groups(folder: Path) -> list[tuple[str, list[Path]]]:
    """The sides of an experiment whose runs are X-a1, X-a2, …, X-b1, …; none where it is none."""
    if not folder.is_dir() or (folder / "run.json").exists():
        return []
    groups: dict[str, list[Path]] = {}
    stems = set()
    for path in _within(folder):
        matched = _GROUP.fullmatch(path.name)
        if matched is None:
            return []
        stems.add(matched[1])
        groups.setdefault(matched[2], []).append(path)
    if len(stems) != 1 or len(groups) < 2:
        return []
    return [(f"{stems.copy().pop()}-{letter}", groups[letter]) for letter in sorted(groups)]


def _in_order(paths: Iterable[Path]) -> list[Path]:
    """By name, repeats by their number: x-a2 before x-a10."""

    def place(path: Path) -> tuple[str, int, str]:
        matched = _REPEAT.fullmatch(path.name)
        return (matched[1], int(matched[2]), path.name) if matched else (path.name, 0, path.name)

    return sorted(paths, key=place)


def _once(sides: Sequence[Side]) -> None:
    seen = set()
    for archive in (archive for side in sides for archive in side.archives):
        if archive.directory in seen:
            raise UsageError(f"{archive.directory}: this run is named twice; name others")
        seen.add(archive.directory)
