"""The tables of the final text: latencies, groups, errors.

Blocks of a summary come in, rich tables go out. A percentile that too few values stand behind is
marked "~" and dimmed; text that a server or a trace wrote is stripped of everything that moves a
terminal, and is never read as markup.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from sagellm_benchmark.redact import snippet
from sagellm_benchmark.report import figures

Block = Mapping[str, Any]

WIDE = 110
"""From this width on the latency table says what each row is, and holds the p99.9."""

ERROR_ROWS = 10
GROUP_ROWS = 20

_ROWS: tuple[tuple[str, str, str], ...] = (
    ("ttft_ms", "TTFT", "sent to first token"),
    ("ttft_from_due_ms", "TTFT from due", "due to first token"),
    ("ttfa_ms", "TTFA", "sent to first answer token"),
    ("chunk_gap_ms", "chunk gap", "between token chunks"),
    ("itl_ms", "ITL", "between tokens"),
    ("tpot_ms", "TPOT", "per token after the first"),
    ("e2e_ms", "e2e", "sent to last token"),
    ("e2e_from_due_ms", "e2e from due", "due to last token"),
    ("connect_ms", "connect", "new connections"),
)
_STATS = ("mean", "p50", "p90", "p95", "p99", "max")
_LEAST = {"p99": 100, "p999": 1000}


def latency_table(latency: Block, width: int) -> Table:
    """Rows of what was measured, milliseconds; what nothing was measured of has no row."""
    wide = width >= WIDE
    stats = (*_STATS[:-1], "p999", "max") if wide else _STATS
    table = _table("Latency in ms, of the requests that were ok")
    table.add_column("", no_wrap=True)
    for name in ("n", *stats):
        table.add_column("p99.9" if name == "p999" else name, justify="right", no_wrap=True)
    if wide:
        table.add_column("", style="dim")
    for key, label, meaning in _shown(latency):
        block = latency[key]
        cells = [_cell(block, stat) for stat in stats]
        row = [Text(label, style="bold"), Text(figures.count(block["count"]), style="dim"), *cells]
        table.add_row(*row, *((Text(meaning),) if wide else ()))
    return table


def latency_notes(latency: Block, width: int) -> list[str]:
    """What the table leaves out, what its words mean, and how to read its marks."""
    shown = _shown(latency)
    notes = []
    if width < WIDE and shown:
        notes.append(
            "TTFT: sent to first token. ITL: between tokens. TPOT: per token after the first. e2e:"
            " sent to last token. From due: counted from when the request had to be sent, what the"
            " user felt."
        )
    absent = [label for key, label, _ in _ROWS if not (latency.get(key) or {}).get("count")]
    if absent:
        notes.append(f"Not measured: {', '.join(absent)}.")
    if any(_thin(latency[key], stat) for key, _, _ in shown for stat in _LEAST):
        notes.append("~ fewer than 100 values stand behind a p99 (1,000 behind a p99.9): a hint.")
    return notes


def _shown(latency: Block) -> list[tuple[str, str, str]]:
    rows = [row for row in _ROWS if (latency.get(row[0]) or {}).get("count")]
    same = latency.get("ttfa_ms") == latency.get("ttft_ms")
    return [row for row in rows if not (same and row[0] == "ttfa_ms")]


def _thin(block: Block, stat: str) -> bool:
    return block.get(stat) is not None and block["count"] < _LEAST.get(stat, 0)


def _cell(block: Block, stat: str) -> Text:
    text = figures.measure(block.get(stat))
    return Text(f"~{text}", style="dim") if _thin(block, stat) else Text(text)


_NAMES = ("name", "model", "tenant", "class", "host")
_GROUP_FIGURES = ("planned", "ok", "TTFT p50", "p99", "e2e p50", "p99", "out tok/s")


def group_table(groups: Sequence[Block]) -> Table:
    """One row a group, named by what tells the groups apart."""
    table = _table("Groups (ms)")
    varying = [name for name in _NAMES if len({group.get(name) for group in groups}) > 1]
    for name in varying:
        table.add_column(name, overflow="fold")
    for name in _GROUP_FIGURES:
        table.add_column(name, justify="right", no_wrap=True)
    for group in groups[:GROUP_ROWS]:
        names = [_outside(group.get(name) or figures.UNKNOWN, 60) for name in varying]
        table.add_row(*names, *_group_figures(group))
    return table


def _group_figures(group: Block) -> list[Text]:
    counts, latency = group["counts"], group["latency"]
    return [
        Text(figures.count(counts["planned"])),
        Text(figures.count(counts["ok"])),
        *(_cell(latency[key], stat) for key in ("ttft_ms", "e2e_ms") for stat in ("p50", "p99")),
        Text(figures.measure(group["throughput"]["output_tokens_per_s"])),
    ]


def error_table(errors: Sequence[Block]) -> Table:
    """What failed, and what the servers said, as they said it but for escapes."""
    table = _table("Errors")
    table.add_column("count", justify="right", no_wrap=True)
    table.add_column("status", no_wrap=True)
    table.add_column("code", no_wrap=True)
    table.add_column("message", overflow="fold")
    for error in errors[:ERROR_ROWS]:
        table.add_row(
            figures.count(error["count"]),
            Text(error["status"] or figures.UNKNOWN, style="red"),
            Text(error["code"] or figures.UNKNOWN),
            _outside(error["message"]),
        )
    return table


def _outside(text: str, limit: int = 300) -> Text:
    return Text(snippet(text, limit))


def _table(title: str) -> Table:
    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        header_style="dim",
        box=None,
        padding=(0, 2, 0, 0),
        pad_edge=False,
    )
