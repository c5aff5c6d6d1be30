"""Promises of an answer, with an engine in virtual time and a transport that keeps what it gets."""

from __future__ import annotations

import pytest

from sagellm_benchmark.sim.engine import BatchingEngine, Costs, FixedEngine, Job
from sagellm_benchmark.sim.exchange import Exchange
from sagellm_benchmark.sim.http import HttpRequest

COSTS = Costs(prefill_base_ns=5, prefill_token_ns=1, step_base_ns=10, step_request_ns=1)


class Transport:
    """Keeps what is written."""

    def __init__(self):
        self.written = []

    def write(self, data):
        """Keep it."""
        self.written.append(data)


def head(request, status, fields, chunked):
    """A response head without a line."""
    return b""


@pytest.mark.parametrize(
    "engine",
    [FixedEngine(5, 10), BatchingEngine(COSTS, kv_tokens=1000, max_batch=4)],
    ids=["fixed", "batching"],
)
@pytest.mark.parametrize("late_ns", [0, 1000])
def test_a_whole_reply_is_sent_once(engine, late_ns):
    """However late the engine is asked, and so however many tokens it makes at once."""
    transport, ended = Transport(), []
    request = HttpRequest(
        method="POST",
        path="/",
        headers={},
        body=b"",
        keep_alive=True,
        accepted_ns=0,
        received_ns=0,
        body_ns=0,
    )
    exchange = Exchange(request, transport, head, ended.append)
    job = Job(prompt_tokens=3, output_tokens=4)
    exchange.whole(job, lambda: b"text", 0)
    engine.submit(job, 0)
    while engine.next_ns is not None:
        for made in engine.advance(engine.next_ns + late_ns):
            made.on_token()
    assert transport.written == [b"text"]
    assert ended == [exchange]
