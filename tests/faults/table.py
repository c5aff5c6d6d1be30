"""`docs/faults.md`, made from the tables that the tests run.

Write it anew with `.venv/bin/python -m tests.faults.table` from the repository's root.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.faults.cases import CONNECTION, EVENTS, GROUPS, HTTP, STATUS, Fault, Group
from tests.faults.connecting import UNREACHABLE
from tests.faults.inputs import REFUSALS
from tests.faults.proven import INPUTS, OUTPUTS, PROCESS, ROWS

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"

HEAD = """\
# When things go wrong

What a run makes of every fault that we know a server, a network, a machine or a file can have. Each
row is a test that runs the whole program; this page is made from the tables of those tests.

What always holds: a request ends in exactly one state and has one record; nothing is sent twice;
the tokens that came before a fault are kept, with their stamps; a failed request enters no latency
percentile and counts against goodput and `error_rate`; the other requests of the run are unharmed.
A complete answer stays `ok` whatever becomes of its connection.

Exit codes: 0 passed, 1 requests failed (`--slo error_rate<=X` allows some) or an objective was
missed, 2 nothing was sent, 3 the result cannot be used. Where a row names no test, it is a case of
`tests/faults`.
"""

REQUESTS = """
| what happens | the request counts as | Protocol code | what is kept | exit |
|---|---|---|---|---|
"""
PROGRAM = """
| what happens | what the program does | exit | tests |
|---|---|---|---|
"""


def page() -> str:
    """The whole document."""
    parts = [HEAD]
    for section in (CONNECTION, HTTP, EVENTS, STATUS):
        parts.append(f"\n## {section}\n{REQUESTS}")
        if section == CONNECTION:
            parts += _connecting()
        parts += [
            _request(fault, group)
            for group in GROUPS
            for fault in group.faults
            if fault.section == section
        ]
        parts += _elsewhere(section)
    for section in (PROCESS, INPUTS, OUTPUTS):
        parts.append(f"\n## {section}\n{PROGRAM}")
        if section == INPUTS:
            parts += _refusals()
        parts += _rows(section)
    return "".join(parts)


def _refusals() -> Iterator[str]:
    for says in dict.fromkeys(case.says for case in REFUSALS):
        told = ", ".join(case.fault for case in REFUSALS if case.says == says)
        yield f"| {told} | refused: “{_cell(says)}” | 2 | |\n"


def _elsewhere(section: str) -> Iterator[str]:
    rows = list(_rows(section))
    if rows:
        yield PROGRAM
        yield from rows


def _rows(section: str) -> Iterator[str]:
    for row in ROWS:
        if row.section == section:
            yield f"| {row.told} | {row.does} | {row.exit} | {_tests(row.tests)} |\n"


def _connecting() -> Iterator[str]:
    for case in UNREACHABLE:
        known = "one line, before any load"
        yield f"| {case.fault} | {known} | | | 2 |\n"
        if case.status is not None:
            code = "unavailable" if case.status == "connect_error" else "deadline_exceeded"
            end = ", ".join(filter(None, (case.phase, case.reason)))
            told = f"{case.fault}, with `--no-preflight`"
            yield f"| {told} | `{case.status}` ({end}) | `{code}` | | 1 |\n"


def _request(fault: Fault, group: Group) -> str:
    told = f"{fault.told} ({group.note})" if group.note else fault.told
    end = ", ".join(filter(None, (fault.phase, fault.reason)))
    state = f"`{fault.status}`" + (f" ({end})" if end else "")
    code = f"`{fault.code}`" if fault.code else ""
    leaves = 0 if fault.status == "ok" else 1
    return f"| {told} | {state} | {code} | {_kept(fault, group)} | {leaves} |\n"


def _kept(fault: Fault, group: Group) -> str:
    flags = [f"flag `{flag}`" for flag in fault.flags or ()]
    if isinstance(fault.chunks, tuple):
        return ", ".join(["what came in time", *flags])
    if not group.chunks or not fault.chunks:
        return ", ".join(flags)
    if fault.status == "ok" and fault.chunks == group.chunks:
        return ", ".join(["all tokens", *flags])
    kept = f"{fault.chunks} tokens" if fault.chunks > 1 else "1 token"
    return ", ".join([kept, *flags])


def _tests(names: tuple[str, ...]) -> str:
    return "<br>".join(f"`{name}`" for name in names)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
