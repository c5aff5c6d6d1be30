"""The final text of a run, for somebody who has never seen this project.

A summary comes in, text comes out, `width` columns wide: the verdict first, then counts, latencies,
what was reached of what was asked for, how far the generator itself can be trusted, what failed,
and where the files are. Unknown is "-"; the environment changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from io import StringIO
from typing import TYPE_CHECKING, Any

from sagellm_benchmark.redact import snippet
from sagellm_benchmark.report import figures
from sagellm_benchmark.report.server import server_facts

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

Summary = Mapping[str, Any]

_VERDICTS = {
    "valid": ("VALID", "bold green", "the generator kept up, the figures are the target's"),
    "warned": ("WARNED", "bold yellow", "usable, but read the reasons"),
    "invalid": ("INVALID", "bold red", "do not use these figures"),
}
_LABEL = 12
_SOURCES = {
    "usage": "counted by the server",
    "tokenizer": "counted by the tokenizer",
    "chunks": "counted in chunks (lower bound)",
    "mixed": "partly counted in chunks (lower bound)",
    None: "not counted",
}


def summary_text(summary: Summary, *, width: int, color: bool, run_dir: str) -> str:
    """The whole text, ending in a line break.

    Args:
        summary: As in `summary.json`.
        width: Columns.
        color: Use a terminal's colours.
        run_dir: Where the files of the run are.
    """
    console = _console(width, color=color)
    with console.capture() as captured:
        _write(console, summary, run_dir)
    return "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def summary_svg(summary: Summary, run_dir: str) -> str:
    """The same text as a picture of a terminal, 120 columns wide."""
    console = _console(120, color=True)
    _write(console, summary, run_dir)
    return console.export_svg(title=f"sagellm-benchmark {snippet(summary['run_id'])}")


def _console(width: int, *, color: bool) -> Console:
    from rich.console import Console

    # All that rich would ask the environment for is said here: same summary, same text.
    return Console(
        file=StringIO(),
        record=True,
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


def _write(console: Console, summary: Summary, run_dir: str) -> None:
    from sagellm_benchmark.report import tables

    latency, groups, errors = summary["latency"], summary["groups"], summary["errors"]
    _verdict(console, summary["verdict"])
    _paragraph(console, _facts(_requests(summary), console.width))
    table = tables.latency_table(latency, console.width)
    if table.row_count:
        _paragraph(console, table)
    for note in tables.latency_notes(latency, console.width):
        console.print(note, style="dim")
    _paragraph(console, _facts(_results(summary), console.width))
    if len(groups) > 1:
        _paragraph(console, tables.group_table(groups))
        _rest(console, len(groups) - tables.GROUP_ROWS)
    if errors:
        _paragraph(console, tables.error_table(errors))
        _rest(console, len(errors) - tables.ERROR_ROWS)
    files = ("files", [f"{run_dir}: records/, summary.json, run.json"])
    _paragraph(console, _facts([files], console.width))


def _paragraph(console: Console, table: Table) -> None:
    console.print()
    console.print(table)


def _rest(console: Console, more: int) -> None:
    if more > 0:
        console.print(f"and {more:,} more in summary.json", style="dim")


def _verdict(console: Console, verdict: Mapping[str, Any]) -> None:
    from rich.text import Text

    word, style, meaning = _VERDICTS[verdict["state"]]
    code = verdict["exit_code"]
    missed = code == 1
    line = Text().append(word, style=style).append(f"  {meaning}")
    console.print(line if missed else line.append(f" (exit code {code})"))
    if verdict["reasons"]:
        console.print(_list(verdict["reasons"]))
    if missed:
        console.print(Text("FAILED  an objective was missed (exit code 1)", style="bold red"))


def _list(lines: Iterable[str]) -> Table:
    """One point after the other, what does not fit a line indented."""
    from rich.table import Table
    from rich.text import Text

    points = Table.grid(padding=(0, 1, 0, 0))
    points.add_column(no_wrap=True)
    points.add_column(overflow="fold")
    for line in lines:
        points.add_row("  -", Text(snippet(line)))
    return points


Fact = tuple[str, list[str]]
"""A label, and the parts of what it says."""


def _facts(facts: Iterable[Fact], width: int) -> Table:
    """One fact after the other; an objective that was missed stands out."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="bold", no_wrap=True, min_width=_LABEL)
    grid.add_column(overflow="fold")
    for label, parts in facts:
        text = "\n".join(figures.pack(parts, width - _LABEL - 2))
        grid.add_row(label, Text(text, style="bold red" if text.startswith("FAIL") else ""))
    return grid


