"""The text of `/metrics`: the gateway's request counter, and how full the simulated engine is."""

from __future__ import annotations

from sagellm_benchmark.sim.service import Service

CONTENT_TYPE = b"text/plain; version=1.0.0; charset=utf-8"

_REQUESTS = "sagellm_gateway_http_requests_total"
# Like the real gateway, which never counts these.
_UNCOUNTED = frozenset(("/metrics", "/health", "/ready"))


def metrics_text(service: Service) -> bytes:
    """Write the exposition format, one family after another."""
    lines = [f"# HELP {_REQUESTS} Total HTTP requests processed", f"# TYPE {_REQUESTS} counter"]
    for (method, path, status), count in service.answered.items():
        if path not in _UNCOUNTED:
            labels = f'method="{method}",path="{_escape(path)}",status="{status}"'
            lines.append(f"{_REQUESTS}{{{labels}}} {float(count)}")
    # The real gauge is always 0 while streams run, so that nobody should rely on it.
    lines += _family("sagellm_gateway_active_requests", "gauge", 0)
    for name, value in service.clockwork.engine.figures().items():
        kind = "counter" if name.startswith("prefix_cache") else "gauge"
        suffix = "_total" if kind == "counter" else ""
        lines += _family(f"sagellm_sim_{name}{suffix}", kind, value)
    lines += _family("sagellm_sim_generations_total", "counter", service.generations)
    return ("\n".join(lines) + "\n").encode()


def _family(name: str, kind: str, value: int) -> list[str]:
    return [f"# TYPE {name} {kind}", f"{name} {float(value)}"]


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
