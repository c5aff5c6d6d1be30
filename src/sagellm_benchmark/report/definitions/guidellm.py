"""What `guidellm benchmark` would report of successful requests, by the names in its JSON.

Its clock starts when the request's head is sent, so behind DNS, TCP and TLS. Latencies between
tokens are weighted by tokens: the mean is that of tokens, not of requests. TPOT holds the TTFT.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from sagellm_benchmark.report.definitions.measured import Measured, total
from sagellm_benchmark.report.definitions.term import Numbers, Term, Tool, ratio, single

_QUANTILES = {"median": 0.5, "p95": 0.95, "p99": 0.99}


def _started(table: np.ndarray) -> np.ndarray:
    """When a request's head was sent: as soon as there was a connection."""
    return np.fmax(table["sent"], table["connected"])


def _window_s(run: Measured) -> float | None:
    """From the first start to the last end, of all that was sent."""
    sent = run.sent
    return float(sent["ended"].max() - _started(sent).min()) if sent.size else None


def _weighted(values: np.ndarray, weights: np.ndarray) -> Numbers | None:
    """Mean and quantiles of a weighted distribution; no value is between two others."""
    counted = ~np.isnan(values) & (weights > 0)
    if not counted.any():
        return None
    order = np.argsort(values[counted], kind="stable")
    ordered, mass = values[counted][order], weights[counted][order]
    upto = np.cumsum(mass) / mass.sum()
    places = {name: np.searchsorted(upto, share - 1e-12) for name, share in _QUANTILES.items()}
    found = {name: float(ordered[place]) for name, place in places.items()}
    return {"mean": float(np.average(ordered, weights=mass)), **found}


def _even(values: np.ndarray) -> Numbers | None:
    return _weighted(values, np.ones(values.size))


def _latency_s(run: Measured) -> np.ndarray:
    return run.ok.table["ended"] - _started(run.ok.table)


def _tpot_ms(run: Measured) -> np.ndarray:
    took_ms = (run.ok.table["last_token"] - _started(run.ok.table)) * 1000
    return took_ms / np.where(run.n > 0, run.n, np.nan)


def _output_rate(run: Measured) -> float | None:
    """Tokens over the time from the first token of all to the last."""
    table = run.ok.table
    if not table.size:
        return None
    first = np.where(np.isnan(table["first_token"]), table["last_token"], table["first_token"])
    return ratio(total(run.n), float(table["last_token"].max() - first.min()))


def _mean(value: float | None) -> Numbers | None:
    return None if value is None else {"mean": value}


def _remarks(run: Measured) -> Iterator[str]:
    yield (
        "guidellm reads the wall clock; these are of the monotonic one, where a step of the clock"
        " makes no latency."
    )
    if run.source("chunks"):
        yield (
            f"n of {run.source('chunks')} requests was counted in chunks, as guidellm does where"
            " the server sends no usage."
        )
    if bool(np.isnan(run.ok.ttft_ms).any()):
        yield (
            "Replies that were not streamed have no TTFT here; guidellm counts them as 0 in its"
            " statistics."
        )


def _told(run: Measured) -> Sequence[str]:
    return list(_remarks(run))


TOOL = Tool(
    name="guidellm",
    terms=(
        Term("request_totals.successful", "", "counts.ok", lambda run: single(run.ok.table.size)),
        Term(
            "request_totals.errored",
            "",
            "only what was sent; what the run's end cut off is incomplete there",
            lambda run: single(run.failed),
        ),
        Term(
            "request_latency",
            "s",
            "from a connection that stands to the stream's end; e2e_ms ends at the last token",
            lambda run: _even(_latency_s(run)),
        ),
        Term(
            "time_to_first_token_ms",
            "ms",
            "ttft_ms without connecting",
            lambda run: _even((run.ok.table["first_token"] - _started(run.ok.table)) * 1000),
        ),
        Term(
            "inter_token_latency_ms",
            "ms",
            "one tpot_ms a request, weighted by its n - 1: long replies count more",
            lambda run: _weighted(run.per_token_ms, np.nan_to_num(run.n - 1)),
        ),
        Term(
            "time_per_output_token_ms",
            "ms",
            "(last - start)/n: the TTFT is in it; weighted by n. Close to protocol.tpot_ms",
            lambda run: _weighted(_tpot_ms(run), np.nan_to_num(run.n)),
        ),
        Term(
            "requests_per_second",
            "1/s",
            "mean over first start to last end, failed ones among them",
            lambda run: _mean(ratio(run.ok.table.size, _window_s(run))),
        ),
        Term(
            "request_concurrency",
            "",
            "mean over the same time",
            lambda run: _mean(ratio(total(_latency_s(run)), _window_s(run))),
        ),
        Term(
            "output_tokens_per_second",
            "tok/s",
            "mean over first token of all to last token of all: higher than ours in short runs",
            lambda run: _mean(_output_rate(run)),
        ),
        Term("output_token_count", "tokens", "n", lambda run: _even(run.n)),
        Term(
            "prompt_token_count", "tokens", "by the server's usage", lambda run: _even(run.inputs)
        ),
    ),
    absent=(
        (
            "medians and percentiles of rates",
            "they are of times between neighbouring events, with tokens spread evenly between the"
            " first and the last, which is not when they came",
        ),
        ("request_totals.incomplete", "what the run's end cut off is failed here"),
        ("Wilson interval of goodput", "objectives are not those of its profile"),
    ),
    remarks=_told,
)
