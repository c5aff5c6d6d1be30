"""How many workers a plan is said to need."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from sagellm_benchmark.config.settings import make_settings
from sagellm_benchmark.report import sizing
from sagellm_benchmark.report.plan import plan_block
from sagellm_benchmark.schedule.plan import make_plan
from sagellm_benchmark.trace.synthesis import uniform
from sagellm_benchmark.trace.transforms import Pace, Selection

HOST = "http://127.0.0.1:8889"
UNASKED = {"asked": False, "dialect": None, "engines": None, "context_tokens": None, "others": []}
TOKENS = {"per_word": 1.0, "template": 0, "source": "assumed", "why": None, "counts": []}


def planned(rate=None, requests=1000, prompt=100, reply=100, **options):
    """A plan of equal requests and its settings."""
    sizes = {"input_tokens": str(prompt), "output_tokens": str(reply), "requests": str(requests)}
    pace = {} if rate is None else {"rate": str(rate)}
    chosen = make_settings({"model": "m", **sizes, **pace, **options}, host=HOST)
    closed = chosen.closed
    trace = uniform(prompt, reply, requests, rate=rate, burstiness=float("inf"))
    return make_plan(trace, Selection(), Pace(), closed=closed), chosen


def said(plan, chosen):
    """The plan block."""
    server = {**UNASKED, "tokens": TOKENS}
    return plan_block(plan, chosen, run_dir="runs", hosts=[HOST], server=server)


def test_what_one_process_carries_needs_one():
    """Ten requests a second of a hundred tokens are a few percent of a core."""
    assert "  workers   1 is enough (about 3 % of a core at the busiest)\n" in said(*planned(10.0))


def test_what_one_process_cannot_carry_needs_more():
    """500 requests/s with 500 tokens each are some four cores; the option stands in the block."""
    plan, chosen = planned(500.0, requests=20000, reply=500)
    used = sizing.cores(plan, chosen)
    assert used == pytest.approx(500 * (1250 + 8 + 500 * 15) * 1e-6, rel=0.1)
    assert f"about {sizing.workers(used)} (--processes {sizing.workers(used)})" in said(
        plan, chosen
    )


def test_a_closed_loop_is_as_busy_as_its_users():
    """Each user sends again as soon as a reply is estimated to have ended."""
    plan, chosen = planned(requests=5000, reply=125, concurrency="300")
    replies_per_s = 300 / 3
    assert sizing.cores(plan, chosen) == pytest.approx(
        replies_per_s * (sizing.REQUEST_S + 100 * sizing.PROMPT_TOKEN_S + 125 * sizing.TOKEN_S)
    )


def test_whole_replies_cost_no_tokens():
    """Without streams, and for embeddings, tokens are not read one by one."""
    streamed = sizing.cores(*planned(50.0))
    assert sizing.cores(*planned(50.0, no_stream="true")) < streamed
    assert sizing.cores(*planned(50.0, endpoint="embeddings")) < streamed


@hypothesis(derandomize=True, deadline=None)
@given(st.floats(0, 1000))
def test_no_worker_is_too_busy(used):
    """Each has at most its part, and there is never one too many."""
    count = sizing.workers(used)
    assert used / count <= sizing.FULL + 1e-9
    assert count == 1 or used / (count - 1) > sizing.FULL - 1e-9
