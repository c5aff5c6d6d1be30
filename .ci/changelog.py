"""The changelog as data: the text of CHANGELOG.md in, its sections out, newest first.

The form is that of Keep a Changelog 1.0.0 with four of its headings. `[Unreleased]` comes first and
is always there; below it each version stands once, with its date, and no version or date is above
a newer one. Whatever breaks that is told by its line.
"""

from __future__ import annotations

import datetime
import itertools
import re
from dataclasses import dataclass, field

from version import BrokenRule, Version

HEADINGS = ("Added", "Changed", "Fixed", "Removed")
FORM = "https://keepachangelog.com/en/1.0.0/"
UNRELEASED = "## [Unreleased]"

_TITLE = re.compile(r"^## \[([^\]]+)\] - (\d{4}-\d\d-\d\d)$", re.MULTILINE)


@dataclass
class Section:
    """What one version brought, or what none has brought yet."""

    line: int
    version: Version | None = None
    date: datetime.date | None = None
    entries: dict[str, list[str]] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"[{self.version or 'Unreleased'}]"

    def told(self) -> list[str]:
        """Every entry, whatever its heading."""
        return [text for texts in self.entries.values() for text in texts]


def read(text: str) -> list[Section]:
    """The sections of a changelog, `[Unreleased]` first.

    Raises:
        BrokenRule: the form is broken; the message names the line.
    """
    if FORM not in text.partition(UNRELEASED)[0]:
        raise BrokenRule(f"CHANGELOG.md:1: the head does not name its form, {FORM}")
    sections = _sections(text)
    if not sections or sections[0].version:
        raise BrokenRule(f"CHANGELOG.md:1: the first section is not {UNRELEASED[3:]}")
    for section in sections:
        _check_entries(section)
    for newer, older in itertools.pairwise(sections[1:]):
        if newer.version <= older.version or newer.date < older.date:
            raise BrokenRule(f"CHANGELOG.md:{older.line}: {older} stands below {newer}")
    return sections


def added(before: str, after: str) -> list[str]:
    """The entries of `after`, unreleased or released since, that `before` has nowhere.

    `before` may have any form: what it says is known, however it says it.
    """
    known = set(_bullets(before))
    released = {match[1] for match in _TITLE.finditer(before)}
    news = [section for section in read(after) if str(section.version) not in released]
    return [entry for section in news for entry in section.told() if entry not in known]


def cut(text: str, version: Version, date: datetime.date) -> str:
    """The changelog on the day of a release: what was unreleased is that version's.

    Raises:
        BrokenRule: nothing was unreleased, or the version stands there already.
    """
    unreleased, *released = read(text)
    if not unreleased.entries:
        raise BrokenRule(f"CHANGELOG.md:{unreleased.line}: nothing is unreleased")
    if any(section.version == version for section in released):
        raise BrokenRule(f"CHANGELOG.md: [{version}] is released already")
    after = text.replace(UNRELEASED, f"{UNRELEASED}\n\n## [{version}] - {date.isoformat()}", 1)
    read(after)
    return after


def _sections(text: str) -> list[Section]:
    sections: list[Section] = []
    texts: list[str] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("## "):
            sections.append(_titled(line, number))
            texts = None
        elif line.startswith("### ") and sections:
            texts = _headed(line, number, sections[-1])
        elif line.startswith("- ") and texts is None:
            raise BrokenRule(f"CHANGELOG.md:{number}: an entry under no heading")
        elif texts is not None:
            _collect(line, texts)
    return sections


def _bullets(text: str) -> list[str]:
    texts: list[str] = []
    for line in text.splitlines():
        _collect(line, texts)
    return texts


def _collect(line: str, texts: list[str]) -> None:
    """Add a line to the entries: a new one, or what follows of the last."""
    if line.startswith("- "):
        texts.append(" ".join(line[2:].split()))
    elif line.startswith("  ") and texts:
        texts[-1] += f" {' '.join(line.split())}"


def _titled(line: str, number: int) -> Section:
    if line == UNRELEASED:
        return Section(number)
    match = _TITLE.fullmatch(line)
    if match is None:
        raise BrokenRule(f"CHANGELOG.md:{number}: {line!r} is not '## [A.B.C.D] - YYYY-MM-DD'")
    try:
        date = datetime.date.fromisoformat(match[2])
    except ValueError:
        raise BrokenRule(f"CHANGELOG.md:{number}: {match[2]} is no date") from None
    return Section(number, Version.of(match[1]), date)


def _headed(line: str, number: int, section: Section) -> list[str]:
    heading = line[4:]
    if heading not in HEADINGS:
        raise BrokenRule(f"CHANGELOG.md:{number}: {heading!r} is none of {', '.join(HEADINGS)}")
    if heading in section.entries:
        raise BrokenRule(f"CHANGELOG.md:{number}: {section} has {heading} twice")
    return section.entries.setdefault(heading, [])


def _check_entries(section: Section) -> None:
    for heading, texts in section.entries.items():
        if not all(texts):
            raise BrokenRule(f"CHANGELOG.md:{section.line}: {section} {heading}: an empty entry")
        if not texts:
            raise BrokenRule(f"CHANGELOG.md:{section.line}: {section} {heading} has no entry")
    if section.version and not section.entries:
        raise BrokenRule(f"CHANGELOG.md:{section.line}: {section} has no entry")
