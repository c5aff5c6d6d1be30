"""What a locustfile imports: the users of a replay and of tasks of one's own, with the live page.

Importing one registers our options with Locust, and the page at /llm beside Locust's own.
"""

from __future__ import annotations

from sagellm_benchmark.load.gateway import GatewayUser
from sagellm_benchmark.load.users import ClosedLoopUser, ReplayUser
from sagellm_benchmark.web import plugin  # noqa: F401  (behind load's: it needs the coordinator)

__all__ = ["ClosedLoopUser", "GatewayUser", "ReplayUser"]