def _requests(summary: Summary) -> Iterator[Fact]:
    counts = summary["counts"]
    states = [f"{name} {n:,}" for name, n in counts.items() if name != "planned" and n]
    yield "requests", [f"{counts['planned']:,} planned = {' + '.join(states) or 'none'}"]
    warmup = summary["warmup"]["planned"]
    if warmup:
        yield "warm-up", [f"{warmup:,} of them, in no figure below"]
    yield "duration", [figures.duration(summary["duration_s"])]
    for number, note in enumerate(summary["notes"]):
        yield "" if number else "notes", [snippet(note)]


def _results(summary: Summary) -> Iterator[Fact]:
    yield "throughput", _throughput(summary["throughput"])
    if summary["goodput"]["slo"]:
        yield "goodput", _goodput(summary["goodput"])
    for number, slo in enumerate(summary["slo"]):
        yield "" if number else "objectives", [_objective(slo)]
    if summary["steady"]:
        yield "steady", _steady(summary["steady"])
    yield "tokens", _tokens(summary)
    yield "fidelity", _fidelity(summary["fidelity"])
    yield "generator", _generator(summary["generator"])
    yield from server_facts(summary.get("server_metrics", ()))
    yield "Protocol", _protocol(summary["protocol_metrics"])


def _throughput(reached: Mapping[str, Any]) -> list[str]:
    return [
        f"{figures.measure(reached['requests_per_s'])} requests/s",
        f"{figures.measure(reached['output_tokens_per_s'])} output tokens/s",
        f"{figures.measure(reached['input_tokens_per_s'])} input tokens/s",
    ]


def _goodput(goodput: Mapping[str, Any]) -> list[str]:
    return [
        f"{figures.measure(goodput['requests_per_s'])} requests/s",
        f"{figures.percent(goodput['fraction'])} of planned",
        f"within {' and '.join(goodput['slo'])}",
    ]


def _objective(slo: Mapping[str, Any]) -> str:
    # Six digits: a value just over its limit must not look like the limit.
    value = figures.UNKNOWN if slo["value"] is None else f"{slo['value']:.6g}"
    return f"{'pass' if slo['passed'] else 'FAIL'}  {slo['expr']}  (is {value})"


def _steady(steady: Summary) -> list[str]:
    window, ttft = steady["window"], steady["latency"]["ttft_ms"]
    return [
        f"second {window['start_s']:.0f} to {window['end_s']:.0f}",
        f"{figures.measure(steady['throughput']['output_tokens_per_s'])} output tokens/s",
        *(f"TTFT {_ms(ttft, stat)}" for stat in ("p50", "p99") if ttft["count"]),
    ]


def _tokens(summary: Summary) -> list[str]:
    tokens, asked = summary["tokens"], summary["fidelity"]["output_tokens"]["asked"]
    return [
        f"{figures.count(tokens['input'])} in",
        f"{figures.count(tokens['output'])} out, {_SOURCES[tokens['source']]}",
        *([] if asked is None else [f"{asked:,} asked for"]),
    ]


def _fidelity(fidelity: Mapping[str, Any]) -> list[str]:
    lag, offered = fidelity["dispatch_lag_ms"], fidelity["offered_rps"]
    sent = f"{figures.measure(fidelity['achieved_rps'])} requests/s sent"
    return [
        sent if offered is None else f"{sent} of {figures.measure(offered)} offered",
        f"dispatch lag {_ms(lag, 'p50')}, {_ms(lag, 'p99')}",
    ]


def _generator(generator: Mapping[str, Any]) -> list[str]:
    pause_ms = (generator["gc"] or {}).get("max_ms")
    return [
        f"CPU {figures.measure(generator['cpu_percent'])} %",
        f"loop lag {_ms(generator['loop_lag_ms'], 'p99')}",
        f"read lag {_ms(generator['read_lag_ms'], 'p99')}",
        f"longest GC pause {figures.measure(pause_ms)} ms",
        f"{figures.percent(generator['shared_stamp_fraction'])} of token stamps shared",
        *([_stalls(generator)] if generator["stalls"] else []),
    ]


def _stalls(generator: Mapping[str, Any]) -> str:
    stalls, requests = len(generator["stalls"]), generator["stalled_requests"]["count"]
    return f"{figures.plural(stalls, 'stall')} touched {figures.plural(requests, 'request')}"


def _ms(block: Mapping[str, Any] | None, stat: str) -> str:
    value = None if block is None else block[stat]
    return f"{stat} {figures.measure(value)} ms"


def _protocol(metrics: Mapping[str, Any]) -> list[str]:
    # The Protocol's tpot_ms is not TPOT, and must not be taken for it.
    names = {"tpot_ms": "protocol.tpot_ms (e2e/n)"}
    return [
        f"{names.get(key, key)} {figures.measure(_observed(metrics, key))}"
        for key in ("ttft_ms", "tbt_ms", "tpot_ms", "throughput_tps", "error_rate")
    ]


def _observed(metrics: Mapping[str, Any], key: str) -> float | None:
    return None if key in metrics["unobserved"] else metrics[key]
