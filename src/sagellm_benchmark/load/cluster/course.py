"""A run that workers send, as its coordinator sees it: the plan goes out, records come in.

In go settings, a plan and workers that are connected; out come the run's records, each once, and
what its summary needs. Beside `Run`, which sends from this process, this is the other kind of run
that a `Coordinator` carries from start to summary.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import gevent
import msgspec
from locust.env import Environment

from sagellm_benchmark import __version__
from sagellm_benchmark.clock import NS_PER_MS, NS_PER_S, Anchor, now
from sagellm_benchmark.config.settings import Settings
from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.load.cluster.crew import Crew
from sagellm_benchmark.load.cluster.hands import Hands
from sagellm_benchmark.load.cluster.letters import Begin
from sagellm_benchmark.load.cluster.member import Member, State
from sagellm_benchmark.load.cluster.post import MasterPost
from sagellm_benchmark.load.cluster.toll import Toll
from sagellm_benchmark.load.health import Health
from sagellm_benchmark.load.identity import Identity
from sagellm_benchmark.load.request import Requests
from sagellm_benchmark.load.scraper import Scraper
from sagellm_benchmark.load.share import Share
from sagellm_benchmark.load.target import Target
from sagellm_benchmark.load.telling import REQUEST_TYPE, RequestFailed
from sagellm_benchmark.record.brief import Brief
from sagellm_benchmark.record.builder import RecordContext, Warmup
from sagellm_benchmark.record.record import RequestRecord
from sagellm_benchmark.record.recorder import Recorder
from sagellm_benchmark.record.segments import SegmentWriter
from sagellm_benchmark.schedule.plan import Plan
from sagellm_benchmark.schedule.planned import Planned
from sagellm_benchmark.trace.tokenizer import Tokenizer
from sagellm_benchmark.wire.outcome import Outcome
from sagellm_benchmark.wire.states import CODES, Status

SEGMENT = "workers"
"""Name of the segment that the workers' records come together in."""

STEP_S = 0.02
LEAD_NS = NS_PER_S
READY_S = 15.0
"""So long workers have to get ready for a run."""

_whole = msgspec.json.Decoder(RequestRecord).decode
_brief = msgspec.json.Decoder(Brief).decode


