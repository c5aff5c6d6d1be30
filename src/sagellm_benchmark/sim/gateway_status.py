"""What the sagellm dialect says about itself: the bodies of its GET routes, as in the real one."""

from __future__ import annotations

from collections.abc import Callable

from sagellm_benchmark.sim.exchange import Exchange
from sagellm_benchmark.sim.figures import CONTENT_TYPE, metrics_text
from sagellm_benchmark.sim.routes import Routes
from sagellm_benchmark.sim.service import Service
from sagellm_benchmark.sim.validation import compact

_ENDPOINTS = {
    "chat": "/v1/chat/completions",
    "completions": "/v1/completions",
    "models": "/v1/models",
    "embeddings": "/v1/embeddings",
    "info": "/info",
    "health": "/health",
    "ready": "/ready",
    "startup": "/startup",
    "metrics": "/metrics",
    # Named by the real one; not simulated.
    "reload": "/v1/management/reload",
    "sessions": "/sessions",
}

Facts = dict[str, object]


def status_routes(service: Service) -> Routes:
    """Make the GET routes of a gateway with one healthy engine."""

    def get(facts: Callable[[Service], Facts]) -> tuple[str, Callable[[Exchange], None]]:
        return "GET", lambda exchange: exchange.reply(200, compact(facts(service)))

    return {
        "/": get(_root),
        "/health": get(_health),
        "/ready": get(_ready),
        "/startup": get(_startup),
        "/info": get(_info),
        "/v1/models": get(Service.models),
        "/v1/management/engines": get(_engines),
        "/metrics": (
            "GET",
            lambda exchange: exchange.reply(200, metrics_text(service), CONTENT_TYPE),
        ),
    }


def _root(service: Service) -> Facts:
    return {"service": "sageLLM Gateway", "version": "0.1.0", "endpoints": _ENDPOINTS}


def _health(service: Service) -> Facts:
    return {
        "status": "healthy",
        "state": "ready",
        "uptime_seconds": service.uptime_s,
        # As in the real one: the request that asks, and no stream.
        "active_requests": 1,
        "sessions": {"total_sessions": 0, "total_messages": 0},
    }


def _ready(service: Service) -> Facts:
    services = {"control_plane": {"status": "up", "engine_count": 1}, "adapter": {"status": "up"}}
    return {"status": "ready", "state": "ready", "services": services}


def _startup(service: Service) -> Facts:
    return {"status": "started", "state": "ready", "uptime_seconds": service.uptime_s}


def _engines(service: Service) -> Facts:
    health = {"state": "READY", "is_healthy": True, "engine_kind": "llm"}
    return {"engines": [{**_address(service), **health}], "total": 1, "healthy": 1}


def _info(service: Service) -> Facts:
    address = {**_address(service), "engine_kind": "llm"}
    info = service.info()
    registered = {
        **address,
        "state": "READY",
        "is_healthy": True,
        "metadata": {"pre_verified_healthy": True},
        "endpoint": f"{service.url}/info",
        "info": info,
    }
    return {
        "service": "sageLLM Gateway",
        "state": "ready",
        "registered_engines": [registered],
        "registered_engine_count": 1,
        "healthy_engine_count": 1,
        "primary_engine": {**address, "is_healthy": True, "info": info},
        **info,
    }


def _address(service: Service) -> Facts:
    return {
        "engine_id": service.engine_id,
        "model_id": service.config.model,
        "host": service.config.host,
        "port": service.port,
    }
