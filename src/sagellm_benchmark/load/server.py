"""What is known of a target: what it said of itself, and what it was seen to do.

Filled by `preflight` before a load and by `experiments` for `check`; read by the plan, `run.json`
and the report. Whatever was not asked, or not told, is None: nothing here is a guess.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.metrics import capacity
from sagellm_benchmark.trace.prompts import ONE_TOKEN_A_WORD, Wording

SAGELLM, PROXY, OPENAI = "sagellm", "sagellm-proxy", "openai"
"""A sageLLM gateway with its control plane; one that hands everything on to an engine; the rest."""

HONOURED, DROPPED, REFUSED, UNCLEAR = "honoured", "dropped", "refused", "unclear"
MEASURED, KNOWN = "measured", "known"

_BEYOND = (
    "seed",
    "stream_options",
    "min_tokens",
    "ignore_eos",
    "top_k",
    "tools",
    "response_format",
)
KNOWN_DROPS = {
    SAGELLM: (*_BEYOND, "top_p", "stop", "n", "presence_penalty", "frequency_penalty", "user"),
    PROXY: _BEYOND,
}
"""Parameters of a chat request that this gateway lets fall, seen behind version 0.5.4.14."""


class RefusalError(UsageError):
    """A load cannot run; what was found out before that goes along.

    Args:
        message: One line for the user.
        server: What is known.
    """

    def __init__(self, message: str, server: Server) -> None:
        super().__init__(message)
        self.server = server


@dataclass(frozen=True)
class Engine:
    """One engine behind a sageLLM gateway, as the gateway lists it.

    Attributes:
        state: The control plane's word; None where there is no control plane.
    """

    engine_id: str
    model: str
    healthy: bool
    state: str | None = None
    kind: str | None = None


@dataclass(frozen=True)
class Sample:
    """One stream: no measurement, but a number of the right size.

    Attributes:
        ttft_ms: From sent to the first token, `connect_ms` of it to connect.
        chunks: Token frames.
        chunks_per_s: Their rate after the first; None for fewer than two.
        finish_reason: As the server named it.
    """

    ttft_ms: float
    connect_ms: float
    chunks: int
    chunks_per_s: float | None
    finish_reason: str | None


@dataclass(frozen=True)
class Parameter:
    """What becomes of one parameter of a request.

    Attributes:
        state: "honoured", "dropped", "refused" or "unclear".
        how: "measured" now, or "known" of this gateway.
        note: What was seen.
    """

    state: str
    how: str
    note: str | None = None


@dataclass(frozen=True, kw_only=True)
class Server:
    """A target.

    Attributes:
        asked: It was asked; else all but the wording is unknown.
        dialect: "sagellm", "sagellm-proxy", "openai", or None where it did not tell.
        name: The product, by its own words.
        version: Its version.
        engines: The engines of a sageLLM gateway; None for any other server.
        models: The models it lists.
        context_tokens: Most tokens of prompt and reply together.
        wording: How prompts are made for it.
        unfitted: Why the wording is assumed and not fitted.
        counts: The words and tokens of the prompts that the wording was fitted to.
        recounts: The tokens of the same prompts by `--tokenizer`.
        usage: Whether whole replies and streams come with token counts.
        sample: One stream.
        parameters: What becomes of request parameters, by name.
        cut_reason: The finish_reason of a reply that max_tokens cut.
        hides_failures: A request that failed was answered with HTTP 200.
        any_model: It answers to a model's name that nobody has.
        echoes_request_id: X-Request-ID comes back.
        skipped: Questions that the time did not reach, by name.
        gets: Pages asked for.
        requests: Requests sent to a model.
        seconds: How long all that took.
        others: What the other targets of the run said, where there are several.
    """

    asked: bool = False
    dialect: str | None = None
    name: str | None = None
    version: str | None = None
    engines: tuple[Engine, ...] | None = None
    models: tuple[str, ...] = ()
    context_tokens: int | None = None
    wording: Wording = ONE_TOKEN_A_WORD
    unfitted: str | None = None
    counts: tuple[tuple[int, int], ...] = ()
    recounts: tuple[int, ...] = ()
    usage: dict[str, bool | None] = field(default_factory=lambda: {"whole": None, "stream": None})
    sample: Sample | None = None
    parameters: dict[str, Parameter] = field(default_factory=dict)
    cut_reason: str | None = None
    hides_failures: bool | None = None
    any_model: bool | None = None
    echoes_request_id: bool | None = None
    skipped: tuple[str, ...] = ()
    gets: int = 0
    requests: int = 0
    seconds: float = 0.0
    others: tuple[Server, ...] = ()

    @property
    def ready(self) -> tuple[str, ...]:
        """The models that it serves now; empty where nobody knows."""
        if self.engines is None:
            return self.models
        return tuple(engine.model for engine in self.engines if engine.healthy)

    @property
    def cap(self) -> dict[str, float] | None:
        """What one process of a sageLLM gateway carries; None for any other server."""
        if self.dialect not in (SAGELLM, PROXY):
            return None
        return {
            # The engines' connections are the control plane's: without it nobody counts them.
            "streams": capacity.STREAMS if self.dialect == SAGELLM else None,
            "requests_per_s": capacity.REQUESTS_PER_S,
            "tokens_per_s": capacity.TOKENS_PER_S,
        }

    def describe(self) -> dict[str, Any]:
        """All of it for JSON, by the names of the attributes; the words are in `docs/check.md`."""
        words = self.wording
        found = asdict(replace(self, wording=ONE_TOKEN_A_WORD, others=()))
        for key in ("wording", "unfitted", "counts", "recounts"):
            del found[key]
        counts = [{"words": number, "tokens": tokens} for number, tokens in self.counts]
        for count, tokens in zip(counts, self.recounts, strict=False):
            count["by_tokenizer"] = tokens
        found["tokens"] = {
            "per_word": words.tokens_per_word,
            "template": words.template_tokens,
            "source": words.source,
            "why": self.unfitted,
            "counts": counts,
        }
        others = [server.describe() for server in self.others]
        return {**found, "cap": self.cap, "others": others}
