"""Ask the target a few questions before any load, so that a run that cannot work never starts.

In go a target and the settings of a run; out comes what kind of server it is and how many tokens it
makes of a word. Everything found wrong is one line and exit code 2. These requests are no part of
the run: no record, no count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sagellm_benchmark.config.settings import Settings
from sagellm_benchmark.load.agreement import agreed
from sagellm_benchmark.load.fitting import SHORT_WORDS, counted, fitted, prompt
from sagellm_benchmark.load.probe import Heard, Probe
from sagellm_benchmark.load.server import (
    OPENAI,
    PROXY,
    SAGELLM,
    Engine,
    RefusalError,
    Server,
)
from sagellm_benchmark.load.target import Target
from sagellm_benchmark.redact import snippet
from sagellm_benchmark.trace.prompts import Wording
from sagellm_benchmark.trace.tokenizer import Tokenizer
from sagellm_benchmark.wire.states import Status

ALIASES = ("default", "sage-default", "sage-rag")
"""Model names that the sageLLM gateway resolves itself."""

CONTEXT_KEYS = ("max_model_len", "context_length", "context_window", "max_context_length")
"""How servers call a model's context in GET /v1/models: vLLM and SGLang, then hosted ones."""

_TOTAL_S = 45.0
_EACH_S = 30.0
_GATEWAY = "sageLLM Gateway"
_OWNERS = {"vllm": "vLLM", "sglang": "SGLang", "llamacpp": "llama.cpp"}
_ALL_THE_SAME = "(run --no-preflight sends the load all the same)"


def ask(
    target: Target, settings: Settings, *, fit: bool, tokenizer: Tokenizer | None = None
) -> Server:
    """Check that the target answers, takes the key, knows the model and can serve it.

    Args:
        target: Whom to ask.
        settings: What the run was told.
        fit: Prompts are made: find out how many tokens a word of them is.
        tokenizer: Makes them; it and the target count alike, or the plan tells.

    Raises:
        UsageError: The target cannot serve the load, or nobody answers.
    """
    probe = Probe(target, settings, total_s=_TOTAL_S, each_s=_EACH_S)
    server = introduced(probe, settings)
    check_served(server, target, settings)
    wording = pinned(settings, tokenizer)
    if settings.model is None:
        why = "no --model to ask for"
        server = replace(server, wording=wording, unfitted=why if fit else None)
    else:
        server, _ = greeted(probe, server, settings)
        server = replace(server, wording=wording)
        if fit and wording.source != "option":
            server = fitted(probe, server, settings, tokenizer)
    return accounted(probe, server)


def ask_all(
    targets: Sequence[Target], settings: Settings, *, fit: bool, tokenizer: Tokenizer | None = None
) -> Server:
    """Ask each of several targets; prompts are fitted to the first, since they are alike.

    Raises:
        UsageError: As `ask` of one of them; or they are not alike.
    """
    first, *others = targets
    servers = [ask(first, settings, fit=fit, tokenizer=tokenizer)]
    servers += [ask(other, settings, fit=False) for other in others]
    return agreed(targets, servers)


def pinned(settings: Settings, tokenizer: Tokenizer | None) -> Wording:
    """The wording before anybody was asked: a tokenizer's, `--tokens-per-word`'s, or one a word."""
    if tokenizer is not None:
        return Wording.exact(tokenizer)
    ratio = settings.tokens_per_word
    return Wording() if ratio is None else Wording(ratio, source="option")


def accounted(probe: Probe, server: Server) -> Server:
    """The same, with what it took to find out."""
    seconds = round(probe.spent_s, 3)
    return replace(server, gets=probe.gets, requests=probe.requests, seconds=seconds)


# Who is it?


def introduced(probe: Probe, settings: Settings) -> Server:
    """Ask for the server's own pages.

    Raises:
        UsageError: It does not answer, or not us.
    """
    url = probe.target.url
    page = probe.get("/v1/models")
    said = snippet(page.body, 120, probe.secrets)
    software = page.headers.get("server")
    if page.status in (401, 403):
        raise RefusalError(
            _key_words(probe.target, settings, page.status, said), Server(asked=True)
        )
    if page.status >= 500:
        words = f"--host {url}: answers GET /v1/models with HTTP {page.status}: {said}"
        raise RefusalError(f"{words} {_ALL_THE_SAME}", Server(asked=True))
    listed = [entry for entry in page.entries("data") if "id" in entry]
    models = tuple(probe.clean(entry["id"]) for entry in listed)
    owners = {str(entry.get("owned_by")) for entry in listed}
    name = next((_OWNERS[owner] for owner in owners if owner in _OWNERS), software)
    found = Server(
        asked=True,
        dialect=OPENAI if models else None,
        name=probe.clean(name) if name else None,
        models=models,
        context_tokens=_context(listed),
    )
    return _gateway(probe, found) if not listed or "sagellm" in owners else found


def _gateway(probe: Probe, found: Server) -> Server:
    """A server that may be a sageLLM gateway, with or without its control plane."""
    root = probe.get("/").object()
    known = root.get("service") == _GATEWAY
    if known:
        version = probe.clean(root["version"]) if "version" in root else None
        found = replace(found, name=_GATEWAY, version=version)
    for path, dialect in (("/v1/management/engines", SAGELLM), ("/v1/router/engines", PROXY)):
        page = probe.get(path)
        if page.status == 200 and isinstance(page.object().get("engines"), list):
            engines = tuple(_engine(probe, entry) for entry in page.entries("engines"))
            return replace(found, dialect=dialect, engines=engines)
        if not known:
            break
    return found


