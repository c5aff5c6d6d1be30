"""The figures of the run that is on, or was last, as OpenMetrics text for Prometheus.

Counters begin anew with each run; latencies are histograms in seconds, so that any number of
processes adds up. `docs/page.md` lists the names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sagellm_benchmark.metrics.histogram import Histogram
from sagellm_benchmark.record.buckets import middle_us

if TYPE_CHECKING:
    from sagellm_benchmark.web.watch import Watch

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PREFIX = "sagellm_benchmark_"
BOUNDS_S = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0),
)
_STATES = ("idle", "preparing", "refused", "running", "ending", "finished")
_VERDICTS = ("valid", "warned", "invalid")
_LATENCIES = {
    "ttft_ms": ("ttft", "First token after the request was sent"),
    "ttft_from_due_ms": ("ttft_from_due", "First token after the request was due"),
    "itl_ms": ("itl", "Time between tokens"),
    "tpot_ms": ("tpot", "Time per output token behind the first"),
    "e2e_ms": ("e2e", "Last token after the request was sent"),
    "e2e_from_due_ms": ("e2e_from_due", "Last token after the request was due"),
}
_WORKER = {
    "cpu_percent": ("worker_cpu_percent", "CPU of a worker, 100 is one core"),
    "loop_lag_ms": ("worker_loop_lag_milliseconds", "Recent p99 of the event loop's lag"),
    "read_lag_ms": ("worker_read_lag_milliseconds", "Recent p99 of the lag of reads"),
    "memory_mb": ("worker_memory_megabytes", "Memory of a worker"),
}


def exposition(watch: Watch) -> str:
    """All metrics as text."""
    return "".join(f"{line}\n" for line in _lines(watch)) + "# EOF\n"


def _lines(watch: Watch) -> Iterator[str]:
    yield from _stateset("state", "What is going on", _STATES, watch.state)
    series = watch.series
    if series is None:
        return
    figures, standing, counters = watch.view(), series.standing, series.counters
    facts = {key: str(watch.facts[key] or "") for key in ("run_id", "trace", "model", "host")}
    yield from _family("run", "info", "The run that is on, or was last")
    yield f"{PREFIX}run_info{_labels(facts)} 1"
    yield from _stateset(
        "verdict", "The verdict so far", _VERDICTS, figures.get("verdict", {}).get("state")
    )
    yield from _family("requests", "counter", "Requests that have ended, by state")
    for state, count in standing.counts.items():
        yield f"{PREFIX}requests_total{_labels({'state': state})} {count}"
    for name, amount, words in (
        ("requests_planned", counters.planned, "Requests that fell due"),
        ("requests_sent", counters.sent, "Requests sent"),
        ("requests_measured", standing.measured, "Requests that ended, warm-up apart"),
        ("requests_good", standing.good, "Those of them that met the objectives"),
        ("token_frames", series.tokens, "Token frames that came"),
    ):
        yield from _family(name, "counter", words)
        yield f"{PREFIX}{name}_total {amount}"
    yield from _gauge("requests_in_flight", "Requests on the wire", counters.in_flight)
    yield from _gauge("elapsed_seconds", "Seconds of the run so far", series.elapsed_s)
    for key, (name, words) in _LATENCIES.items():
        yield from _histogram(name, words, standing.latencies[key])
    yield from _histogram("dispatch_lag", "Sent after due", standing.dispatch_lag)
    for key, (name, words) in _WORKER.items():
        yield from _family(name, "gauge", words)
        for line in watch.workers:
            if line[key] is not None:
                yield f"{PREFIX}{name}{_labels({'worker': line['name']})} {line[key]:g}"


def _family(name: str, kind: str, words: str) -> Iterator[str]:
    yield f"# TYPE {PREFIX}{name} {kind}"
    if name.endswith("_seconds"):
        yield f"# UNIT {PREFIX}{name} seconds"
    yield f"# HELP {PREFIX}{name} {words}."


def _gauge(name: str, words: str, value: float) -> Iterator[str]:
    yield from _family(name, "gauge", words)
    yield f"{PREFIX}{name} {value:g}"


def _stateset(name: str, words: str, states: tuple[str, ...], now: str | None) -> Iterator[str]:
    yield from _family(name, "stateset", words)
    for state in states:
        yield f"{PREFIX}{name}{_labels({PREFIX + name: state})} {int(state == now)}"


def _histogram(name: str, words: str, histogram: Histogram) -> Iterator[str]:
    yield from _family(f"{name}_seconds", "histogram", words)
    counts = histogram.counts()
    pairs = list(zip(counts.buckets[::2], counts.buckets[1::2], strict=True))
    total = number = 0
    for bound_s in BOUNDS_S:
        while number < len(pairs) and middle_us(pairs[number][0]) <= bound_s * 1e6:
            total += pairs[number][1]
            number += 1
        yield f'{PREFIX}{name}_seconds_bucket{{le="{bound_s!r}"}} {total}'
    total += sum(count for _, count in pairs[number:])
    yield f'{PREFIX}{name}_seconds_bucket{{le="+Inf"}} {total}'
    yield f"{PREFIX}{name}_seconds_count {total}"
    yield f"{PREFIX}{name}_seconds_sum {counts.sum_us / 1e6!r}"


def _labels(labels: Mapping[str, Any]) -> str:
    return "{" + ",".join(f'{key}="{_escaped(value)}"' for key, value in labels.items()) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
