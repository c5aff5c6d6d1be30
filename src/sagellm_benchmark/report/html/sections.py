"""The words and numbers of the report, as a template shows them.

In: a run's manifest and summary. Out: plain texts in tables, in the order of the page; nothing here
is markup, and nothing is computed that the summary does not say. Unknown is "-".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sagellm_benchmark.report import figures
from sagellm_benchmark.report.figures import UNKNOWN

Block = Mapping[str, Any]

STATS = ("mean", "p50", "p90", "p95", "p99", "p999", "max")
_LEAST = {"p99": 100, "p999": 1000}

_LATENCIES = (
    ("ttft_ms", "sent to first token"),
    ("ttft_from_due_ms", "due to first token"),
    ("ttfa_ms", "sent to first answer token"),
    ("e2e_ms", "sent to last token"),
    ("e2e_from_due_ms", "due to last token"),
    ("tpot_ms", "per token after the first"),
    ("itl_ms", "between tokens"),
    ("chunk_gap_ms", "between token chunks"),
    ("connect_ms", "new connections"),
)

MEANINGS = {
    "valid": "The generator kept up: the figures are the target's.",
    "warned": "Usable, but read the reasons.",
    "invalid": "Do not use these figures.",
}
"""What a verdict means to somebody who sees it for the first time."""


@dataclass(frozen=True)
class Tile:
    """A large number.

    Attributes:
        term: Its name in the glossary.
        label: What it is called here, where it is not as in the glossary.
        value: The number.
        unit: Behind it.
        more: Below it.
    """

    term: str | None
    label: str
    value: str
    unit: str = ""
    more: str = ""


@dataclass(frozen=True)
class Row:
    """One line of a table.

    Attributes:
        term: Of its head, in the glossary.
        label: The head, where there is no term.
        cells: The rest.
        thin: Which cells too few values stand behind.
    """

    term: str | None
    label: str
    cells: Sequence[str]
    thin: Sequence[bool] = ()


def tiles(summary: Block) -> Iterator[Tile]:
    """What most people look for first."""
    counts, latency, reached = summary["counts"], summary["latency"], summary["throughput"]
    failed = f"{_percent(summary['protocol_metrics']['error_rate'])} failed"
    # The rate leaves the warm-up out, the counts do not: without a word they contradict each other.
    if summary["warmup"]["planned"]:
        failed += " after the warm-up"
    yield Tile("states", "requests ok", figures.count(counts["ok"]), f"of {counts['planned']:,}",
               failed)  # fmt: skip
    for key, word in (("ttft_ms", "TTFT"), ("tpot_ms", "TPOT"), ("e2e_ms", "e2e")):
        block = latency[key]
        if block["count"]:
            more = f"p50 {_ms(block['p50'])}, p90 {_ms(block['p90'])}"
            yield Tile(key, f"{word} p99", *_split(_ms(block["p99"])), more)
    tokens = f"{figures.count(summary['tokens']['output'])} in all{counted(summary)}"
    yield Tile("output_tokens", "", figures.measure(reached["output_tokens_per_s"]), "", tokens)
    fidelity = summary["fidelity"]
    offered = fidelity["offered_rps"]
    more = "closed loop" if offered is None else f"{figures.measure(offered)} offered"
    yield Tile("requests_per_s", "", figures.measure(reached["requests_per_s"]), "", more)
    if summary["goodput"]["slo"]:
        within = f"within {' and '.join(summary['goodput']['slo'])}"
        yield Tile("goodput", "", _percent(summary["goodput"]["fraction"]), "", within)
    yield Tile("duration_s", "", *_split(figures.duration(summary["duration_s"])))


def counted(summary: Block) -> str:
    """What to say behind a number of tokens that nobody counted but by their frames."""
    guessed = summary["tokens"]["source"] in ("chunks", "mixed")
    return ", in chunks (lower bound)" if guessed else ""


def latency_rows(latency: Block) -> Iterator[Row]:
    """One line a latency; what nothing was measured of has none."""
    same = latency["ttfa_ms"] == latency["ttft_ms"]
    for key, meaning in _LATENCIES:
        block = latency[key]
        if not block["count"] or (same and key == "ttfa_ms"):
            continue
        cells = [figures.count(block["count"]), *(figures.measure(block[stat]) for stat in STATS)]
        thin = [False, *(block["count"] < _LEAST.get(stat, 0) for stat in STATS)]
        yield Row(key, meaning, cells, thin)


def absent(latency: Block) -> list[str]:
    """Latencies that nothing was measured of."""
    return [key for key, _ in _LATENCIES if not latency[key]["count"]]


def objectives(summary: Block) -> list[tuple[str, str, bool]]:
    """Expression, value, whether it passed."""
    return [
        # Six digits: a value just over its limit must not look like the limit.
        (each["expr"], UNKNOWN if each["value"] is None else f"{each['value']:.6g}", each["passed"])
        for each in summary["slo"]
    ]


def fidelity_rows(summary: Block) -> Iterator[Row]:
    """What was asked for, and what came of it."""
    told = summary["fidelity"]
    lag = told["dispatch_lag_ms"]
    yield Row("achieved_rps", "requests/s, due and sent", (
        figures.measure(told["offered_rps"]), figures.measure(told["achieved_rps"])))  # fmt: skip
    for key in ("input_tokens", "output_tokens"):
        pair = told[key]
        label = f"{key.replace('_', ' ')} of ok requests"
        yield Row(None, label, (figures.count(pair["asked"]), figures.count(pair["got"])))
    cv = told["iat_cv"]
    yield Row("iat_cv", "", (figures.measure(cv["planned"]), figures.measure(cv["sent"])))
    for width, pair in told["idc"].items():
        if pair["sent"] is not None:
            cells = (figures.measure(pair["planned"]), figures.measure(pair["sent"]))
            yield Row("idc", f"in {width} s", cells)
    if told["offered_rps"] is None:
        return  # a closed loop has no schedule to keep
    yield Row("iat_ks", "", ("0", figures.measure(told["iat_ks"])))
    for stat in ("p50", "p99", "max"):
        yield Row("dispatch_lag_ms", stat, ("0 ms", _ms(lag[stat])))


def generator_rows(summary: Block) -> Iterator[Row]:
    """What the load cost this side."""
    told = summary["generator"]
    yield Row("cpu_percent", "", (f"{figures.measure(told['cpu_percent'])} % of a core",))
    for key in ("loop_lag_ms", "read_lag_ms"):
        block = told[key] or {}
        yield Row(key, "p50, p99", (f"{_ms(block.get('p50'))}, {_ms(block.get('p99'))}",))
    yield Row("shared_stamp_fraction", "", (_percent(told["shared_stamp_fraction"]),))
    touched = told["stalled_requests"]["count"]
    text = f"{len(told['stalls'])}, touching {figures.plural(touched, 'request')}"
    yield Row("stalls", "", (text,))
    pauses = told["gc"] or {}
    yield Row("gc", "longest pause", (_ms(pauses.get("max_ms")),))
    if told.get("peak_in_flight") is not None:
        yield Row("peak_in_flight", "", (figures.count(told["peak_in_flight"]),))
    if told.get("peak_memory_mb") is not None:
        yield Row(None, "most memory", (f"{figures.measure(told['peak_memory_mb'])} MB",))
    yield Row(None, "processes", (figures.count(len(told["workers"])),))


def protocol_rows(metrics: Block) -> Iterator[Row]:
    """The Protocol's figures; what nobody could see is not shown as 0."""
    names = {"tpot_ms": "protocol.tpot_ms (e2e/n)"}
    for key, value in metrics.items():
        known = isinstance(value, int | float) and key not in metrics["unobserved"]
        if known:
            yield Row(None, names.get(key, key), (figures.measure(value),))


