"""What `gate` prints: the runs, each objective, each figure against the baseline, the verdict.

A gate comes in, text comes out, `width` columns wide. Names that somebody else chose are stripped
of what moves a terminal and are never read as markup.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from typing import TYPE_CHECKING

from sagellm_benchmark.redact import snippet
from sagellm_benchmark.report import figures
from sagellm_benchmark.report.comparison.figures import named_figures
from sagellm_benchmark.report.comparison.sides import Side
from sagellm_benchmark.report.gate import FAILED, PASSED, Gate
from sagellm_benchmark.report.regressions import DEFAULT_FIGURES

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

_STYLES = {"pass": "green", "FAIL": "bold red", "unusable": "bold red", "not measured": "dim"}
_WORDS = {"worse": "bold red", "better": "green", "cannot tell": "bold red"}


def gate_text(gate: Gate, *, width: int, color: bool) -> str:
    """The whole text, ending in a line break."""
    return _printed(list(_parts(gate)), width, color=color)


def runs_text(sides: list[Side], *, width: int, color: bool) -> str:
    """The runs alone, a line each."""
    return _printed([_runs(sides)], width, color=color)


def verdict_line(gate: Gate) -> str:
    """How it came out, and why, in one line."""
    code = gate.exit_code
    bad = [one for one in gate.outcomes() if one.state in ("FAIL", "unusable")]
    if code == PASSED:
        judged = sum(one.kind != "runs" and one.state == "pass" for one in gate.outcomes())
        return f"PASSED  {figures.plural(judged, 'check')} met (exit code 0)"
    if code == FAILED:
        names = ", ".join(one.name for one in bad if one.state == "FAIL")
        return f"FAILED  {names} (exit code 1)"
    reasons = [f"{one.name}: {one.text}" for one in bad if one.state == "unusable"]
    if not reasons and gate.warnings:
        reasons = [f"--strict: {gate.warnings[0]}"]
    return f"UNUSABLE  {reasons[0] if reasons else 'nothing was measured'} (exit code {code})"


def _parts(gate: Gate) -> Iterator[RenderableType]:
    from rich.text import Text

    yield _runs([side for side in (gate.baseline, gate.runs) if side is not None])
    yield _objectives(gate)
    if len(gate.runs.archives) > 1:
        yield Text("Several runs repeat each other: each of them must meet every objective.", "dim")
    if gate.regressions:
        yield _regressions(gate)
        for line in method_lines(gate):
            yield Text(line, "dim")
    for text in gate.warnings:
        yield Text(f"warning: {snippet(text)}", "yellow")
    for text in gate.notes:
        yield Text(f"note: {snippet(text)}", "dim")
    style = {PASSED: "bold green", FAILED: "bold red"}.get(gate.exit_code, "bold red")
    yield Text(snippet(verdict_line(gate), 1000), style)


def method_lines(gate: Gate) -> list[str]:
    """How the baseline was held against the runs, in words."""
    method = gate.rules.method
    tested = sum(one.difference is not None for one in gate.regressions)
    test = "t-test of pairs of runs" if method.paired else "Welch's t-test of runs"
    lines = [
        f"{test}; {figures.plural(tested, 'figure')} asked about at once: p after Holm, intervals "
        f"and the smallest change that 4 of 5 such gates would find after Bonferroni, "
        f"confidence {figures.percent(method.confidence)}.",
    ]
    if method.max_regression:
        margin = f"A figure may become {figures.percent(method.max_regression)} worse"
    else:
        margin = "No margin (--max-regression 0): any change for the worse that is no chance fails"
    return [*lines, f"{margin}; an error rate has no margin."]


def _runs(sides: list[Side]) -> Table:
    from rich.text import Text

    table = _table("Runs")
    shown = named_figures(DEFAULT_FIGURES)
    table.add_column("", no_wrap=True)
    table.add_column("run", overflow="fold")
    table.add_column("verdict", no_wrap=True)
    for figure in shown:
        table.add_column(figure.label, justify="right")
    for number, side in enumerate(sides):
        word = "baseline" if len(sides) > 1 and not number else "run"
        for archive in side.archives:
            verdict = archive.summary["verdict"]
            table.add_row(
                word,
                Text(snippet(archive.run_id, 60)),
                Text(snippet(verdict["state"], 20), "" if verdict["valid"] else "bold red"),
                *(figure.text(figure.of(archive.summary)) for figure in shown),
            )
    return table


def _objectives(gate: Gate) -> Table:
    from rich.text import Text

    table = _table("Objectives")
    table.add_column("", no_wrap=True)
    table.add_column("objective", overflow="fold")
    table.add_column("asked by", overflow="fold")
    table.add_column("", overflow="fold")
    outcomes = [one for one in gate.outcomes() if one.kind == "objectives"]
    for check, outcome in zip(gate.checks, outcomes, strict=True):
        state = Text(outcome.state, _STYLES[outcome.state])
        table.add_row(state, check.expr, Text(snippet(check.origin)), Text(snippet(outcome.text)))
    return table


def _regressions(gate: Gate) -> Table:
    from rich.text import Text

    table = _table("Against the baseline")
    for name in ("", "figure", "baseline", "now", "change", "interval", "p", "detectable from"):
        right = name in ("baseline", "now", "change", "p", "detectable from")
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for one in gate.regressions:
        found = one.difference
        word = Text(one.word, _WORDS.get(one.word, "dim"))
        if found is None:
            table.add_row(word, one.figure.label, *["-"] * 6)
            continue
        seen = found.minimum_detectable
        table.add_row(
            word,
            one.figure.label,
            one.figure.text(found.mean_a),
            one.figure.text(found.mean_b),
            one.step(found.change),
            "-" if found.low is None else one.interval(),
            "-" if found.p is None else f"{found.p:.3f}",
            "-" if seen is None else one.step(seen).lstrip("+"),
        )
    return table


def _table(title: str) -> Table:
    from rich.table import Table

    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        header_style="dim",
        box=None,
        padding=(0, 2, 0, 0),
        pad_edge=False,
    )


def _printed(parts: list[RenderableType], width: int, *, color: bool) -> str:
    console = _console(width, color=color)
    with console.capture() as captured:
        for number, part in enumerate(parts):
            if number and not isinstance(part, str):
                console.print()
            console.print(part)
    return "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def _console(width: int, *, color: bool) -> Console:
    from rich.console import Console

    # All that rich would ask the environment for is said here: same gate, same text.
    return Console(
        file=StringIO(),
        width=width,
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
        force_jupyter=False,
        legacy_windows=False,
        highlight=False,
        markup=False,
        emoji=False,
    )
