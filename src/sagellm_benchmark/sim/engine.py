"""When tokens are made: two engines in virtual time, without a clock or a socket.

In: jobs, and the time. Out: `advance(now_ns)` returns the jobs that each got one more token, in the
order in which they got it, and `next_ns` says when to call again. Times are whatever integer
nanoseconds the caller uses. A call that comes late changes no time inside the model: token k of a
job belongs to the same instant whether it was asked for in time or not.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sagellm_benchmark.sim.prefix_cache import BLOCK_WORDS, PrefixCache


@dataclass(slots=True, eq=False)
class Job:
    """One request as an engine sees it.

    Attributes:
        prompt_tokens: Length of the prompt.
        output_tokens: Tokens to make, at least 1.
        blocks: Chained hashes of the prompt's full blocks, for the prefix cache.
        on_token: Called by whoever drives the engine, once per token; the engine never calls it.
        emitted: Tokens made so far.
        cached_tokens: Prompt tokens that the prefix cache held.
        cancelled: Set by `cancel`; no further token is made.
    """

    prompt_tokens: int
    output_tokens: int
    blocks: Sequence[int] = ()
    on_token: Callable[[], None] | None = None
    emitted: int = 0
    cached_tokens: int = 0
    cancelled: bool = False
    ready_ns: int = field(default=0, repr=False)


class Engine(Protocol):
    """What a server needs of an engine."""

    @property
    def next_ns(self) -> int | None:
        """When `advance` has something to do; None while idle."""

    def fits(self, job: Job) -> bool:
        """Tell whether this job could ever run."""

    def submit(self, job: Job, now_ns: int) -> None:
        """Queue a job."""

    def cancel(self, job: Job) -> None:
        """Make no further token for this job."""

    def advance(self, now_ns: int) -> list[Job]:
        """Make every token that is due by now; a job stands in the list once per token."""

    def figures(self) -> dict[str, int]:
        """Say how full the engine is."""


class FixedEngine:
    """Every stream by its own clock: token k at submission + ttft + k * itl, whatever the load.

    Args:
        ttft_ns: From submission to the first token.
        itl_ns: Between tokens.
    """

    def __init__(self, ttft_ns: int, itl_ns: int) -> None:
        self._ttft_ns = ttft_ns
        self._itl_ns = itl_ns
        self._due: list[tuple[int, int, Job]] = []
        self._submitted = 0

    @property
    def next_ns(self) -> int | None:
        """When the earliest token is due."""
        return self._due[0][0] if self._due else None

    def fits(self, job: Job) -> bool:
        """Hold a job of any size."""
        return True

    def submit(self, job: Job, now_ns: int) -> None:
        """Start a job's clock."""
        self._submitted += 1
        heapq.heappush(self._due, (now_ns + self._ttft_ns, self._submitted, job))

    def cancel(self, job: Job) -> None:
        """Let the job's next token be its end."""
        job.cancelled = True

    def advance(self, now_ns: int) -> list[Job]:
        """Make every token that is due by now, earliest first."""
        due, made = self._due, []
        while due and due[0][0] <= now_ns:
            at, order, job = due[0]
            if job.cancelled:
                heapq.heappop(due)
                continue
            job.emitted += 1
            made.append(job)
            if job.emitted < job.output_tokens:
                heapq.heapreplace(due, (at + self._itl_ns, order, job))
            else:
                heapq.heappop(due)
        return made

    def figures(self) -> dict[str, int]:
        """Count the streams that are not finished."""
        return {"running": len(self._due), "waiting": 0, "kv_used_tokens": 0}


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What work costs: prefill = base + per token, decode step = base + per request.

    `prefill_base_ns` passes before a job may be admitted and keeps nobody else waiting (network,
    tokenizer, scheduler); the rest is the accelerator's time, which the whole batch shares.
    """

    prefill_base_ns: int
    prefill_token_ns: int
    step_base_ns: int
    step_request_ns: int


class BatchingEngine:
    """Continuous batching: one step at a time, each giving one token to every request in it.

    A step decodes all running requests and prefills those just admitted; it lasts as long as both
    together, so a long prompt is felt by everybody. Jobs are admitted first come first served,
    while the batch has room and KV capacity for prompt and whole output; nothing is preempted.

    Args:
        costs: The latency model.
        kv_tokens: KV capacity in tokens; the prefix cache may hold as much again.
        max_batch: Most requests in a step.
    """

    def __init__(self, costs: Costs, *, kv_tokens: int, max_batch: int) -> None:
        self.next_ns: int | None = None
        self.cache = PrefixCache(kv_tokens // BLOCK_WORDS)
        self.kv_used = 0
        self._costs = costs
        self._kv_tokens = kv_tokens
        self._max_batch = max_batch
        self._waiting: deque[Job] = deque()
        self._running: dict[Job, None] = {}
        self._stepping = False

    def fits(self, job: Job) -> bool:
        """Tell whether the empty engine would hold this job."""
        return _footprint(job) <= self._kv_tokens

    def submit(self, job: Job, now_ns: int) -> None:
        """Queue a job behind those that came before it."""
        job.ready_ns = now_ns + self._costs.prefill_base_ns
        self._waiting.append(job)
        if not self._stepping:
            self.next_ns = self._waiting[0].ready_ns

    def cancel(self, job: Job) -> None:
        """Free what the job holds; the step in progress keeps its length."""
        job.cancelled = True
        if job in self._running:
            self._release(job)

    def advance(self, now_ns: int) -> list[Job]:
        """Run every step that ends by now, and start the next one."""
        made: list[Job] = []
        while self.next_ns is not None and self.next_ns <= now_ns:
            at = self.next_ns
            if self._stepping:
                self._end_step(made)
            self._begin_step(at)
        return made

    def figures(self) -> dict[str, int]:
        """Count what runs, waits and is held."""
        return {
            "running": len(self._running),
            "waiting": sum(not job.cancelled for job in self._waiting),
            "kv_used_tokens": self.kv_used,
            "prefix_cache_hit_tokens": self.cache.hit_tokens,
            "prefix_cache_query_tokens": self.cache.query_tokens,
            "prefix_cache_evicted_blocks": self.cache.evicted_blocks,
        }

    def _begin_step(self, at: int) -> None:
        decoding = len(self._running)
        uncached = self._admit(at)
        if self._running:
            costs = self._costs
            step = uncached * costs.prefill_token_ns
            if decoding:
                step += costs.step_base_ns + decoding * costs.step_request_ns
            self._stepping, self.next_ns = True, at + step
        else:
            self._stepping = False
            self.next_ns = self._waiting[0].ready_ns if self._waiting else None

    def _admit(self, at: int) -> int:
        """Move what is ready and fits into the batch; return the tokens that it must prefill."""
        uncached = 0
        while self._waiting and self._waiting[0].ready_ns <= at:
            job = self._waiting[0]
            if not job.cancelled:
                room = self._kv_tokens - self.kv_used
                if len(self._running) >= self._max_batch or _footprint(job) > room:
                    break
                self.kv_used += _footprint(job)
                self._running[job] = None
                job.cached_tokens = self.cache.match(job.blocks, job.prompt_tokens)
                self.cache.insert(job.blocks)
                uncached += job.prompt_tokens - job.cached_tokens
            self._waiting.popleft()
        return uncached

    def _end_step(self, made: list[Job]) -> None:
        made.extend(self._running)
        for job in list(self._running):
            job.emitted += 1
            if job.emitted >= job.output_tokens:
                self._release(job)

    def _release(self, job: Job) -> None:
        del self._running[job]
        self.kv_used -= _footprint(job)


def _footprint(job: Job) -> int:
    return job.prompt_tokens + job.output_tokens
