"""Whole runs of made-up records for the tests of the summary."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import numpy as np

from record.outcomes import at, outcome, record
from sagellm_benchmark.metrics.columns import Columns
from sagellm_benchmark.metrics.latency import Latencies
from sagellm_benchmark.metrics.summary import RunFacts, summarize
from sagellm_benchmark.protocol import ErrorCode
from sagellm_benchmark.record.record import Asked, RequestRecord
from sagellm_benchmark.trace.row import Row
from sagellm_benchmark.wire.outcome import Outcome
from sagellm_benchmark.wire.states import Status


def columns_of(records: Iterable[RequestRecord]) -> Columns:
    """Columns fed with records."""
    columns = Columns()
    for one in records:
        columns.add(one)
    return columns


def latencies_of(records: Iterable[RequestRecord]) -> Latencies:
    """Latencies of records."""
    return Latencies(columns_of(records).table())


def facts(count: int, **more: Any) -> RunFacts:
    """The facts of a run of so many planned rows."""
    start = "2026-11-23T08:00:00Z"
    return RunFacts(
        **({"run_id": "r", "started_at": start, "rows": count, "planned": count} | more)
    )


def summary_of(records: list[RequestRecord], **more: Any) -> dict[str, Any]:
    """The summary of records."""
    return summarize(columns_of(records), facts(len(records), **more))


def mixed_run(count: int, seed: int, **options: Any) -> list[RequestRecord]:
    """Records of every state, several models, tenants and hosts, in the order of `seq`."""
    dice = random.Random(seed)
    due, made = 0.0, []
    for seq in range(count):
        due += dice.expovariate(1 / 20)
        tenant = dice.choice([None, "a", "b"])
        made.append(
            record(
                seq,
                _result(dice, due),
                Row(request_id=f"row{seq}", tenant_id=tenant),
                asked=Asked(dice.choice([None, 100]), dice.choice([None, 5, 20])),
                model=dice.choice(["m1", "m2"]),
                host=dice.choice(["http://one", "http://two"]),
                **options,
            )
        )
    return made


def _result(dice: random.Random, due: float) -> Outcome:
    sent = due + dice.random()
    gaps = [dice.uniform(0, 40) for _ in range(dice.randrange(1, 12))]
    tokens = [sent + float(offset) for offset in 50 + np.cumsum(gaps)]
    status = dice.choice([Status.OK] * 8 + list(Status))
    if status in (Status.DROPPED, Status.SKIPPED):
        return outcome(due, None, [], status=status, reason="why")
    if status is Status.OK and dice.random() < 0.2:
        return outcome(due, sent, [], last_token_ns=at(sent + 99), ended=sent + 99)
    code = None if status in (Status.OK, Status.CANCELLED) else ErrorCode.UNAVAILABLE
    return outcome(
        due,
        sent,
        tokens,
        status=status,
        code=code,
        message=None if code is None else f"engine {dice.randrange(1000)} gone",
        input_tokens=dice.choice([None, 90]),
        output_tokens=dice.choice([None, len(tokens) + 3]),
        reused=dice.random() < 0.5,
    )
