"""The report of a run as Markdown, for a pull request or a job's summary.

In: a run's archive. Out: the verdict with its reasons, objectives, latencies, rates, errors, notes,
and the command to run it again, all from `run.json` and `summary.json`. Text from outside stands in
code spans, where neither HTML nor links nor mentions are read, and never breaks a table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sagellm_benchmark.record.archive import Archive
from sagellm_benchmark.redact import snippet
from sagellm_benchmark.report import figures
from sagellm_benchmark.report.files import write_whole
from sagellm_benchmark.report.glossary import TERMS
from sagellm_benchmark.report.html import sections
from sagellm_benchmark.report.rerun import rerun

_ERRORS = 10
_GROUPS = 10
_SIGNS = {"valid": "✅", "warned": "⚠️", "invalid": "❌"}
_NAMES = ("name", "model", "tenant", "class", "host")
_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~])")
_NUMBER = re.compile(r"~?[\d.,]+|-")
_FENCE = re.compile(r"`{3,}")


def markdown(archive: Archive) -> str:
    """Write it down, ending in a line break."""
    summary = archive.summary
    blocks = [
        *_verdict(archive),
        *_objectives(summary),
        *_latencies(summary),
        *_rates(summary),
        *_errors(summary["errors"]),
        *_groups(summary["groups"]),
        *_notes(summary["notes"]),
        *_again(archive),
    ]
    return "\n\n".join(blocks) + "\n"


def write_markdown(archive: Archive, path: Path) -> None:
    """Write it into a file, whole or not at all.

    Raises:
        OSError: It cannot be written; what was there is untouched.
    """
    write_whole(path, markdown(archive))


def code(text: str) -> str:
    """Anybody's text as a code span that a table can hold."""
    held = snippet(text, 300).replace("`", "'").replace("|", "\\|")
    return f"`{held}`" if held else "-"


def plain(text: str) -> str:
    """Our own words, that may quote anybody's: no mark in them is one of Markdown's."""
    escaped = _SPECIAL.sub(r"\\\1", snippet(text, 1000))
    return escaped.replace("&", "&amp;").replace("@", "@\u200b").replace("://", ":\u200b//")


def _verdict(archive: Archive) -> Iterator[str]:
    verdict, state = archive.summary["verdict"], archive.summary["verdict"]["state"]
    missed = verdict["exit_code"] == 1
    sign, word = ("❌", f"{state}, an objective was missed") if missed else (_SIGNS[state], state)
    yield f"## {sign} {code(archive.run_id)}: {word}"
    yield f"{sections.MEANINGS[state]} Exit code {verdict['exit_code']}."
    if verdict["reasons"]:
        yield _list(verdict["reasons"])


def _objectives(summary: Mapping[str, Any]) -> Iterator[str]:
    rows = [
        (code(expr), value, "pass" if passed else "**FAIL**")
        for expr, value, passed in sections.objectives(summary)
    ]
    if rows:
        yield _table(("objective", "is", ""), rows)


def _latencies(summary: Mapping[str, Any]) -> Iterator[str]:
    rows = [
        (
            TERMS[row.term].label if row.term else row.label,
            *(f"~{cell}" if thin and cell != figures.UNKNOWN else cell
              for cell, thin in zip(row.cells, row.thin, strict=True)),
        )
        for row in sections.latency_rows(summary["latency"])
    ]  # fmt: skip
    if rows:
        yield _table(("ms", "n", *sections.STATS), rows)


def _rates(summary: Mapping[str, Any]) -> Iterator[str]:
    reached, fidelity, goodput = summary["throughput"], summary["fidelity"], summary["goodput"]
    counts = summary["counts"]
    states = " + ".join(f"{name} {n:,}" for name, n in counts.items() if name != "planned" and n)
    offered, lag = fidelity["offered_rps"], fidelity["dispatch_lag_ms"]["p99"]
    sent = f"{figures.measure(fidelity['achieved_rps'])} requests/s sent"
    rows = [
        ("requests", f"{counts['planned']:,} planned = {states or 'none'}"),
        ("duration", figures.duration(summary["duration_s"])),
        (
            "throughput",
            f"{figures.measure(reached['requests_per_s'])} requests/s, "
            f"{figures.measure(reached['output_tokens_per_s'])} output tokens/s"
            f"{sections.counted(summary)}",
        ),
        (
            "fidelity",
            sent
            if offered is None
            else f"{sent} of {figures.measure(offered)} offered, "
            f"dispatch lag p99 {figures.measure(lag)} ms",
        ),
    ]
    if goodput["slo"]:
        within = " and ".join(code(expr) for expr in goodput["slo"])
        rows.append(("goodput", f"{figures.percent(goodput['fraction'])} within {within}"))
    for server, found in sections.servers(summary):
        for name, value, unit, _ in found:
            rows.append((code(f"{server['name']} {name}"), f"{plain(value)} {plain(unit)}".strip()))
    yield _table(("", ""), rows)


def _errors(errors: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    rows = [
        (figures.count(each["count"]), each["status"] or "", code(each["code"] or ""),
         code(each["message"]))
        for each in errors[:_ERRORS]
    ]  # fmt: skip
    if rows:
        yield _table(("errors", "status", "code", "message"), rows)
        yield from _more(len(errors) - _ERRORS)


def _groups(groups: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    varying = [name for name in _NAMES if len({group[name] for group in groups}) > 1]
    if not varying:
        return
    largest = sorted(groups, key=lambda group: -group["counts"]["planned"])
    rows = [
        (
            *(code(group[name] or "") for name in varying),
            figures.count(group["counts"]["planned"]),
            figures.count(group["counts"]["ok"]),
            *(figures.measure(group["latency"][key][stat])
              for key in ("ttft_ms", "e2e_ms") for stat in ("p50", "p99")),
        )
        for group in largest[:_GROUPS]
    ]  # fmt: skip
    head = (*varying, "requests", "ok", "TTFT p50", "TTFT p99", "e2e p50", "e2e p99")
    yield _table(head, rows)
    yield from _more(len(groups) - _GROUPS)


def _more(many: int) -> Iterator[str]:
    if many > 0:
        yield f"And {many:,} more in `summary.json`."


def _notes(notes: Sequence[str]) -> Iterator[str]:
    if notes:
        yield _list(notes)


def _again(archive: Archive) -> Iterator[str]:
    again = rerun(archive.manifest)
    # A fence that is longer than any in the command cannot be closed by it.
    longest = max(map(len, _FENCE.findall(again.command)), default=2)
    fence = "`" * (longest + 1)
    remarks = "\n\n".join(map(plain, again.remarks))
    yield "<details><summary>Run it again</summary>"
    yield f"{fence}console\n{again.command}\n{fence}"
    if remarks:
        yield remarks
    yield "</details>"


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {plain(line)}" for line in lines)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Numbers to the right, all else to the left."""
    columns = zip(*rows, strict=True)
    aligned = ["---:" if all(map(_NUMBER.fullmatch, cells)) else "---" for cells in columns]
    lines = [head, aligned, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
