"""What a plan is expected to amount to: streams at once, tokens a second, bytes on disk.

A plan and the settings come in, numbers go out. They are estimates: nothing has been measured yet.
"""

from __future__ import annotations

from sagellm_benchmark.config.settings import Settings
from sagellm_benchmark.schedule.peaks import reply_s
from sagellm_benchmark.schedule.plan import Plan

_RECORD_BYTES = 900
_GAP_BYTES = 25
_WORD_BYTES = 6


def peak_streams(plan: Plan, settings: Settings) -> int:
    """The most streams that the plan is expected to keep open at once."""
    at_once = settings.concurrency or settings.max_sessions
    most = (plan.peak_streams or 0) if at_once is None else int(min(at_once, plan.total_rows))
    return most if settings.max_in_flight is None else min(most, settings.max_in_flight)


def disk_bytes(plan: Plan, settings: Settings) -> int:
    """About how much the records of a whole run take."""
    total = plan.rows * _RECORD_BYTES
    if settings.itl == "list" and not settings.no_stream:
        total += max(plan.output_tokens - plan.rows, 0) * _GAP_BYTES
    if settings.keep_content == "all":
        total += plan.output_tokens * _WORD_BYTES
    return total


def tokens_per_s(plan: Plan) -> float:
    """Tokens a second that all replies together are expected to come at."""
    return plan.output_tokens / (plan.span_s + reply_s(plan.output_tokens / plan.rows))
