"""How many workers a plan needs, from what requests and tokens were measured to cost the client.

A plan and the settings come in; cores and a number of workers go out. The costs are those of one
core of the machine they were measured on (AMD EPYC, Python 3.11; `python benchmarks/cluster.py`
measures them anew), the load is the plan's busiest moment by the estimates of the plan block.
"""

from __future__ import annotations

import math

from sagellm_benchmark.config.settings import Settings
from sagellm_benchmark.report.estimates import peak_streams
from sagellm_benchmark.schedule.peaks import reply_s
from sagellm_benchmark.schedule.plan import Plan

REQUEST_S = 1250e-6
"""CPU seconds of a request: its job, its connection, its user in Locust, its record."""

TOKEN_S = 15e-6
"""CPU seconds of a streamed token, at some thousands of them a second."""

PROMPT_TOKEN_S = 0.08e-6
"""CPU seconds of a token of a made prompt."""

FULL = 0.6
"""The part of a core that a worker may use: above it stamps and due times begin to suffer."""


def cores(plan: Plan, settings: Settings) -> float:
    """Cores that sending the plan takes at its busiest."""
    reply_tokens = plan.output_tokens / plan.rows
    replies_per_s = peak_streams(plan, settings) / reply_s(reply_tokens)
    requests_per_s = plan.peak_rate_per_s or replies_per_s
    used = requests_per_s * (REQUEST_S + plan.input_tokens / plan.rows * PROMPT_TOKEN_S)
    if not settings.no_stream and settings.endpoint != "embeddings":
        used += replies_per_s * reply_tokens * TOKEN_S
    return used


def workers(used: float) -> int:
    """How many workers share so many cores without any of them being too busy to measure."""
    return max(1, math.ceil(used / FULL))
