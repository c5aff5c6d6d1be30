"""What in a plan may not be what the user meant: found before the load, said in a sentence or two.

A plan, the settings and what is known of the server come in, sentences go out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sagellm_benchmark.config.settings import Settings
from sagellm_benchmark.metrics import capacity
from sagellm_benchmark.report import figures
from sagellm_benchmark.report import target as targets
from sagellm_benchmark.report.estimates import peak_streams, tokens_per_s
from sagellm_benchmark.schedule.plan import Plan


def cautions(plan: Plan, settings: Settings, server: Mapping[str, Any]) -> list[str]:
    """What may not be what the user meant, a sentence or two each."""
    dialect = server["dialect"]
    found = [_gateway(plan, settings, dialect), _exact(settings, dialect), _tokenizer(server)]
    found.append(_run_time(plan, settings))
    if plan.coarse and not settings.untimed:
        found.append(
            "The trace's times lie on a coarse grid and many rows fall due at the same instant:"
            " such bursts come from its clock, not from its users."
        )
    return [text for text in found if text]


def _gateway(plan: Plan, settings: Settings, dialect: str | None) -> str | None:
    if settings.no_stream or settings.endpoint == "embeddings" or dialect == "openai":
        return None
    over = []
    hosts = len(settings.hosts)
    streams = math.ceil(peak_streams(plan, settings) / hosts)
    if streams > capacity.STREAMS:
        over.append(f"about {streams:,} streams at once")
    if not settings.untimed:
        rate_per_s = (plan.peak_rate_per_s or 0) / hosts
        if rate_per_s > capacity.REQUESTS_PER_S:
            over.append(f"{rate_per_s:,.0f} requests/s")
        tokens = tokens_per_s(plan) / hosts
        if tokens > capacity.TOKENS_PER_S:
            over.append(f"{tokens:,.0f} tokens/s")
    if not over:
        return None
    whose = "One process of this sageLLM gateway"
    if dialect is None:
        whose = "If the target is one sageLLM gateway process: it"
    asked = "this plan asks for" if hosts == 1 else f"this plan asks each of {hosts} hosts for"
    return (
        f"{whose} carries some {capacity.STREAMS} streams, {capacity.REQUESTS_PER_S:.0f} stream"
        f" requests/s or {capacity.TOKENS_PER_S:,.0f} tokens/s, and {asked}"
        f" {' and '.join(over)}. Beyond its limit you measure the gateway, not the engine behind"
        " it."
    )


def _exact(settings: Settings, dialect: str | None) -> str | None:
    if settings.output_length != "exact" or dialect not in ("sagellm", "sagellm-proxy"):
        return None
    return (
        "--output-length exact: this gateway drops min_tokens and ignore_eos, so that a reply may"
        " end early, and then counts as a failure."
    )


def _tokenizer(server: Mapping[str, Any]) -> str | None:
    counts = targets.otherwise(server["tokens"])
    if counts is None:
        return None
    told, own = counts
    return (
        f"The target counts {told:,} tokens of a text that --tokenizer makes {own:,} of: it is not"
        " the tokenizer of the model that answers, and prompts have the length asked for by it"
        " alone."
    )


def _run_time(plan: Plan, settings: Settings) -> str | None:
    limit = settings.run_time_s
    whole_s = plan.total_span_s
    if limit is None or settings.untimed or limit == whole_s or plan.times == math.inf:
        return None
    asked, span = f"--run-time {figures.duration(limit)}", figures.duration(whole_s)
    if limit < whole_s:
        return f"{asked} is shorter than the plan ({span}): the rows after it are not sent."
    if plan.dependents is not None:
        return None  # nobody knows how long sessions last
    return (
        f"{asked} is longer than the plan ({span}): the run ends with its last reply; --loop"
        " replays the trace again."
    )
