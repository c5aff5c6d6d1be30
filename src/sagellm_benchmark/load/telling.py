"""What Locust is told of a finished request, in its own terms."""

from __future__ import annotations

from sagellm_benchmark.clock import NS_PER_MS
from sagellm_benchmark.wire.outcome import Outcome
from sagellm_benchmark.wire.states import Status

REQUEST_TYPE = "LLM"


class RequestFailed(Exception):
    """What Locust's tables show of a request that is not ok: its state, in one word."""

    def __repr__(self) -> str:
        return str(self)


def response_time_ms(outcome: Outcome) -> float | None:
    """What Locust calls the response time: e2e of what was sent.

    None of what never was sent, and of a request whose user left: when the reply would have ended
    nobody knows.
    """
    if outcome.sent_ns is None or outcome.left:
        return None
    if outcome.status is Status.OK and outcome.last_token_ns is not None:
        return (outcome.last_token_ns - outcome.sent_ns) / NS_PER_MS
    return (outcome.ended_ns - outcome.sent_ns) / NS_PER_MS
