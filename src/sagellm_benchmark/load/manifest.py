"""`run.json`: what was run, with what, against what, so that a result can be judged and repeated.

Written before the first request, and once more at the end. It holds every setting with its source,
and no secret.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from typing import TYPE_CHECKING, Any

import msgspec

from sagellm_benchmark import __version__
from sagellm_benchmark.clock import utc
from sagellm_benchmark.config.system import read_system
from sagellm_benchmark.load.server import Server
from sagellm_benchmark.load.target import Target, ignored_proxies, remarks
from sagellm_benchmark.metrics.thresholds import Thresholds
from sagellm_benchmark.record.archive import write_json
from sagellm_benchmark.redact import redact
from sagellm_benchmark.schedule.lengths import CLIP
from sagellm_benchmark.trace.prompts import PROMPT_RULE
from sagellm_benchmark.trace.tokenizer import Tokenizer

if TYPE_CHECKING:
    from sagellm_benchmark.load.carried import Carried

SCHEMA = "sagellm.run/1"
_PACKAGES = ("locust", "gevent", "httptools", "msgspec", "numpy", "pydantic")


class Manifest:
    """The file of one run.

    Args:
        run: Which.
        server: What the target said of itself.

    Attributes:
        remarks: What of the way to the target a reader of the figures must know.
    """

    def __init__(self, run: Carried, server: Server) -> None:
        self.server = server
        self.thresholds = Thresholds()
        self.remarks = remarks(run.targets, run.settings)
        self._path = run.identity.directory / "run.json"
        self._content = _clean(self._describe(run), run.secrets)

    def write(self, **ending: Any) -> None:
        """Write the file whole, or leave the one that is there.

        Args:
            **ending: What is known at the end: `ended_at`, `exit_code`, ….

        Raises:
            OSError: It cannot be written.
        """
        self._content |= ending
        write_json(self._path, self._content)

    def read(self) -> bytes:
        """The file as it is now."""
        return self._path.read_bytes()

    def _describe(self, run: Carried) -> dict[str, Any]:
        settings, identity, plan = run.settings, run.identity, run.plan
        hosts = [_host(target) for target in run.targets]
        tls = all(host["tls"] for host in hosts)
        return {
            "schema": SCHEMA,
            "run_id": identity.run_id,
            "version": __version__,
            "started_at": utc(run.anchor.unix_s),
            "settings": settings.describe(),
            "seed": settings.seed,
            "salt": identity.salt,
            "prompt_rule": PROMPT_RULE if plan is None else plan.wording.rule,
            "tokenizer": _tokenizer(run.tokenizer),
            "schedule_digest": None if plan is None else plan.digest,
            "trace": None if plan is None else _trace(run),
            "target": {
                "url": settings.host,
                "addresses": [each for host in hosts for each in host["addresses"]],
                "dialect": self.server.dialect,
                "models": list(self.server.models),
                "tls": tls,
                "verified": tls and not settings.insecure,
                "hosts": hosts,
                "proxies_ignored": ignored_proxies(),
            },
            "server": self.server.describe(),
            "remarks": list(self.remarks),
            "system_declared": read_system(settings.system),
            "machine": _machine(),
            "versions": {name: importlib.metadata.version(name) for name in _PACKAGES},
            "thresholds": msgspec.to_builtins(self.thresholds),
        }


def _host(target: Target) -> dict[str, Any]:
    return {
        "url": target.url,
        "addresses": [str(address[0]) for _, address in target.addresses],
        "tls": target.tls is not None,
    }


def _tokenizer(tokenizer: Tokenizer | None) -> dict[str, Any] | None:
    if tokenizer is None:
        return None
    return {"path": tokenizer.path, "sha256": tokenizer.sha256}


def _trace(run: Carried) -> dict[str, Any]:
    plan = run.plan
    return {
        "path": run.settings.trace,
        "sha256": plan.trace_sha256,
        "rows": plan.rows,
        "drops": plan.drops,
        "clipped": plan.too_long if plan.lengths.too_long == CLIP else 0,
        "span_s": plan.span_s,
        "rate_per_s": plan.rate_per_s,
        "input_tokens": plan.input_tokens,
        "output_tokens": plan.output_tokens,
    }


def _clean(value: Any, secrets: tuple[str, ...]) -> Any:
    """The same without secrets: a body, a path or a model's name may hold what a header does."""
    if isinstance(value, str):
        return redact(value, secrets)
    if isinstance(value, dict):
        return {key: _clean(held, secrets) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(held, secrets) for held in value]
    return value


def _machine() -> dict[str, Any]:
    return {
        "system": platform.system(),
        "release": platform.release(),
        "architecture": platform.machine(),
        "cpus": os.cpu_count(),
        "python": sys.version.split()[0],
    }
