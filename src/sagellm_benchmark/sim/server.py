"""Serves a simulated gateway until it is told to stop.

`serve` binds, says where, and returns when `stop` is set, the time is up, or it is cancelled. On
its way out it unregisters from the real gateway it served, drops what is still running, and closes
the send log: by then every request that was read has its line.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress

from sagellm_benchmark.clock import NS_PER_MS
from sagellm_benchmark.sim.clockwork import Clockwork
from sagellm_benchmark.sim.config import SimConfig
from sagellm_benchmark.sim.connection import Connection
from sagellm_benchmark.sim.engine import BatchingEngine, Costs, Engine, FixedEngine
from sagellm_benchmark.sim.exchange import Exchange
from sagellm_benchmark.sim.listener import Listener
from sagellm_benchmark.sim.openai import OpenAI
from sagellm_benchmark.sim.registration import Registration
from sagellm_benchmark.sim.saboteur import Saboteur
from sagellm_benchmark.sim.sagellm import Sagellm
from sagellm_benchmark.sim.sendlog import SendLog
from sagellm_benchmark.sim.service import Service


class Server:
    """All connections of one simulated gateway.

    Args:
        config: What was asked for.
        service: The served model.
        listener: Where connections come from.
        log: Where ended requests are noted, or None.
    """

    def __init__(
        self, config: SimConfig, service: Service, listener: Listener, log: SendLog | None
    ) -> None:
        self.config = config
        self.connections: set[Connection] = set()
        self.stopping = False
        dialect = Sagellm if config.dialect == "sagellm" else OpenAI
        self.dialect: Sagellm | OpenAI = dialect(service)
        self._service = service
        self._listener = listener
        self._log = log
        self._saboteur = Saboteur(config, self.dialect.answer, self.refuse)
        # Chosen once: without a rule there is nothing between a request and its dialect.
        self._answer = self._saboteur.answer if config.rules else self.dialect.answer

    def answer(self, exchange: Exchange) -> None:
        """Answer one request, now or in time."""
        self._answer(exchange)

    def refuse(self, seconds: float) -> None:
        """Refuse connections, so long; those that stand end with the answer that they carry."""
        self._listener.refuse(seconds)
        for connection in list(self.connections):
            connection.leave()

    def ended(self, exchange: Exchange) -> None:
        """Note that a request was answered, or never will be."""
        request, job = exchange.request, exchange.job
        # A fault may end an answer before its last token is made.
        if job is not None and (exchange.end != "complete" or exchange.fault is not None):
            self._service.clockwork.cancel(job)
        if exchange.status is not None:
            self._service.answered[request.method, request.path, exchange.status] += 1
        if self._log is not None:
            self._log.write(exchange)

    async def close(self) -> None:
        """Drop every connection and let each note how its request ended."""
        self.stopping = True
        for connection in list(self.connections):
            connection.close()
        while self.connections:
            await asyncio.sleep(0)
        await self._saboteur.close()


async def serve(
    config: SimConfig,
    ready: Callable[[str], None] | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """Serve until `stop` is set, `config.max_seconds` are over, or the task is cancelled.

    Args:
        config: What to serve, and where.
        ready: Called once with the base URL when requests can be sent.
        stop: Set it to end the server.

    Raises:
        UsageError: The address cannot be bound, the send log cannot be written, or the gateway to
            register at does not take us.
    """
    with ExitStack() as files:
        log = None
        if config.send_log is not None:
            log = files.enter_context(closing(SendLog(config.send_log)))
        listener = files.enter_context(closing(Listener(config.host, config.port)))
        clockwork = Clockwork(make_engine(config), asyncio.get_running_loop())
        service = Service(config, clockwork, listener.port)
        server = Server(config, service, listener, log)
        await _serve_on(listener, server, service, ready, stop)


def make_engine(config: SimConfig) -> Engine:
    """Make the engine that a configuration describes."""
    if config.fixed:
        return FixedEngine(_ns(config.ttft_ms), _ns(config.itl_ms))
    costs = Costs(
        prefill_base_ns=_ns(config.ttft_ms),
        prefill_token_ns=_ns(config.prefill_ms_per_1k / 1000),
        step_base_ns=_ns(config.itl_ms),
        step_request_ns=_ns(config.batch_cost_us / 1000),
    )
    return BatchingEngine(costs, kv_tokens=config.kv_tokens, max_batch=config.max_batch)


async def _serve_on(
    listener: Listener,
    server: Server,
    service: Service,
    ready: Callable[[str], None] | None,
    stop: asyncio.Event | None,
) -> None:
    await listener.open(lambda: Connection(server))
    try:
        # A collection that walks the modules would delay every stream at once.
        gc.collect()
        gc.freeze()
        await _registered(service, ready, stop or asyncio.Event())
    finally:
        listener.close()
        await server.close()


async def _registered(
    service: Service, ready: Callable[[str], None] | None, stop: asyncio.Event
) -> None:
    gateway = service.config.register
    registration = Registration(gateway, service) if gateway else None
    if registration is not None:
        await registration.enter()
    try:
        if ready is not None:
            ready(service.url)
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(stop.wait(), service.config.max_seconds)
    finally:
        if registration is not None:
            await registration.leave()


def _ns(milliseconds: float) -> int:
    return round(milliseconds * NS_PER_MS)
