"""A gate for GitHub Actions: annotations among what is printed, and a page of the step's summary.

A gate in, text out. Nothing that somebody else wrote can become a workflow command: what else is
printed stands between two lines that turn commands off and on again, and the data of an annotation
is escaped as GitHub says. Nothing in the page is Markdown or HTML but what is written here.
"""

from __future__ import annotations

import html
import re
import secrets
from collections.abc import Iterator

from sagellm_benchmark.redact import snippet
from sagellm_benchmark.report.gate import Gate
from sagellm_benchmark.report.gate_text import method_lines, verdict_line

_ROWS = 200
_MARKS = re.compile(r"([\\`*_{}\[\]()#+!|~<>&@:-])")


def annotation_lines(gate: Gate) -> str:
    """A line for each thing that failed or warns, one for all that passed."""
    return "".join(f"{line}\n" for line in _annotations(gate))


def _annotations(gate: Gate) -> Iterator[str]:
    for one in gate.outcomes():
        if one.state in ("FAIL", "unusable"):
            title = f"{one.kind}: {one.name}"
            yield _command("error", title, f"{one.name} {one.state}: {one.text}")
    for text in gate.warnings:
        yield _command("warning", "not alike", text)
    if not gate.exit_code:
        yield _command("notice", "gate", verdict_line(gate))


def _command(kind: str, title: str, message: str) -> str:
    return f"::{kind} title={_property(snippet(title, 120))}::{_data(snippet(message, 1000))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def without_commands(text: str) -> str:
    """The same text, in which GitHub reads no workflow command."""
    token = secrets.token_hex(16)
    return f"::stop-commands::{token}\n{text}::{token}::\n"


def step_summary(gate: Gate) -> str:
    """A page in Markdown."""
    return "\n".join(_page(gate)) + "\n"


def _page(gate: Gate) -> Iterator[str]:
    yield f"### {_cell(verdict_line(gate), 600)}"
    for kind in ("runs", "objectives", "baseline"):
        own = [one for one in gate.outcomes() if one.kind == kind]
        if not own:
            continue
        yield from ("", f"| {kind} | | |", "|---|---|---|")
        for one in own[:_ROWS]:
            yield f"| {_cell(one.name)} | {one.state} | {_cell(one.text, 600)} |"
        if len(own) > _ROWS:
            yield f"| {len(own) - _ROWS} more | | |"
        if kind == "baseline":
            yield from ("", *map(_cell, method_lines(gate.regressions, gate.rules.method)))
    for word, texts in (("warning", gate.warnings), ("note", gate.notes)):
        yield from (line for text in texts for line in ("", f"{word}: {_cell(text, 600)}"))


def _cell(text: str, limit: int = 300) -> str:
    """Text that is nothing but text, in a table too."""
    return _MARKS.sub(lambda sign: f"&#{ord(html.unescape(sign[1]))};", snippet(text, limit))
