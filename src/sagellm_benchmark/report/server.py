"""What the servers said of a run, in a few words for the terminal.

The `server_metrics` of a summary in; for each page that told something a label and its parts out.
Times are called the server's own view, so that nobody takes them for what a client felt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sagellm_benchmark.redact import snippet
from sagellm_benchmark.report import figures

Figures = Mapping[str, Mapping[str, Any]]

_COUNTS = (
    ("kv_used_tokens", "KV cache up to {} tokens"),
    ("evict_count", "{} {unit}"),
    ("running", "up to {} running"),
    ("waiting", "up to {} waiting"),
    ("healthy_engines", "at least {} healthy engines"),
    ("gateway_client_errors", "{} refused (4xx)"),
    ("gateway_server_errors", "{} failed (5xx)"),
    ("peak_mem_mb", "GPU memory up to {} MiB"),
    ("gpu_power_w", "GPU power {} W"),
)
_UNLESS_ZERO = ("gateway_client_errors", "gateway_server_errors")
_TIMES = (("server_ttft_ms_mean", "TTFT"), ("server_e2e_ms_mean", "e2e"))


def server_facts(servers: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, list[str]]]:
    """One label and its parts a page; none for a page that told nothing we know."""
    label = "servers"
    for server in servers:
        parts = _parts(server["figures"])
        if parts:
            named = f"{snippet(server['name'], 64)} ({server['kind']}): {parts[0]}"
            yield label, [named, *parts[1:]]
            label = ""


def _parts(told: Figures) -> list[str]:
    parts = []
    if "prefix_hit_rate" in told:
        parts.append(f"prefix cache hits {figures.percent(told['prefix_hit_rate']['value'])}")
    if "spec_accept_rate" in told:
        parts.append(f"drafts accepted {figures.percent(told['spec_accept_rate']['value'])}")
    for field, words in _COUNTS:
        figure = told.get(field)
        if figure is not None and (figure["value"] or field not in _UNLESS_ZERO):
            parts.append(words.format(figures.count(figure["value"]), unit=figure["unit"]))
    times = [
        f"{name} {figures.measure(told[field]['value'])} ms"
        for field, name in _TIMES
        if field in told
    ]
    return [*parts, f"its own view: mean {', '.join(times)}"] if times else parts
