"""Ask the target a few questions before any load, so that a run that cannot work never starts.

In go a target, headers and a model; out comes what kind of server it is. Everything found wrong is
one line and exit code 2. These requests are no part of the run: no record, no count.
"""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any

from sagellm_benchmark.config.settings import Settings
from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.load.target import Target
from sagellm_benchmark.redact import snippet

TIMEOUT_S = 10.0
ALIASES = ("default", "sage-default", "sage-rag")
"""Model names that the sageLLM gateway resolves itself."""


@dataclass(frozen=True)
class Server:
    """What the target said of itself.

    Attributes:
        dialect: "sagellm", "openai", or None where it was not asked or did not tell.
        models: The models it lists.
    """

    dialect: str | None = None
    models: tuple[str, ...] = ()


def ask(target: Target, settings: Settings) -> Server:
    """Check that the target answers, takes the key and knows the model.

    Raises:
        UsageError: It does not.
    """
    headers = dict(settings.header)
    secrets = settings.secrets()
    if settings.api_key:
        headers["Authorization"] = f"Bearer {settings.api_key}"
    status, body = _get(target, "/v1/models", headers)
    if status in (401, 403):
        raise UsageError(
            f"--host {target.url}: refuses us with HTTP {status}: name the variable that holds "
            f"the key with --api-key-env VAR ({snippet(body, 120, secrets)})"
        )
    if status >= 500:
        raise UsageError(
            f"--host {target.url}: answers GET /v1/models with HTTP {status}: "
            f"{snippet(body, 120, secrets)} (--no-preflight sends the load all the same)"
        )
    listed = _entries(body, "data")
    models = tuple(snippet(str(entry["id"]), 200, secrets) for entry in listed if "id" in entry)
    sagellm = not listed or any(entry.get("owned_by") == "sagellm" for entry in listed)
    engines = _engines(target, headers) if sagellm else None
    if engines is not None:
        _check_engines(target, settings.model, engines, secrets)
        return Server("sagellm", models)
    if settings.model and models and settings.model not in models:
        raise UsageError(
            f"--model {settings.model}: the target does not list it; it has {_list(models)} "
            f"(--no-preflight sends the load all the same)"
        )
    return Server("openai" if models else None, models)


def _engines(target: Target, headers: dict[str, str]) -> list[dict[str, Any]] | None:
    """The engines behind a sageLLM gateway; None where it is none, or has no control plane."""
    status, body = _get(target, "/v1/management/engines", headers)
    if status != 200 or b'"engines"' not in body:
        return None
    return _entries(body, "engines")


def _check_engines(
    target: Target, model: str | None, engines: list[dict[str, Any]], secrets: tuple[str, ...]
) -> None:
    # The gateway answers 200 to every stream, also with no engine behind it: only this tells.
    ready = [snippet(str(e.get("model_id")), 200, secrets) for e in engines if e.get("is_healthy")]
    if not ready:
        raise UsageError(
            f"--host {target.url}: this sageLLM gateway has no healthy engine "
            f"({len(engines)} registered): start one, or register it again"
        )
    if model and model not in ready and model not in ALIASES:
        raise UsageError(
            f"--model {model}: no healthy engine serves it behind {target.url}; "
            f"ready are {_list(ready)}"
        )


def _list(names: list[str] | tuple[str, ...]) -> str:
    shown = ", ".join(dict.fromkeys(names[:5]))
    return shown + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _entries(body: bytes, key: str) -> list[dict[str, Any]]:
    try:
        parsed = json.loads(body)
    except ValueError:
        return []
    entries = parsed.get(key) if isinstance(parsed, dict) else None
    return [e for e in entries if isinstance(e, dict)] if isinstance(entries, list) else []


def _get(target: Target, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
    connection: http.client.HTTPConnection
    if target.tls is None:
        connection = http.client.HTTPConnection(target.netloc, timeout=TIMEOUT_S)
    else:
        connection = http.client.HTTPSConnection(
            target.netloc, timeout=TIMEOUT_S, context=target.tls
        )
    try:
        connection.request("GET", target.prefix + path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read(1 << 20)
    except (OSError, http.client.HTTPException) as error:
        words = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise UsageError(f"--host {target.url}: GET {path} failed: {words}") from None
    finally:
        connection.close()
