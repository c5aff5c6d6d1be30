"""One measurement from its first request to its last record.

In go settings, a plan and a target; requests pass through `perform` and come out of Locust's
request event as records. What always holds: a request counted as planned gets exactly one record,
whatever ends it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from locust.env import Environment

from sagellm_benchmark.clock import Anchor, now
from sagellm_benchmark.config.settings import Settings
from sagellm_benchmark.load.engine import Engine
from sagellm_benchmark.load.exchange import Deadlines
from sagellm_benchmark.load.health import Health
from sagellm_benchmark.load.identity import Identity
from sagellm_benchmark.load.place import Place
from sagellm_benchmark.load.recounts import Recounts
from sagellm_benchmark.load.request import Job, Requests
from sagellm_benchmark.load.rows import Rows
from sagellm_benchmark.load.share import Share
from sagellm_benchmark.load.target import Target
from sagellm_benchmark.load.telling import REQUEST_TYPE, RequestFailed, response_time_ms
from sagellm_benchmark.load.vitals import Vitals
from sagellm_benchmark.metrics.quantiles import block
from sagellm_benchmark.record.builder import RecordContext, Warmup
from sagellm_benchmark.record.record import RequestRecord
from sagellm_benchmark.record.recorder import Recorder
from sagellm_benchmark.record.segments import SegmentWriter
from sagellm_benchmark.schedule.plan import Plan
from sagellm_benchmark.schedule.planned import Planned
from sagellm_benchmark.trace.changes.rounds import round_salt
from sagellm_benchmark.trace.prompts import Prompts
from sagellm_benchmark.trace.tokenizer import Tokenizer
from sagellm_benchmark.wire.outcome import Outcome
from sagellm_benchmark.wire.states import CODES, Status

if TYPE_CHECKING:
    from sagellm_benchmark.load.scraper import Scraper

WORKER = "local"


class Run:
    """The state of one run in this process.

    Args:
        environment: Locust's.
        settings: What the user asked for.
        identity: Its name, directory and salt.
        targets: Where requests go.
        plan: The rows; None for a user's own tasks.
        listeners: Called with every record.
        tokenizer: The model's, where it was given.
        place: Which process of how many this is; the only one, if None.
    """

    def __init__(
        self,
        environment: Environment,
        settings: Settings,
        identity: Identity,
        targets: Sequence[Target],
        plan: Plan | None,
        listeners: tuple[Any, ...] = (),
        tokenizer: Tokenizer | None = None,
        place: Place | None = None,
    ) -> None:
        place = place or Place(WORKER, identity.directory / "records", Anchor.take())
        self.place = place
        self.share = Share.whole(settings)
        self.settings = settings
        self.identity = identity
        self.targets = targets
        self.plan = plan
        self.tokenizer = tokenizer
        self._recounts = _recounts(settings, tokenizer)
        self.scraper: Scraper | None = None
        self.stopping = False
        self._next_seq = place.first_seq
        self.anchor = place.anchor
        self.health = Health()
        api_key = settings.api_key
        self.secrets = settings.secrets()
        self.engine = Engine(
            targets,
            Deadlines.seconds(
                settings.first_token_timeout, settings.idle_timeout, settings.timeout
            ),
            secrets=self.secrets,
            keep_text=settings.keep_content != "none",
            retries=settings.retry,
            count=self._recounts is not None,
        )
        prompts = None if plan is None else self._prompts(0)
        self.requests = Requests(
            settings, targets, identity.run_id, prompts, api_key, self._prompts
        )
        self.rows = Rows(environment.stats)
        private = settings.keep_content != "none"
        self.segment = SegmentWriter(place.records, place.worker, private=private)
        self.recorder = Recorder(self.segment, (*listeners,))
        self._environment = environment
        self.origin_ns = self.anchor.monotonic_ns
        self._context = self._record_context(self.origin_ns)

    def _prompts(self, number: int) -> Prompts:
        """The prompts of one round of the trace."""
        salt = round_salt(self.identity.salt, number)
        return Prompts(salt, self.plan.block_size, self.plan.wording)

    def _record_context(self, origin_ns: int) -> RecordContext:
        unit, amount = self.settings.warmup or ("s", 0.0)
        return RecordContext(
            anchor=self.anchor,
            origin_ns=origin_ns,
            worker=self.place.worker,
            warmup=Warmup(unit, amount),  # type: ignore[arg-type]  # s or req
            token_source=self.settings.token_source,
            itl=self.settings.itl,
            keep_content=self.settings.keep_content,
            secrets=self.secrets,
        )

    def begin(self, origin_ns: int) -> None:
        """The load starts at this instant: second 0 of every record."""
        self.origin_ns = origin_ns
        self._context = self._record_context(origin_ns)
        self.health.start()

    @property
    def sent(self) -> int:
        """Requests that were handed to a connection."""
        return self.engine.counts.sent

    @property
    def in_flight(self) -> int:
        """Requests on the wire."""
        return self.engine.counts.in_flight

    @property
    def tokens_in_flight(self) -> int:
        """Token frames of those."""
        return self.engine.tokens_in_flight()

    @property
    def peers(self) -> set[str]:
        """The addresses that were connected to."""
        return self.engine.peers

    @property
    def lost_workers(self) -> tuple[str, ...]:
        """Names of workers that were lost: of one process none ever is."""
        return ()

    @property
    def write_failure(self) -> str | None:
        """Why not all records could be written."""
        return self.recorder.failed

    @property
    def clock_bound_ms(self) -> float | None:
        """How far clocks may be apart: one process has one."""
        return None

    def vitals(self) -> Vitals:
        """How this process is."""
        return Vitals(self)

    def sequence(self) -> int:
        """The next number for a request that no plan numbered."""
        seq, self._next_seq = self._next_seq, self._next_seq + self.place.stride
        return seq

    def perform(self, seq: int, job: Job, due_ns: int | None = None) -> Outcome | None:
        """Send one planned request, wait for its end and report it.

        Returns:
            Its outcome; None if the run is being stopped and nothing was sent.
        """
        outcome = self.send(job, due_ns)
        if outcome is not None:
            self.report(seq, job, outcome)
        return outcome

    def send(
        self,
        job: Job,
        due_ns: int | None = None,
        *,
        stop_when: Callable[[str], bool] | None = None,
        thrown: list[BaseException] | None = None,
    ) -> Outcome | None:
        """Send one planned request and wait for its end; the caller must `report` it.

        Args:
            job: What to send.
            due_ns: When it was due; now, if None.
            stop_when: Called with the text so far; True ends the request.
            thrown: Gets what was thrown at the caller and ended the request; see the engine.

        Returns:
            Its outcome; None if the run is being stopped and nothing was sent.
        """
        if self.stopping:
            return None
        self.recorder.planned += 1
        return self.engine.perform(job, due_ns, stop_when=stop_when, thrown=thrown)

    def drop(self, seq: int, job: Job, due_ns: int) -> Outcome:
        """Count a request that fell due while the cap on requests in flight was reached.

        Returns:
            Its outcome.
        """
        self.recorder.planned += 1
        outcome = Outcome(
            status=Status.DROPPED,
            due_ns=due_ns,
            ended_ns=now(),
            reason="max_in_flight",
            code=CODES[Status.DROPPED],
            message=f"{self.share.in_flight} requests were in flight",
        )
        self.report(seq, job, outcome)
        return outcome

    def skip(self, planned: Planned, at_ns: int, reason: str) -> None:
        """Count a row that is not sent because of what became of one that it waited for."""
        self.recorder.planned += 1
        outcome = Outcome(status=Status.SKIPPED, due_ns=at_ns, ended_ns=at_ns, reason=reason)
        job = self.requests.unsent(planned.seq, planned.row, planned.host)
        self.report(planned.seq, job, outcome)

    def full(self, starting: int) -> bool:
        """Whether the cap on requests in flight is reached.

        Args:
            starting: Requests that were launched and have not been sent yet.
        """
        cap = self.share.in_flight
        return cap is not None and self.engine.counts.in_flight + starting >= cap

    def report(self, seq: int, job: Job, outcome: Outcome) -> None:
        """Tell Locust, and through its event the recorder, of one finished request.

        Where its tokens are to be counted first this returns before it is told of.
        """
        if self._recounts is None:
            self._tell(seq, job, outcome)
        else:
            self._recounts.count(outcome, lambda: self._tell(seq, job, outcome))

    def generator(self) -> dict[str, Any]:
        """What the load cost this process, as the summary has it."""
        engine, health = self.engine, self.health
        figures = {
            **health.figures(),
            "loop_lag_ms": block(np.asarray(health.loop_lags_ms)),
            "read_lag_ms": block(np.asarray(engine.read_lags_ms)),
            "parsing_s": round(engine.parsing_s, 6),
            "peak_in_flight": engine.counts.peak,
            "recorder": self.recorder.figures(),
        }
        return {
            **figures,
            "stalls": health.spans(self.origin_ns, self.place.worker),
            "workers": [{"name": self.place.worker, **figures}],
        }

    def close(self) -> None:
        """Give back what the run held; nothing of it may be in flight."""
        self.engine.close()

    def settle(self) -> None:
        """Wait until every finished request has been told of; no more may be reported."""
        if self._recounts is not None:
            self._recounts.settle()

    def _tell(self, seq: int, job: Job, outcome: Outcome) -> None:
        fine = outcome.status is Status.OK or outcome.left
        failed = None if fine else RequestFailed(outcome.status.value)
        self._environment.events.request.fire(
            request_type=REQUEST_TYPE,
            name=job.name,
            response_time=response_time_ms(outcome),
            response_length=outcome.bytes,
            exception=failed,
            context={},
            response=None,
            start_time=self.anchor.unix(outcome.due_ns),
            url=self.targets[job.host].url + job.ask.endpoint.path,
            seq=seq,
            job=job,
            outcome=outcome,
        )

    def record(self, seq: int, job: Job, outcome: Outcome) -> RequestRecord:
        """Make and keep the record; the listener of Locust's request event calls this."""
        record = self._context.record(
            seq,
            job.row,
            outcome,
            name=job.name,
            model=job.ask.model,
            request_id=job.request_id,
            trace_id=job.request_id,
            asked=job.asked,
            host=self.targets[job.host].url,
        )
        self.recorder.add(record)
        if not record.warmup:
            self.rows.add(job.name, record)
        return record


def _recounts(settings: Settings, tokenizer: Tokenizer | None) -> Recounts | None:
    """Who counts the replies' tokens, where somebody does."""
    if tokenizer is None or settings.token_source not in ("auto", "tokenizer"):
        return None
    return Recounts(tokenizer, always=settings.token_source == "tokenizer")
