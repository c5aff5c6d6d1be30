"""Stands between the requests and the dialect where a fault script is in force.

A request that no rule selects goes through untouched, on the same path as without a script. The
tasks of those that are selected end with their connections; `close` waits for the last of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sagellm_benchmark.sim.config import SimConfig
from sagellm_benchmark.sim.exchange import Exchange
from sagellm_benchmark.sim.faults import Faults
from sagellm_benchmark.sim.mischief import Mischief


class Saboteur:
    """Answers requests, some of them wrongly.

    Args:
        config: What was asked for, the rules among it.
        answer: Answers a request as always.
        refuse: Takes no connections for so many seconds.
    """

    def __init__(
        self,
        config: SimConfig,
        answer: Callable[[Exchange], None],
        refuse: Callable[[float], None],
    ) -> None:
        self._config = config
        self._faults = Faults(config.rules, config.faults.seed if config.faults else 0)
        self._answer = answer
        self._refuse = refuse
        self._tasks: set[asyncio.Task[None]] = set()

    def answer(self, exchange: Exchange) -> None:
        """Answer one request, now or in time."""
        rule = self._faults.on(exchange.request)
        if rule is None:
            self._answer(exchange)
        elif rule.kind == "refuse":
            exchange.fault = rule.kind
            self._refuse(rule.values["seconds"])
            self._answer(exchange)
        else:
            config = self._config
            mischief = Mischief(exchange, rule)
            task = mischief.begin(self._answer, config.dialect, config.default_output_tokens)
            self._tasks.add(task)
            task.add_done_callback(self._sent)

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.result()  # An error of our own is for the event loop to report.

    async def close(self) -> None:
        """Wait until nothing is being sent; the connections are gone by now."""
        while self._tasks:
            await asyncio.sleep(0)
