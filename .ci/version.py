"""The version of the package: pyproject.toml's text in, four numbers out, and back.

The string under [project] is the one place where the version is written; the package reads it
from its metadata. A version is MAJOR.MINOR.PATCH.BUILD, four numbers without leading zeros.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_FORM = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
_PROJECT = re.compile(r"^\[project\]$(.*?)(?=^\[|\Z)", re.MULTILINE | re.DOTALL)
_LINE = re.compile(r'^version = "([^"\n]*)"$', re.MULTILINE)


class BrokenRule(Exception):
    """A rule of the project does not hold; the message says where, and what to do."""


class Version(NamedTuple):
    """MAJOR.MINOR.PATCH.BUILD, in the order in which versions follow each other."""

    major: int
    minor: int
    patch: int
    build: int

    @classmethod
    def of(cls, text: str) -> Version:
        """Read a version.

        Raises:
            BrokenRule: it is no four numbers.
        """
        match = _FORM.fullmatch(text)
        if match is None:
            raise BrokenRule(f"version {text!r} is not MAJOR.MINOR.PATCH.BUILD, as in 0.5.5.0")
        return cls(*map(int, match.groups()))

    def raised(self, part: str) -> Version:
        """The next version: "minor" for a feature, "build" for a fix, "keep" for this one."""
        if part == "minor":
            return Version(self.major, self.minor + 1, 0, 0)
        return self._replace(build=self.build + (part == "build"))

    def __str__(self) -> str:
        return ".".join(map(str, self))


def stands(pyproject: str) -> Version:
    """The version in the text of pyproject.toml.

    Raises:
        BrokenRule: there is no version string under [project], or it has another form.
    """
    return Version.of(_line(pyproject)[1])


def written(pyproject: str, version: Version) -> str:
    """The text of pyproject.toml with another version, and nothing else changed."""
    start, end = _line(pyproject).span(1)
    return f"{pyproject[:start]}{version}{pyproject[end:]}"


def _line(pyproject: str) -> re.Match[str]:
    table = _PROJECT.search(pyproject)
    line = _LINE.search(pyproject, *table.span(1)) if table else None
    if line is None:
        raise BrokenRule('pyproject.toml: [project] has no line version = "A.B.C.D"')
    return line