class Course:
    """One run of several workers.

    Args:
        environment: Locust's, a master's.
        settings: What the user asked for.
        identity: The run's name, directory and salt.
        targets: Where requests go.
        plan: The rows; None for a user's own tasks.
        listeners: Called with every record.
        tokenizer: The model's, where it was given.
        post: Reaches the workers.
        recorded: Called with every record once it is kept.
        told: Called with what happened that a person should know.
        watched: Others than the summary listen.
    """

    def __init__(
        self,
        environment: Environment,
        settings: Settings,
        identity: Identity,
        targets: Sequence[Target],
        plan: Plan | None,
        listeners: tuple[Callable[[RequestRecord], None], ...],
        tokenizer: Tokenizer | None,
        post: MasterPost,
        *,
        recorded: Callable[[RequestRecord], None],
        told: Callable[[str], None],
        watched: bool,
    ) -> None:
        self.settings = settings
        self.identity = identity
        self.targets = targets
        self.plan = plan
        self.tokenizer = tokenizer
        self.secrets = settings.secrets()
        self.anchor = Anchor.take()
        self.origin_ns = self.anchor.monotonic_ns
        self.health = Health()
        self.stopping = False
        self.scraper: Scraper | None = None
        self._environment = environment
        self._recorded = recorded
        self._told = told
        # Whoever looks on, and who counts tokens, needs all of a record.
        brief = tokenizer is None and not watched
        self._decode: Callable[[bytes], Any] = _brief if brief else _whole
        self._options: dict[str, Any] = {}
        self._post = post
        self._requests = Requests(settings, targets, identity.run_id)
        private = settings.keep_content != "none"
        segment = SegmentWriter(identity.directory / "records", SEGMENT, private=private)
        self.recorder = Recorder(segment, listeners)
        self._manifest = b""
        hands = None if plan is None else Hands(plan, timed=not settings.untimed)
        self.crew = Crew(identity.run_id, post, self, self._begin, hands, Share.whole(settings))
        self._toll = Toll(self.crew, self.health)

    # Start

    def gather(self, options: dict[str, Any], manifest: bytes) -> None:
        """Let every worker that is connected get ready, and wait for them.

        Args:
            options: Raw values of the options, without secrets.
            manifest: `run.json`.

        Raises:
            UsageError: One of them cannot take part, or there is none.
        """
        self._options, self._manifest = options, manifest
        keys = self._post.workers()
        if not keys:
            raise UsageError("no worker is connected: start some with --worker")
        deadline_ns = now() + round(READY_S * NS_PER_S)
        while now() < deadline_ns and not all(map(self._post.is_here, keys)):
            gevent.sleep(STEP_S)
        for key in keys:
            self.invite(key)
        members = self.crew.members.values()
        while any(member.state is State.INVITED for member in members) and now() < deadline_ns:
            gevent.sleep(STEP_S)
            self.crew.step(now())
        absent = [member for member in members if member.state is not State.READY]
        if absent:
            late = f"no answer within {READY_S:g} s"
            raise UsageError("; ".join(f"worker {m.name}: {m.why or late}" for m in absent))

    def call_off(self) -> None:
        """It will not be: nobody need stay ready for it."""
        self.crew.finish(0.0, now())
        self.recorder.close()

    def invite(self, key: str) -> None:
        """Let a worker take part, by Locust's name for it."""
        host = key.rpartition("_")[0] or key
        self.crew.invite(key, host, now())

    def receive(self, key: str, data: bytes) -> None:
        """A worker's letter."""
        self.crew.receive(key, data, now())

    def _begin(self, worker: str, number: int) -> Begin:
        settings, plan = self.settings, self.plan
        streams = None if plan is None else plan.peak_streams
        parts = max(1, len(self._post.workers()))
        wording = None if plan is None else plan.wording
        return Begin(
            run=self.identity.run_id,
            worker=worker,
            number=number,
            version=__version__,
            options=self._options,
            found={"seed": settings.seed, "concurrency": settings.concurrency},
            header_names=[name for name, _ in settings.header],
            host=settings.host,
            run_time_s=settings.run_time_s,
            stop_timeout_s=settings.stop_timeout_s,
            salt=self.identity.salt,
            block_size=None if plan is None else plan.block_size,
            tokens_per_word=1.0 if wording is None else wording.tokens_per_word,
            template_tokens=0 if wording is None else wording.template_tokens,
            wording_source="assumed" if wording is None else wording.source,
            tokenizer_sha256=None if self.tokenizer is None else self.tokenizer.sha256,
            sessions=plan is not None and plan.dependents is not None,
            streams=None if streams is None else -(-streams // parts),
            manifest=self._manifest,
        )

    # While it is on

    def drive(self) -> bool:
        """Let the workers send the whole plan.

        Returns:
            Whether the test is to end now: all is sent, time is up, or nobody is left to send.
        """
        self.health.prepare()
        self.health.start()
        self.origin_ns = now() + LEAD_NS
        self.crew.go(self.origin_ns, self.anchor)
        self._wait(self.origin_ns + (self.settings.run_time_s or math.inf) * NS_PER_S)
        return not self.stopping

    def _wait(self, until_ns: float = math.inf) -> None:
        while not self.crew.over and now() < until_ns:
            self.crew.step(now())
            for event in self.crew.events:
                self._told(event)
            self.crew.events.clear()
            gevent.sleep(STEP_S)

    def stop(self) -> None:
        """Hand out no more."""
        self.crew.stop_handing()

    def drain(self) -> None:
        """Wait until nothing is on the wire and all records are here."""
        self.stopping = True
        self.crew.finish(self.settings.stop_timeout_s, now())
        self._wait()
        self.health.stop()

    def keep(self, line: bytes) -> int:
        """Keep a worker's record; its number."""
        record = self._decode(line)
        self.recorder.add(record, line)
        self._recorded(record)
        return record.seq

    def lose(self, planned: Planned, member: Member) -> None:
        """Make the record of a row whose worker is gone."""
        moment_ns = now()
        due_ns = moment_ns if planned.due_ns is None else self.origin_ns + planned.due_ns
        outcome = Outcome(
            status=Status.LOST,
            due_ns=due_ns,
            ended_ns=max(due_ns, moment_ns),
            reason="worker",
            code=CODES[Status.LOST],
            message=f"worker {member.name}: {member.why or 'its records could not be written'}",
        )
        job = self._requests.unsent(planned.seq, planned.row, planned.host)
        host = self.targets[planned.host].url
        record = self._context(member.name).record(
            planned.seq,
            job.row,
            outcome,
            name=job.name,
            model=job.ask.model,
            request_id=job.request_id,
            trace_id=job.request_id,
            asked=job.asked,
            host=host,
        )
        self.recorder.add(record)
        self._environment.events.request.fire(
            request_type=REQUEST_TYPE,
            name=job.name,
            response_time=None,
            response_length=0,
            exception=RequestFailed(outcome.status.value),
            context={},
        )
        self._recorded(record)

    def _context(self, worker: str) -> RecordContext:
        unit, amount = self.settings.warmup or ("s", 0.0)
        return RecordContext(
            anchor=self.anchor,
            origin_ns=self.origin_ns,
            worker=worker,
            warmup=Warmup(unit, amount),  # type: ignore[arg-type]  # s or req
        )

    # What is known of it

    @property
    def sent(self) -> int:
        """Requests that were handed to a connection."""
        return sum(each.pulse.sent for each in self.crew.members.values() if each.pulse)

    @property
    def in_flight(self) -> int:
        """Requests on the wire."""
        return sum(each.pulse.in_flight for each in self.crew.running if each.pulse)

    @property
    def tokens_in_flight(self) -> int:
        """Token frames of those."""
        return sum(each.pulse.tokens_in_flight for each in self.crew.running if each.pulse)

    @property
    def peers(self) -> set[str]:
        """The addresses that were connected to."""
        return {peer for m in self.crew.members.values() if m.done for peer in m.done.peers}

    @property
    def lost_workers(self) -> tuple[str, ...]:
        """Workers that were lost, with the rows that nobody knows of."""
        members = self.crew.members.values()
        lost = (m for m in members if m.state is State.LOST and m.clock.bound_ns is not None)
        return tuple(f"{each.name} ({each.why}; {each.lost} requests lost)" for each in lost)

    @property
    def write_failure(self) -> str | None:
        """Why not all records could be written, here or at a worker."""
        told = [m.done or m.pulse for m in self.crew.members.values()]
        return self.recorder.failed or next((t.failed for t in told if t and t.failed), None)

    @property
    def clock_bound_ms(self) -> float | None:
        """How far a worker's clock may be off, at most."""
        bounds = [m.clock.bound_ns for m in self.crew.members.values()]
        known = [bound for bound in bounds if bound is not None]
        return max(known) / NS_PER_MS if known else None

    def vitals(self) -> Toll:
        """How the workers are."""
        return self._toll

    def generator(self) -> dict[str, Any]:
        """What the load cost, as the summary has it."""
        return self._toll.final()

    def settle(self) -> None:
        """All records are here: what was planned is known."""
        self.recorder.planned = sum(each.planned for each in self.crew.members.values())

    def close(self) -> None:
        """Nothing is held beyond the run."""
