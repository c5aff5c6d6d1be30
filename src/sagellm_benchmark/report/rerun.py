"""How to run a run again, for a reader: the command in lines, and what to know before.

In: a manifest. Out: what `command.command_line` says, wrapped, with every word quoted so that a
shell takes it as it is and nothing in it moves a terminal or breaks a page; and sentences on what
a reader must fill in, since secrets are never kept.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sagellm_benchmark.redact import MASK
from sagellm_benchmark.report.command import command_line

_WIDTH = 88


@dataclass(frozen=True)
class Rerun:
    """How to run it again.

    Attributes:
        command: For a shell, in lines that end in a backslash.
        remarks: What to know before, in sentences.
    """

    command: str
    remarks: tuple[str, ...]


def rerun(manifest: Mapping[str, Any]) -> Rerun:
    """Write it down."""
    words = shlex.split(command_line(manifest))
    return Rerun(" \\\n  ".join(_lines(words)), tuple(_remarks(manifest, words)))


def quoted(text: str) -> str:
    """For a shell; what cannot be printed is written in escapes, as bash, ksh and zsh read them."""
    if text.isprintable():
        return shlex.quote(text)
    return "$'" + "".join(map(_escaped, text)) + "'"


def _escaped(char: str) -> str:
    if char in "\\'":
        return f"\\{char}"
    return char if char.isprintable() else f"\\U{ord(char):08x}"


def _lines(words: Sequence[str]) -> Iterator[str]:
    """An option stays beside its value."""
    line = ""
    for place, word in enumerate(words):
        part = quoted(word)
        fresh = word.startswith("--") and place + 1 < len(words)
        value = words[place + 1] if fresh and not words[place + 1].startswith("--") else ""
        if line and word.startswith("--") and len(f"{line} {part} {quoted(value)}") > _WIDTH:
            yield line
            line = part
        else:
            line = f"{line} {part}".lstrip()
    yield line


def _remarks(manifest: Mapping[str, Any], words: Sequence[str]) -> Iterator[str]:
    settings = manifest["settings"]
    if any(MASK in word for word in words):
        yield f"Secrets are not kept: write your own in place of {MASK}."
    variable = settings["api_key_env"]["value"]
    if variable:
        yield f"The API key is read from the environment variable {variable}."
    if words[0] == "locust":
        yield "The requests came from a locustfile of its own: name it, and how many users."
    elif settings["salt"]["value"] == "run":
        yield (
            "The prompts will have another salt, so that no prefix cache knows them; "
            f"--salt {quoted(str(manifest['salt']))} makes the very same bytes."
        )
