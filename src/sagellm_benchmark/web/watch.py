"""What the page knows of the run that is on, or was last.

The coordinator tells it of every run and record; a greenlet takes a sample a second; out comes one
object for the page, for Locust's tab and for the metrics. The figures are worked out when somebody
asks, and once a sample at most.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import gevent
import msgspec

from sagellm_benchmark.clock import NS_PER_S, now
from sagellm_benchmark.errors import InputError
from sagellm_benchmark.load.carried import Carried
from sagellm_benchmark.load.coordinator import Coordinator
from sagellm_benchmark.metrics.series import Series
from sagellm_benchmark.metrics.slo import parse_slos
from sagellm_benchmark.metrics.thresholds import Thresholds
from sagellm_benchmark.record.archive import open_archive
from sagellm_benchmark.record.record import RequestRecord

INTERVAL_S = 1.0


class Watch:
    """Looks on.

    Args:
        coordinator: Whose runs.

    Attributes:
        state: "idle", "preparing", "refused", "running", "ending" or "finished".
        message: Why the last start was refused, None where it was not.
        series: Of the run that is on, or was last; None before the first.
    """

    def __init__(self, coordinator: Coordinator) -> None:
        self._coordinator = coordinator
        self.state = "idle"
        self.message: str | None = None
        self.series: Series | None = None
        self.facts: dict[str, Any] = {}
        self.workers: list[dict[str, Any]] = []
        self._run: Carried | None = None
        self._closed = False
        self._thresholds = Thresholds()
        self._final: dict[str, Any] | None = None
        self._known: tuple[int, dict[str, Any]] | None = None
        self._sampler: gevent.Greenlet | None = None

    @property
    def on(self) -> bool:
        """Whether a run is on, or about to be."""
        return self.state in ("preparing", "running", "ending")

    # Told by the coordinator

    def preparing(self) -> None:
        """A run is asked for."""
        self.state, self.message = "preparing", None

    def refused(self, why: str) -> None:
        """It cannot be."""
        self.state, self.message = "refused", why

    def began(self, run: Carried) -> None:
        """It is on; the last one's figures go."""
        settings = run.settings
        self._closed = settings.closed or run.plan is None
        self.series = Series(parse_slos(settings.slo), closed=self._closed)
        self.facts, self._final, self._known = _facts(run), None, None
        self._run, self.state = run, "running"
        self._sampler = gevent.spawn(self._watch)

    def add(self, record: RequestRecord) -> None:
        """One of its requests has ended."""
        if self.series is not None:
            self.series.add(record)

    def ending(self) -> None:
        """No more is sent."""
        self.state = "ending"

    def ended(self, run: Carried) -> None:
        """Its summary is written, and has the last word."""
        if self._sampler is not None:
            self._sampler.kill(block=True)
        self._sample()
        self.workers = [{**line, "state": "left"} for line in self.workers]
        try:
            summary = open_archive(run.identity.directory).summary
        except InputError:
            summary = None  # the disk took none, which the verdict so far says
        self._final = summary
        self._run, self._known, self.state = None, None, "finished"

    # Asked by whoever shows it

    def view(self) -> dict[str, Any]:
        """The figures so far: blocks of a summary, the verdict, the progress."""
        series = self.series
        if series is None:
            return {}
        if self._known is None or self._known[0] != series.revision:
            self._known = (series.revision, self._figures(series))
        return self._known[1]

    def _figures(self, series: Series) -> dict[str, Any]:
        figures, run = series.standing.figures(), self._run
        if self._final is not None:
            keys = (*figures, "verdict", "slo")
            return {key: self._final[key] for key in keys if key in self._final}
        generator = {} if self._coordinator.vitals is None else self._generator()
        verdict = series.standing.verdict(
            figures,
            generator,
            self._thresholds,
            write_failure=None if run is None else run.write_failure,
            lost_workers=() if run is None else run.lost_workers,
        )
        return {**figures, "verdict": verdict, "slo": verdict.pop("slo")}

    def _generator(self) -> dict[str, Any]:
        return self._coordinator.vitals.generator()

    def progress(self) -> dict[str, Any]:
        """How far the run has come."""
        series = self.series
        if series is None:
            return {}
        elapsed_s, span_s = series.elapsed_s, self.facts["span_s"]
        counters = series.counters
        return {
            "elapsed_s": elapsed_s,
            "left_s": None if span_s is None else max(span_s - elapsed_s, 0.0),
            "rows": self.facts["rows"],
            "released": counters.planned,
            "sent": counters.sent,
            "in_flight": counters.in_flight,
        }

    def _watch(self) -> None:
        while True:
            gevent.sleep(INTERVAL_S)
            self._sample()

    def _sample(self) -> None:
        run, series, vitals = self._run, self.series, self._coordinator.vitals
        elapsed_s = max(now() - run.origin_ns, 0) / NS_PER_S
        if elapsed_s > 0:  # before that the first requests are being made
            series.sample(elapsed_s, vitals.counters(), vitals.stalls())
        self.workers = vitals.workers()


def _facts(run: Carried) -> dict[str, Any]:
    """What stays as it is while the run is on."""
    settings, plan = run.settings, run.plan
    total = math.inf if plan is None else plan.total_rows
    span_s = None if plan is None or settings.untimed else plan.total_span_s
    return {
        "run_id": run.identity.run_id,
        "started_at": run.anchor.unix_s,
        "trace": Path(settings.trace).name if settings.trace else _made(run),
        "host": settings.host,
        "model": settings.model,
        "pace": _pace(run),
        "warmup": None if settings.warmup is None else "{1:g} {0}".format(*settings.warmup),
        "rows": None if total == math.inf else int(total),
        "span_s": None if span_s in (None, math.inf) else span_s,
        "directory": str(run.identity.directory),
        "slo": list(settings.slo),
        "thresholds": msgspec.to_builtins(Thresholds()),
    }


def _made(run: Carried) -> str:
    return "own tasks" if run.plan is None else "made from token counts"


def _pace(run: Carried) -> str:
    settings = run.settings
    if run.plan is None:
        return "as its tasks wait"
    for key, words in (
        ("concurrency", "closed loop of {:g}"),
        ("max_sessions", "{:g} sessions at once"),
        ("rate", "{:g} requests/s"),
        ("speed", "{:g} times as recorded"),
    ):
        if getattr(settings, key) is not None:
            return words.format(getattr(settings, key))
    return "as recorded"