def facts(manifest: Block) -> Iterator[tuple[str, str]]:
    """What was run, against what, with what."""
    trace, target, server = manifest["trace"], manifest["target"], manifest.get("server") or {}
    yield "target", target["url"]
    if server.get("name"):
        yield "server", " ".join(filter(None, (server["name"], server.get("version"))))
    yield "dialect", target["dialect"] or "unknown"
    if target["models"]:
        yield "models there", ", ".join(target["models"][:10])
    if target["tls"]:
        yield "TLS", "verified" if target["verified"] else "NOT verified (--insecure)"
    if trace is not None:
        rows = f"{figures.count(trace['rows'])} rows in {figures.duration(trace['span_s'])}"
        yield "trace", f"{trace['path'] or 'made of token counts'}: {rows}"
        if trace["drops"]:
            drops = ", ".join(f"{name} {count:,}" for name, count in trace["drops"].items())
            yield "rows left out", drops
        if trace["sha256"]:
            yield "trace's sha256", trace["sha256"]
    if manifest["schedule_digest"]:
        yield "schedule's digest", manifest["schedule_digest"]
    machine = manifest["machine"]
    system = f"{machine['system']} {machine['release']} {machine['architecture']}"
    yield "generator", f"{system}, {machine['cpus']} CPUs, Python {machine['python']}"
    versions = " ".join(f"{name} {version}" for name, version in manifest["versions"].items())
    yield "versions", f"sagellm-benchmark {manifest['version']}; {versions}"
    ended = f" to {manifest['ended_at']}" if manifest.get("ended_at") else ""
    yield "time", f"{manifest['started_at']}{ended}"


def declared(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """What the operator said of the system, key by key."""
    if isinstance(value, Mapping):
        for key, held in value.items():
            yield from declared(held, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        yield path, ", ".join(map(str, value))
    elif value is not None:
        yield path, str(value)


def settings(manifest: Block) -> Iterator[tuple[str, str, str]]:
    """Every setting that was not the default: name, value, source."""
    for key, told in manifest["settings"].items():
        value = told["value"]
        if told["source"] != "default" and value not in (None, False, []):
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            yield f"--{key.replace('_', '-')}", text, told["source"]


def servers(summary: Block) -> Iterator[tuple[Block, list[tuple[str, str, str, str]]]]:
    """Each server that was scraped, with its figures: name, value, unit, where it is from."""
    for server in summary.get("server_metrics") or ():
        found = [
            (name, _any(figure["value"]), figure.get("unit") or "", str(figure.get("from") or ""))
            for name, figure in server["figures"].items()
        ]
        yield server, found


def _any(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return figures.count(value) if float(value).is_integer() else figures.measure(value)
    return UNKNOWN if value is None else str(value)


def _ms(value: float | None) -> str:
    if value is None:
        return UNKNOWN
    return (
        f"{figures.measure(value)} ms" if value < 9999.5 else f"{figures.measure(value / 1000)} s"
    )


def _percent(fraction: float | None) -> str:
    return figures.percent(fraction)


def _split(text: str) -> tuple[str, str]:
    number, _, unit = text.partition(" ")
    return number, unit
