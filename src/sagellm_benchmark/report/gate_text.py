"""What `gate` prints: the runs, each objective, each figure against the baseline, the verdict.

A gate comes in, text comes out, `width` columns wide. Names that somebody else chose are stripped
of what moves a terminal and are never read as markup.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sagellm_benchmark.redact import snippet
from sagellm_benchmark.report import figures
from sagellm_benchmark.report.comparison.figures import Figure, named_figures
from sagellm_benchmark.report.comparison.sides import Side
from sagellm_benchmark.report.gate import FAILED, PASSED, Gate
from sagellm_benchmark.report.regressions import DEFAULT_FIGURES, Method, Regression
from sagellm_benchmark.report.screen import screen, text_of

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

_STYLES = {"pass": "green", "FAIL": "bold red", "unusable": "bold red", "not measured": "dim"}
_WORDS = {"worse": "bold red", "better": "green", "cannot tell": "bold red"}


def gate_text(gate: Gate, *, width: int, color: bool) -> str:
    """The whole text, ending in a line break."""
    return printed(list(_parts(gate)), width, color=color)


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
    sides = [side for side in (gate.baseline, gate.runs) if side is not None]
    yield run_table(sides, ["baseline", "run"] if gate.baseline else ["run"])
    yield _objectives(gate)
    if len(gate.runs.archives) > 1:
        yield plain("Several runs repeat each other: each of them must meet every objective.")
    if gate.baseline is not None:
        names = ("baseline", "now")
        yield regression_table(gate.regressions, names, "Against the baseline")
        yield plain("\n".join(method_lines(gate.regressions, gate.rules.method)))
    told = [f"warning: {snippet(text)}" for text in gate.warnings]
    told += [f"note: {snippet(text)}" for text in gate.notes]
    if told:
        yield plain("\n".join(told))
    style = "bold green" if gate.exit_code == PASSED else "bold red"
    yield plain(snippet(verdict_line(gate), 1000), style)


def method_lines(found: Sequence[Regression], method: Method) -> list[str]:
    """How runs were held against each other, in words."""
    tested = sum(one.difference is not None and one.varies for one in found)
    test = "t-test of pairs of runs" if method.paired else "Welch's t-test of runs"
    lines = [
        f"{test}; {figures.plural(tested, 'figure')} asked about at once: p after Holm, intervals "
        f"and the smallest change that 4 of 5 such tests would find after Bonferroni, "
        f"confidence {figures.percent(method.confidence)}.",
    ]
    if method.max_regression:
        margin = f"A figure may become {figures.percent(method.max_regression)} worse"
    else:
        margin = "No margin (--max-regression 0): any change for the worse that is no chance counts"
    return [*lines, f"{margin}; an error rate has no margin."]


def run_table(sides: Sequence[Side], words: Sequence[str]) -> Table:
    """A line a run, with what its side is called."""
    from rich.text import Text

    table = _table("Runs")
    shown = named_figures(DEFAULT_FIGURES)
    table.add_column("", no_wrap=True)
    table.add_column("run", overflow="fold")
    table.add_column("verdict", no_wrap=True)
    for figure in shown:
        table.add_column(figure.label, justify="right")
    for word, side in zip(words, sides, strict=True):
        for archive in side.archives:
            verdict = archive.summary["verdict"]
            table.add_row(
                word,
                Text(snippet(archive.run_id, 60)),
                Text(snippet(verdict["state"], 20), "" if verdict["valid"] else "bold red"),
                *(figure.text(figure.of(archive.summary)) for figure in shown),
            )
        if len(side.archives) > 1:
            table.add_row(
                word, f"mean of {len(side.archives)}", "", *_means(side, shown), style="bold"
            )
    return table


def _means(side: Side, shown: Sequence[Figure]) -> Iterator[str]:
    """Of each figure the mean over runs, and the standard deviation between them."""
    for figure in shown:
        found = [figure.of(archive.summary) for archive in side.archives]
        values = [value for value in found if value is not None]
        if len(values) < 2:
            yield figures.UNKNOWN
            continue
        mean = statistics.fmean(values)
        spread = statistics.stdev(values)
        relative = figures.percent(spread / mean) if mean and figure.unit != "share" else None
        yield f"{figure.text(mean)} +- {relative or figure.text(spread)}"


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


def regression_table(found: Sequence[Regression], names: tuple[str, str], title: str) -> Table:
    """A line a figure; `names` are those of the two sides."""
    from rich.text import Text

    table = _table(title)
    columns = ("", "figure", *names, "change", "interval", "p", "detectable from")
    for name in columns:
        left = name in ("", "figure", "interval")
        table.add_column(name, justify="left" if left else "right", overflow="fold")
    for one in found:
        word = Text(one.word, _WORDS.get(one.word, "dim"))
        table.add_row(word, one.figure.label, *_told(one))
    return table


def _told(one: Regression) -> list[str]:
    found = one.difference
    if found is None:
        return [figures.UNKNOWN] * 6
    seen = found.minimum_detectable
    return [
        one.figure.text(found.mean_a),
        one.figure.text(found.mean_b),
        one.step(found.change),
        figures.UNKNOWN if found.low == found.high else one.interval(),
        figures.chance(found.p),
        figures.UNKNOWN if seen is None else one.step(seen).lstrip("+"),
    ]


def plain(text: str, style: str = "dim") -> RenderableType:
    """Text that is nothing but text."""
    from rich.text import Text

    return Text(text, style)


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


def printed(parts: list[RenderableType], width: int, *, color: bool) -> str:
    """Parts with a line between them, ending in a line break."""

    def write(console: Console) -> None:
        for number, part in enumerate(parts):
            if number:
                console.print()
            console.print(part)

    return text_of(screen(width, color=color), write)
