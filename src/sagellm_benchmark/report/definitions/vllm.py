"""What `vllm bench serve` would report: the text it prints, by its names.

Its clock starts where a request is handed to its session and ends with its last token; a failed
request has no latency. Means and percentiles are over requests, those of ITL over all gaps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from sagellm_benchmark.report.definitions.measured import Measured, total
from sagellm_benchmark.report.definitions.term import (
    Numbers,
    Term,
    Tool,
    counted,
    ratio,
    single,
    spread,
)

_STATS: dict[str, float | str] = {"Mean": "mean", "Median": 0.5, "P99": 0.99}
_LIMITS = {"ttft_ms": "ttft", "tpot_ms": "tpot", "e2e_ms": "e2el"}


def _duration_s(run: Measured) -> float | None:
    """First send to the end of the last request, failed ones among them."""
    sent = run.sent
    return float(sent["ended"].max() - sent["sent"].min()) if sent.size else None


def _goodput(run: Measured) -> Numbers | None:
    limits = [slo for slo in run.slos if slo.per_request]
    if not limits or any(slo.metric not in _LIMITS for slo in limits):
        return None
    values = {
        "ttft_ms": run.ok.ttft_ms,
        "tpot_ms": np.nan_to_num(run.per_token_ms),
        "e2e_ms": run.ok.e2e_ms,
    }
    good = np.logical_and.reduce([values[slo.metric] <= slo.limit for slo in limits])
    return single(ratio(int(good.sum()), _duration_s(run)))


def _peak(run: Measured) -> Numbers | None:
    """The most completed requests that were on the wire at once."""
    table = run.ok.table
    if not table.size:
        return None
    times = np.concatenate((table["sent"], table["last_token"]))
    steps = np.repeat((1, -1), table.size)
    order = np.lexsort((steps, times))
    return single(float(np.cumsum(steps[order]).max()))


def _all_tokens(run: Measured) -> float | None:
    known = [each for each in (total(run.inputs), total(run.n)) if each is not None]
    return sum(known) if len(known) == 2 else None


def _remarks(run: Measured) -> Iterator[str]:
    streams = run.states("stream_error")
    if streams:
        yield (
            f"{streams} streams failed after HTTP 200: vLLM counts one as completed where any token"
            " came before the error, and its latencies with the others. Here they are failed."
        )
    if run.source("chunks"):
        yield (
            f"n of {run.source('chunks')} requests was counted in chunks; where the server sends no"
            " usage, vLLM counts the reply's text with the model's tokenizer."
        )


def _told(run: Measured) -> Sequence[str]:
    return list(_remarks(run))


TOOL = Tool(
    name="vllm bench serve",
    terms=(
        Term("Successful requests", "", "counts.ok", lambda run: single(run.ok.table.size)),
        Term(
            "Failed requests",
            "",
            "only what was sent: dropped and skipped requests are none there",
            lambda run: single(run.failed),
        ),
        Term(
            "Benchmark duration",
            "s",
            "first send to last end; ours begins when the first request was due",
            lambda run: single(_duration_s(run)),
        ),
        Term(
            "Total input tokens",
            "",
            "by the server's usage, as there",
            lambda run: single(total(run.inputs)),
        ),
        Term("Total generated tokens", "", "tokens.output", lambda run: single(total(run.n))),
        Term(
            "Request throughput",
            "req/s",
            "over its duration",
            lambda run: single(ratio(run.ok.table.size, _duration_s(run))),
        ),
        Term(
            "Request goodput",
            "req/s",
            "objectives on TTFT, TPOT and E2EL only; a reply of one token has a TPOT of 0",
            _goodput,
        ),
        Term(
            "Output token throughput",
            "tok/s",
            "over its duration",
            lambda run: single(ratio(total(run.n), _duration_s(run))),
        ),
        Term(
            "Total token throughput",
            "tok/s",
            "input and output together: it mostly tells how long the prompts were",
            lambda run: single(ratio(_all_tokens(run), _duration_s(run))),
        ),
        Term(
            "Peak concurrent requests",
            "",
            "of completed ones, up to the last token; generator.peak_in_flight has all",
            _peak,
        ),
        Term(
            "TTFT",
            "ms",
            "ttft_ms; some versions take the chunk that only names the role for the first token",
            lambda run: spread(run.ok.ttft_ms, _STATS),
        ),
        Term(
            "TPOT",
            "ms",
            "tpot_ms, but 0 where all tokens came in one chunk, which has none here",
            lambda run: spread(run.per_token_ms, _STATS),
        ),
        Term(
            "ITL",
            "ms",
            "chunk_gap_ms: every gap between chunks, however many tokens one holds",
            lambda run: counted(run.gaps.block(), _STATS),
        ),
        Term("E2EL", "ms", "e2e_ms", lambda run: spread(run.ok.e2e_ms, _STATS)),
    ),
    absent=(
        ("Peak output token throughput", "it depends on where its one-second buckets begin"),
        ("spec decode, RTFx", "they are read from the server, or of audio"),
    ),
    remarks=_told,
)
