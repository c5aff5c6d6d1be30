"""Makes the simulator an engine behind a real sageLLM gateway, and takes it out again.

The gateway checks an engine's health while it answers, so both calls run beside the event loop.
Proxy variables are not obeyed.
"""

from __future__ import annotations

import asyncio
import json
import logging
import urllib.error
import urllib.request

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.sim.service import Service

_TIMEOUT_S = 5

_log = logging.getLogger(__name__)


class Registration:
    """The entry of one engine in a gateway's registry.

    Args:
        gateway: URL of the gateway.
        service: What is registered, under `service.engine_id`.
    """

    def __init__(self, gateway: str, service: Service) -> None:
        self._engines = gateway.rstrip("/").removesuffix("/v1") + "/v1/management/engines"
        self._gateway = gateway
        self._entry = {
            "engine_id": service.engine_id,
            "model_id": service.config.model,
            "host": service.config.host,
            "port": service.port,
            "metadata": {"pre_verified_healthy": True},
        }

    async def enter(self) -> None:
        """Register; requests for the model reach us from then on.

        Raises:
            UsageError: The gateway cannot be reached or refuses.
        """
        await self._call("POST", f"{self._engines}/register", json.dumps(self._entry).encode())

    async def leave(self) -> None:
        """Unregister; a gateway that is gone by now is worth a warning, no more."""
        try:
            await self._call("DELETE", f"{self._engines}/{self._entry['engine_id']}", None)
        except UsageError as error:
            _log.warning("%s", error)

    async def _call(self, method: str, url: str, body: bytes | None) -> None:
        try:
            await asyncio.to_thread(_send, method, url, body)
        except (OSError, ValueError) as error:
            reason = error.read().decode() if isinstance(error, urllib.error.HTTPError) else error
            raise UsageError(f"--register {self._gateway}: {method} {url}: {reason}") from error


def _send(method: str, url: str, body: bytes | None) -> None:
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(url, data=body, headers=headers, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=_TIMEOUT_S):
        pass
