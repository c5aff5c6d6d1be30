"""What is known of a run that is still on: the figures of its summary as far as they go.

In go batches of records, as rows of `Columns`; out come the summary's own blocks and the verdict so
far, by the same definitions and the same judge. Memory does not grow with the run: latencies are
counted in histograms, so that quantiles are within 0.5 % here and exact in the summary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sagellm_benchmark.metrics.blocks import counts, share, short_output, tokens
from sagellm_benchmark.metrics.columns import STATUSES, Columns, Failure
from sagellm_benchmark.metrics.histogram import Histogram
from sagellm_benchmark.metrics.latency import Latencies
from sagellm_benchmark.metrics.ledger import Ledger
from sagellm_benchmark.metrics.names import LATENCIES, PER_REQUEST
from sagellm_benchmark.metrics.quantiles import DECIMALS, Block, empty_block
from sagellm_benchmark.metrics.slices import Gaps
from sagellm_benchmark.metrics.slo import Slo, evaluate
from sagellm_benchmark.metrics.stalls import Span, touching
from sagellm_benchmark.metrics.thresholds import Thresholds
from sagellm_benchmark.metrics.verdict import Evidence, judge
from sagellm_benchmark.record.protocol_metrics import protocol_metrics
from sagellm_benchmark.record.record import RequestRecord

KINDS = 20
"""Kinds of errors that are told apart; what comes later is counted as one more kind."""
_OTHER: tuple[str | None, str | None, str] = (None, None, "")


class Standing:
    """The figures so far.

    Args:
        slos: All objectives.
        closed: A closed loop: rows have no due time of their own.

    Attributes:
        counts: Records by state.
        errors: Failed requests by (status, code, shape of the message).
        good: Measured requests that did not fail and met every objective per request.
        measured: Requests beside the warm-up.
        stalled: Requests in flight while the event loop stood still.
        sent: Requests that were sent and have ended.
        latencies: Histograms by the latency's name, of measured ok requests.
        dispatch_lag: Of measured requests.
    """

    def __init__(self, slos: tuple[Slo, ...] = (), *, closed: bool = False) -> None:
        self.counts: dict[str, int] = dict.fromkeys(STATUSES, 0)
        self.errors: dict[tuple[str | None, str | None, str], Failure] = {}
        self.good = self.measured = self.stalled = self.sent = 0
        self.gaps = Gaps()
        self.latencies = {name: Histogram() for name in PER_REQUEST}
        self.latencies |= {"chunk_gap_ms": self.gaps.chunk_gap, "itl_ms": self.gaps.itl}
        self.dispatch_lag = Histogram()
        self._slos = slos
        self._closed = closed
        self._wants: dict[str, int] = {}
        self._tokens: dict[str, int | None] = {"input": None, "output": None}
        self._short = 0
        self._ok = self._failed = 0
        self._ratios = {"tpot_ms": (0.0, 0), "throughput_tps": (0.0, 0)}
        self._first_due, self._last_ended = np.inf, -np.inf

    def add_gaps(self, record: RequestRecord) -> None:
        """Count the gaps of one measured ok request."""
        self.gaps.add(record)

    def add(self, batch: Columns, rows: Latencies, good: np.ndarray) -> None:
        """Count some records.

        Args:
            batch: They.
            rows: Their latencies.
            good: Which met the objectives, shape (rows,).
        """
        for state, count in counts(rows.table).items():
            if state != "planned":
                self.counts[state] += count
        for reason, count in batch.wants.items():
            self._wants[reason] = self._wants.get(reason, 0) + count
        self._count_errors(batch)
        cold = ~rows.table["warmup"]
        self._measure(rows.where(cold), int(good[cold].sum()))

    def touched(
        self, flown: np.ndarray, stalls: Sequence[Span], workers: Mapping[str, int]
    ) -> None:
        """Count the requests that were on the wire during a stall, and all that were.

        Args:
            flown: Records of what was sent.
            stalls: [start_s, end_s, worker] each, in order.
            workers: Numbers of the workers in those records, by their names.
        """
        self.sent += int(flown.size)
        self.stalled += touching(flown, stalls, workers)[1]

    def figures(self) -> dict[str, Any]:
        """Blocks of a `sagellm.summary/1`, as far as the run has come."""
        duration_s = self._duration()
        return {
            "duration_s": duration_s,
            "counts": {"planned": sum(self.counts.values()), **self.counts},
            "latency": {name: self.latencies[name].block() for name in LATENCIES},
            "throughput": {
                "requests_per_s": _rate(self._ok, duration_s),
                "output_tokens_per_s": _rate(self._tokens["output"], duration_s),
                "input_tokens_per_s": _rate(self._tokens["input"], duration_s),
            },
            "goodput": {
                "slo": [slo.expr for slo in self._slos if slo.per_request],
                "requests_per_s": _rate(self.good, duration_s),
                "fraction": share(self.good, self.measured),
            },
            "short_output": {"count": self._short, "fraction": share(self._short, self._ok)},
            "protocol_metrics": self._protocol(),
            "fidelity": {"dispatch_lag_ms": self._lag()},
            "errors": [
                {"status": status, "code": code, "message": kind.message, "count": kind.count}
                for (status, code, _), kind in sorted(
                    self.errors.items(), key=lambda found: -found[1].count
                )
            ],
        }

    def verdict(
        self,
        figures: Mapping[str, Any],
        generator: Mapping[str, Any],
        thresholds: Thresholds,
        **ending: Any,
    ) -> dict[str, Any]:
        """The verdict and the gates on what is known so far.

        Args:
            figures: Of `figures()`.
            generator: Keys of the summary's `generator`.
            thresholds: The run's.
            **ending: What else a verdict rests on: `write_failure`, `aborted`, `lost_workers`.

        Returns:
            A summary's `verdict`, and its `slo` beside it under that name.
        """
        recorded = sum(self.counts.values())
        gates = evaluate(self._slos, figures)
        judged = judge(
            Evidence(
                # What is on the wire has no record yet: that is no gap in the books.
                ledger=Ledger(planned=recorded, states=self.counts, distinct=recorded),
                dispatch_lag=None if self._closed else figures["fidelity"]["dispatch_lag_ms"],
                ttft_p50_ms=figures["latency"]["ttft_ms"]["p50"],
                generator={
                    **generator,
                    "stalled_requests": {"fraction": share(self.stalled, self.sent)},
                },
                wants=self._wants,
                gates=gates,
                **ending,
            ),
            thresholds,
        )
        return {**judged, "slo": gates}

    def _measure(self, rows: Latencies, good: int) -> None:
        table, ok = rows.table, rows.ok
        if not table.size:
            return
        self.measured += int(table.size)
        self.good += good
        self._ok += int(ok.sum())
        self._failed += int(rows.failed.sum())
        self._short += short_output(rows)["count"]
        for key, count in tokens(rows).items():
            if key in self._tokens and count is not None:
                self._tokens[key] = (self._tokens[key] or 0) + count
        for name in PER_REQUEST:
            self.latencies[name].add(_known(rows[name][ok]))
        self.dispatch_lag.add(_known(rows.dispatch_lag_ms))
        for name, values in (
            ("tpot_ms", rows.protocol_tpot_ms[ok]),
            ("throughput_tps", rows.throughput_tps[ok]),
        ):
            known = _known(values)
            total, count = self._ratios[name]
            self._ratios[name] = (total + float(known.sum()), count + int(known.size))
        self._first_due = min(self._first_due, float(table["due"].min()))
        self._last_ended = max(self._last_ended, float(table["ended"].max()))

    def _count_errors(self, batch: Columns) -> None:
        for kind, failure in batch.failures.items():
            crowded = kind not in self.errors and len(self.errors) >= KINDS
            fresh = Failure(failure.seq, "more kinds" if crowded else failure.message, 0)
            self.errors.setdefault(_OTHER if crowded else kind, fresh).count += failure.count

    def _duration(self) -> float | None:
        return round(self._last_ended - self._first_due, 9) if self.measured else None

    def _lag(self) -> Block:
        return empty_block() if self._closed else self.dispatch_lag.block()

    def _protocol(self) -> dict[str, Any]:
        means = {
            name: round(total / count, DECIMALS) if count else None
            for name, (total, count) in self._ratios.items()
        }
        failed = share(self._failed, self.measured)
        fields, unobserved = protocol_metrics(
            ttft_ms=self.latencies["ttft_ms"].block()["mean"],
            tbt_ms=self.latencies["tpot_ms"].block()["mean"],
            error_rate=failed or 0.0,
            itl_list=None,
            timestamps=None,
            **means,
        )
        if failed is None:
            unobserved.append("error_rate")
        return {**fields, "unobserved": unobserved}


def _known(values: np.ndarray) -> np.ndarray:
    return np.maximum(values[~np.isnan(values)], 0.0)


def _rate(amount: int | None, duration_s: float | None) -> float | None:
    if amount is None or not duration_s:
        return None
    return round(amount / duration_s, DECIMALS)
