"""What both dialects share: the model that is served, its engine, and the figures about them.

A dialect turns a request into a prompt and a number of output tokens; `Service` turns these into a
job, starts it, and counts.
"""

from __future__ import annotations

import random
import secrets
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from sagellm_benchmark.clock import now
from sagellm_benchmark.sim.clockwork import Clockwork
from sagellm_benchmark.sim.config import SimConfig
from sagellm_benchmark.sim.engine import Job
from sagellm_benchmark.sim.exchange import Exchange, Frames
from sagellm_benchmark.sim.prefix_cache import block_hashes
from sagellm_benchmark.sim.words import first_word, reply_text

ALIASES = frozenset(("", "default", "sage-default", "sage-rag"))
"""Model names that the real gateway resolves to its first engine's model."""

EMBEDDING_SIZE = 8


class Service:
    """The served model.

    Args:
        config: What was asked for.
        clockwork: Drives the engine.
        port: Where we listen.
    """

    def __init__(self, config: SimConfig, clockwork: Clockwork, port: int) -> None:
        self.config = config
        self.clockwork = clockwork
        self.port = port
        self.engine_id = f"sim-{port}"
        self.url = base_url(config.host, port)
        self.generations = 0
        self.answered: Counter[tuple[str, str, int]] = Counter()
        self._started_ns = now()

    @property
    def uptime_s(self) -> float:
        """Seconds since the start, to two places."""
        return round((now() - self._started_ns) / 1e9, 2)

    def resolve(self, model: str) -> str | None:
        """Name the model that a request for `model` gets, or None where there is none."""
        return self.config.model if model in ALIASES or model == self.config.model else None

    def job(self, prompt: str, output_tokens: int | None) -> Job:
        """Make the job of a prompt; None asks for a reply of the default length."""
        words = prompt.split()
        return Job(
            prompt_tokens=len(words),
            output_tokens=output_tokens or self.config.default_output_tokens,
            blocks=() if self.config.fixed else block_hashes(words),
        )

    def fits(self, job: Job) -> bool:
        """Tell whether the engine could ever run this job."""
        return self.clockwork.engine.fits(job)

    def stream(self, exchange: Exchange, job: Job, frames: Frames, fields: bytes) -> None:
        """Start a job whose tokens are streamed."""
        exchange.stream(job, frames, fields, self._next_word())
        self.clockwork.submit(job, exchange.request.body_ns)

    def whole(self, exchange: Exchange, job: Job, body: Callable[[str], bytes]) -> None:
        """Start a job whose text is answered at its end; `body` makes a response of the text."""
        word = self._next_word()
        exchange.whole(job, lambda: body(reply_text(word, job.output_tokens)), word)
        self.clockwork.submit(job, exchange.request.body_ns)

    def embeddings(self, inputs: Sequence[str], model: str) -> dict[str, Any]:
        """Answer an embedding request with vectors that depend on text and seed alone."""
        words = sum(len(text.split()) for text in inputs)
        data = [
            {"object": "embedding", "embedding": self._vector(text), "index": index}
            for index, text in enumerate(inputs)
        ]
        usage = {"prompt_tokens": words, "total_tokens": words}
        return {"object": "list", "data": data, "model": model, "usage": usage}

    def models(self) -> dict[str, object]:
        """List the one model."""
        model = {"id": self.config.model, "object": "model", "created": created()}
        return {"object": "list", "data": [{**model, "owned_by": "sagellm"}]}

    def info(self) -> dict[str, object]:
        """Describe the engine, as an engine's own `/info` does."""
        return {
            "engine_id": self.engine_id,
            "model_path": self.config.model,
            "backend": "sim",
            "status": "running",
        }

    def _vector(self, text: str) -> list[float]:
        numbers = random.Random(f"{self.config.seed}/{text}")
        return [round(numbers.uniform(-1, 1), 6) for _ in range(EMBEDDING_SIZE)]

    def _next_word(self) -> int:
        self.generations += 1
        return first_word(self.config.seed, self.generations)


def new_id(prefix: str) -> str:
    """Make an id as the gateway does: a prefix and 24 hexadecimal digits."""
    return f"{prefix}-{secrets.token_hex(12)}"


def created() -> int:
    """Return the Unix second that goes into a response body."""
    return int(time.time())


def finish_reason(max_tokens: int | None) -> str:
    """Say why a reply ended: the model itself never stops before the limit that it was given."""
    return "length" if max_tokens else "stop"


def usage(job: Job) -> dict[str, int]:
    """Count a finished job's tokens."""
    return {
        "prompt_tokens": job.prompt_tokens,
        "completion_tokens": job.output_tokens,
        "total_tokens": job.prompt_tokens + job.output_tokens,
    }


def base_url(host: str, port: int) -> str:
    """Write a URL; IPv6 addresses go into brackets."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
