"""What `aiperf profile` would report: the metrics of its table, by their names.

A request has one inter-token latency, the mean of its own; gaps between chunks are called inter
chunk latency. Rates are over the time from the first request's start to the last content, of valid
requests only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from sagellm_benchmark.report.definitions.measured import Measured, total
from sagellm_benchmark.report.definitions.term import Term, Tool, counted, ratio, single, spread

_STATS: dict[str, float | str] = {
    "avg": "mean",
    "min": "min",
    "max": "max",
    "p99": 0.99,
    "p90": 0.9,
    "p50": 0.5,
    "std": "std",
}


def _duration_s(run: Measured) -> float | None:
    table = run.ok.table
    ended = table["last_token"][~np.isnan(table["last_token"])]
    return float(ended.max() - table["sent"].min()) if ended.size else None


def _positive(values: np.ndarray) -> np.ndarray:
    return np.where(values > 0, values, np.nan)


def _good(run: Measured) -> float | None:
    """Valid requests that meet every objective; one without the figure does not."""
    limits = [slo for slo in run.slos if slo.per_request]
    if not limits:
        return None
    values = [run.per_token_ms if slo.metric == "tpot_ms" else run.ok[slo.metric] for slo in limits]
    met = [value <= slo.limit for slo, value in zip(limits, values, strict=True)]
    return ratio(int(np.logical_and.reduce(met).sum()), _duration_s(run))


def _all_tokens(run: Measured) -> float | None:
    known = [each for each in (total(run.inputs), total(run.n)) if each is not None]
    return sum(known) if len(known) == 2 else None


def _remarks(run: Measured) -> Iterator[str]:
    yield (
        "aiperf counts tokens again with the model's tokenizer unless told to use the server's"
        " counts; n here is by usage, else as token_source says."
    )
    streams = run.states("stream_error")
    if streams:
        yield (
            f"{streams} streams failed after HTTP 200: where the error is plain data aiperf takes"
            " them for valid, with what tokens came. Here they are errors."
        )
    if run.source("chunks"):
        yield f"n of {run.source('chunks')} requests was counted in chunks: a lower bound."


def _told(run: Measured) -> Sequence[str]:
    return list(_remarks(run))


TOOL = Tool(
    name="aiperf",
    terms=(
        Term(
            "Time to First Token",
            "ms",
            "ttft_ms",
            lambda run: spread(run.ok.ttft_ms, _STATS),
        ),
        Term(
            "Time to Second Token",
            "ms",
            "the gap between the first two chunks, not counted from the start",
            lambda run: spread(run.first_gaps, _STATS),
        ),
        Term(
            "Time to First Output Token",
            "ms",
            "ttfa_ms: the first that is not reasoning",
            lambda run: spread(run.ok.ttfa_ms, _STATS),
        ),
        Term("Request Latency", "ms", "e2e_ms", lambda run: spread(run.ok.e2e_ms, _STATS)),
        Term(
            "Inter Token Latency",
            "ms",
            "one value a request: our tpot_ms, not our itl_ms; 0 where all came in one chunk",
            lambda run: spread(run.per_token_ms, _STATS),
        ),
        Term(
            "Inter Chunk Latency",
            "ms",
            "chunk_gap_ms",
            lambda run: counted(run.gaps.block(), _STATS),
        ),
        Term(
            "Output Token Throughput Per User",
            "tokens/sec/user",
            "1/ITL of each request, so without the TTFT; its mean is not 1/(mean of ITL)",
            lambda run: spread(1000 / _positive(run.per_token_ms), _STATS),
        ),
        Term(
            "Prefill Throughput Per User",
            "tokens/sec/user",
            "input tokens/TTFT: queueing and the way there are in it",
            lambda run: spread(run.inputs * 1000 / _positive(run.ok.ttft_ms), _STATS),
        ),
        Term(
            "E2E Output Token Throughput",
            "tokens/sec/user",
            "n/e2e of each request: the Protocol's throughput_tps",
            lambda run: spread(run.n * 1000 / _positive(run.ok.e2e_ms), _STATS),
        ),
        Term("Output Sequence Length", "tokens", "n", lambda run: spread(run.n, _STATS)),
        Term(
            "Input Sequence Length",
            "tokens",
            "by usage, with what the chat template adds; aiperf counts the prompt's text",
            lambda run: spread(run.inputs, _STATS),
        ),
        Term(
            "Output Token Throughput",
            "tokens/sec",
            "over first start to last content of valid requests",
            lambda run: single(ratio(total(run.n), _duration_s(run))),
        ),
        Term(
            "Total Token Throughput",
            "tokens/sec",
            "input and output together",
            lambda run: single(ratio(_all_tokens(run), _duration_s(run))),
        ),
        Term(
            "Request Throughput",
            "requests/sec",
            "over first start to last content of valid requests",
            lambda run: single(ratio(run.ok.table.size, _duration_s(run))),
        ),
        Term(
            "Goodput",
            "requests/sec",
            "valid requests that meet every objective; one without the figure does not",
            lambda run: single(_good(run)),
        ),
        Term("Request Count", "requests", "counts.ok", lambda run: single(run.ok.table.size)),
        Term(
            "Error Request Count",
            "requests",
            "only what was sent: dropped and skipped requests are none there",
            lambda run: single(run.failed),
        ),
        Term(
            "Benchmark Duration",
            "sec",
            "first start to last content of valid requests",
            lambda run: single(_duration_s(run)),
        ),
    ),
    absent=(
        ("Reasoning Token Count, Output Token Count", "records hold both kinds in one number"),
        ("effective_latency", "it is counted from the issue of a credit; see e2e_from_due_ms"),
        ("GPU and server metrics", "they are read from the server"),
    ),
    remarks=_told,
)