def _engine(probe: Probe, entry: dict[str, Any]) -> Engine:
    told = {key: probe.clean(value) for key, value in entry.items() if value is not None}
    return Engine(
        engine_id=told.get("engine_id", "?"),
        model=told.get("model_id", "?"),
        healthy=entry.get("is_healthy", entry.get("healthy")) is True,
        state=told.get("state"),
        kind=told.get("engine_kind"),
    )


def _context(listed: list[dict[str, Any]]) -> int | None:
    """The context of all listed models; None where they differ or do not tell."""
    told = {entry[key] for entry in listed for key in CONTEXT_KEYS if type(entry.get(key)) is int}
    return told.pop() if len(told) == 1 and min(told) > 0 else None


# Can it serve?


def check_served(server: Server, target: Target, settings: Settings) -> None:
    """Hold what the server lists against what the run wants.

    Raises:
        RefusalError: It has no engine for it, or does not know the model.
    """
    model = settings.model
    if server.engines is not None:
        _check_engines(server, target, model)
        if settings.endpoint == "completions" and not settings.no_stream:
            raise RefusalError(
                f"--endpoint completions: this sageLLM gateway streams no text completions: write "
                f"--no-stream {_ALL_THE_SAME}",
                server,
            )
    elif model and server.models and model not in server.models:
        raise RefusalError(
            f"--model {model}: the target does not list it; it has {names(server.models)} "
            f"{_ALL_THE_SAME}",
            server,
        )


def _check_engines(server: Server, target: Target, model: str | None) -> None:
    # The gateway answers 200 to every stream, also with no engine behind it: only this tells.
    ready = [engine.model for engine in server.engines if engine.healthy]
    if not ready:
        again = "start one, or register it again"
        if server.dialect == PROXY and server.engines:
            again = (
                "one failed request marks it so for good: start it, and PATCH "
                f"/v1/router/engines/{server.engines[0].engine_id}/health?healthy=true"
            )
        raise RefusalError(
            f"--host {target.url}: this sageLLM gateway has no healthy engine "
            f"({len(server.engines)} registered): {again}",
            server,
        )
    if model and model not in ready and model not in ALIASES:
        raise RefusalError(
            f"--model {model}: no healthy engine serves it behind {target.url}; "
            f"ready are {names(ready)}",
            server,
        )


def names(known: list[str] | tuple[str, ...]) -> str:
    """The first few of a list of names."""
    shown = ", ".join(dict.fromkeys(known[:5]))
    return shown + (f" and {len(known) - 5} more" if len(known) > 5 else "")


# Does it answer?


def greeted(probe: Probe, server: Server, settings: Settings) -> tuple[Server, Heard]:
    """Send one small request, whole: whatever a load would meet at once is met here.

    Raises:
        RefusalError: It is refused, fails, or nobody answers it.
    """
    heard = probe.ask(prompt(settings, SHORT_WORDS))
    if server.dialect != SAGELLM and _may_pass(heard):  # that one has tried four times itself
        heard = probe.ask(prompt(settings, SHORT_WORDS))
    words = refusal(heard, probe.target, settings)
    if words is not None:
        raise RefusalError(words, accounted(probe, server))
    if heard.outcome.http_status == 429:
        return replace(server, unfitted="it answers HTTP 429"), heard
    tokens = counted(heard)
    return replace(
        server,
        dialect=server.dialect or OPENAI,
        usage={**server.usage, "whole": tokens is not None},
        echoes_request_id=heard.echoed,
        counts=() if tokens is None else ((SHORT_WORDS, tokens),),
    ), heard


def _may_pass(heard: Heard) -> bool:
    """Whether to try once more: a server may stumble once, a refusal or a silence stays."""
    outcome = heard.outcome
    if answers(heard) or outcome.status in (Status.TIMEOUT, Status.CONNECT_ERROR):
        return False
    return outcome.http_status is None or not 400 <= outcome.http_status < 500


def answers(heard: Heard) -> bool:
    """Whether a model answered, be it with a token that is no text."""
    outcome = heard.outcome
    return outcome.status is Status.OK or outcome.reason == "empty"


def refusal(heard: Heard, target: Target, settings: Settings) -> str | None:
    """Say why a load would fail as this request did; None where it would not."""
    outcome = heard.outcome
    if answers(heard) or outcome.http_status == 429:
        return None
    if outcome.http_status in (401, 403):
        return _key_words(target, settings, outcome.http_status, outcome.message or "")
    failed = f"{outcome.status.value}: {outcome.message}"
    return (
        f"--host {target.url}: a first small request to {settings.model} fails, {failed} "
        f"{_ALL_THE_SAME}"
    )


def _key_words(target: Target, settings: Settings, status: int, said: str) -> str:
    way = "name the variable that holds the key with --api-key-env VAR"
    if settings.api_key_env is not None:
        way = f"it does not take the key in {settings.api_key_env}"
    return f"--host {target.url}: refuses us with HTTP {status}: {way} ({said})"
