"""What a target does with a request, found out by small requests whose effect can be seen outside.

In go a target, a model and a key; out comes all that `check` tells. Each experiment is one to three
requests of a few tokens; together with the preflight they take about ten seconds at most. What
cannot be seen stays "unclear"; what is known of the sageLLM gateway is said to be known, never to
be measured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sagellm_benchmark.clock import NS_PER_MS, NS_PER_S
from sagellm_benchmark.config.settings import Settings
from sagellm_benchmark.load.fitting import fitted
from sagellm_benchmark.load.preflight import (
    accounted,
    answers,
    check_served,
    greeted,
    introduced,
    names,
    refusal,
)
from sagellm_benchmark.load.probe import Heard, Probe
from sagellm_benchmark.load.server import (
    DROPPED,
    HONOURED,
    KNOWN,
    KNOWN_DROPS,
    MEASURED,
    REFUSED,
    UNCLEAR,
    Parameter,
    RefusalError,
    Sample,
    Server,
)
from sagellm_benchmark.load.target import Target
from sagellm_benchmark.wire.openai import Ask, Endpoint
from sagellm_benchmark.wire.outcome import Outcome
from sagellm_benchmark.wire.states import Status

TOTAL_S = 14.0
EACH_S = 7.0
LEAST_S = 1.0
"""With less time left no further experiment is begun."""

TOKENS = 16
NOBODY = "preflight-no-such-model"
_LONG = "Count from one to fifty, in words."
_BRIEF = "Answer with one word, yes or no: is water wet?"
_STOPS = [" ", "e", "a", "o"]
"""Hardly any text of a few words does without all of these."""

_ENOUGH = 24
_SEEDS = (11, 11, 12)


def examine(target: Target, settings: Settings) -> Server:
    """Ask a target everything.

    Args:
        target: Whom to ask.
        settings: The model, the endpoint, the key and the headers.

    Raises:
        RefusalError: A load cannot run; it holds what was found out so far.
        UsageError: Nobody answers.
    """
    probe = Probe(target, settings, total_s=TOTAL_S, each_s=EACH_S)
    try:
        server = _introduced(probe, target, settings)
        server, first = greeted(probe, server, settings)
        server = fitted(probe, server, settings)
        if settings.endpoint != "embeddings":
            server = _Experiments(probe, settings, server, first).all()
    except RefusalError as refused:
        raise RefusalError(str(refused), accounted(probe, refused.server)) from None
    return accounted(probe, server)


def _introduced(probe: Probe, target: Target, settings: Settings) -> Server:
    server = introduced(probe, settings)
    if settings.model is None:
        has = f"; the target has {names(server.models)}" if server.models else ""
        raise RefusalError(f"--model is missing: write --model M{has}", server)
    check_served(server, target, settings)
    return server


class _Experiments:
    """The experiments, one after the other, and what is known after each.

    Args:
        probe: Who asks.
        settings: The model and the endpoint.
        server: What is known already.
        first: The first answer.
    """

    def __init__(self, probe: Probe, settings: Settings, server: Server, first: Heard) -> None:
        self._probe = probe
        self._settings = settings
        self._server = server
        self._first = first
        self._text = ""

    def all(self) -> Server:
        steps: dict[str, Callable[[], None]] = {
            "sample": self._sample,
            "unknown model": self._nobody,
            "stop": self._stop,
            "n": self._choices,
            "min_tokens": self._least,
            "seed": self._seed,
        }
        for name, step in steps.items():
            if self._probe.left_s < LEAST_S:
                self._server = replace(self._server, skipped=(*self._server.skipped, name))
            else:
                step()
        self._tell_known()
        return self._server

    def _ask(self, prompt: str, max_tokens: int, **more: Any) -> Heard:
        ask = {"stream": False, "model": self._settings.model, **more}
        return self._probe.ask(
            Ask(
                endpoint=Endpoint(self._settings.endpoint),
                prompt=prompt,
                max_tokens=max_tokens,
                **ask,
            )
        )

    def _find(self, name: str, state: str, note: str | None = None) -> None:
        found = Parameter(state, MEASURED, note)
        parameters = {**self._server.parameters, name: found}
        self._server = replace(self._server, parameters=parameters)

    def _refused(self, name: str, heard: Heard) -> bool:
        """Note a request that got no answer, refused for its parameter or failed otherwise."""
        if answers(heard):
            return False
        status = heard.outcome.http_status or 0
        refused = 400 <= status < 500 and status != 429
        self._find(name, REFUSED if refused else UNCLEAR, heard.outcome.message)
        return True

    # The experiments

    def _sample(self) -> None:
        """One stream of a few tokens; of whole replies the text is what matters."""
        streams = not self._settings.no_stream
        heard = self._ask(_LONG, TOKENS, stream=streams)
        outcome = heard.outcome
        if not answers(heard):
            words = refusal(heard, self._probe.target, self._settings)
            if words is not None:
                raise RefusalError(words, self._server)
            return
        self._text = outcome.text
        if streams:
            told = bool(outcome.input_tokens or outcome.output_tokens)
            usage = {**self._server.usage, "stream": told}
            self._server = replace(self._server, usage=usage, sample=_sample(self._probe, outcome))
            self._find("stream_options", HONOURED if told else DROPPED, "include_usage")
        self._limit(outcome, streams)

    def _limit(self, outcome: Outcome, streams: bool) -> None:
        """Whether max_tokens was kept to, and whether the reply says that it was cut."""
        made = outcome.output_tokens or (outcome.chunks if streams else 0)
        first = self._first.outcome.output_tokens
        if made > TOKENS:
            self._find("max_tokens", DROPPED, f"{made} tokens came where {TOKENS} were the limit")
        elif made == TOKENS or outcome.finish_reason == "length" or first == 1:
            self._find("max_tokens", HONOURED)
        else:
            self._find("max_tokens", UNCLEAR, f"the reply ended by itself after {made} tokens")
        if made == TOKENS and outcome.finish_reason is not None:
            self._server = replace(
                self._server, cut_reason=self._probe.clean(outcome.finish_reason)
            )

    def _nobody(self) -> None:
        """A model that nobody has: is the failure one by its HTTP status?"""
        heard = self._ask(_BRIEF, 1, stream=not self._settings.no_stream, model=NOBODY)
        outcome = heard.outcome
        if answers(heard):
            self._server = replace(self._server, any_model=True)
            return
        if outcome.http_status is None:
            return  # nothing came: it says nothing about failures that do come
        hidden = outcome.status is Status.STREAM_ERROR and outcome.http_status == 200
        self._server = replace(self._server, any_model=False, hides_failures=hidden)

    def _stop(self) -> None:
        heard = self._ask(_LONG, TOKENS, extra={"stop": _STOPS})
        if self._refused("stop", heard):
            return
        if any(stop in heard.outcome.text for stop in _STOPS):
            self._find("stop", DROPPED)
        elif any(stop in self._text for stop in _STOPS):
            self._find("stop", HONOURED)
        else:
            self._find("stop", UNCLEAR, "no reply held what should have stopped it")

    def _choices(self) -> None:
        heard = self._ask(_LONG, 1, extra={"n": 2})
        if not self._refused("n", heard):
            self._find("n", HONOURED if len(heard.page.entries("choices")) == 2 else DROPPED)

    def _least(self) -> None:
        """`min_tokens` and `ignore_eos`, which `--output-length exact` counts on."""
        made = self._ask(_BRIEF, _ENOUGH).outcome.output_tokens
        if not made:
            self._find("min_tokens", UNCLEAR, "replies carry no usage to tell it by")
        elif made >= _ENOUGH:
            self._contradict()
        else:
            heard = self._ask(_BRIEF, _ENOUGH, exact=True)
            if self._refused("min_tokens", heard):
                return
            long = (heard.outcome.output_tokens or 0) >= _ENOUGH
            for name in ("min_tokens", "ignore_eos"):
                self._find(name, HONOURED if long else DROPPED)

    def _contradict(self) -> None:
        """Replies are long anyway: does it at least read the least length?"""
        heard = self._ask(_BRIEF, 1, extra={"min_tokens": 2})
        status = heard.outcome.http_status or 0
        if 400 <= status < 500 and status != 429:
            self._find("min_tokens", HONOURED, "more of them than max_tokens is refused")
        else:
            self._find("min_tokens", UNCLEAR, "replies are as long as they may be anyway")

    def _seed(self) -> None:
        texts = []
        for seed in _SEEDS:
            heard = self._ask(_LONG, 8, temperature=1.0, extra={"seed": seed})
            if self._refused("seed", heard):
                return
            texts.append(heard.outcome.text)
        same, again, other = texts
        if same != again:
            self._find("seed", DROPPED, "two replies with one seed differ")
        elif same != other:
            self._find("seed", HONOURED)
        else:
            self._find("seed", UNCLEAR, "replies are the same whatever the seed")

    def _tell_known(self) -> None:
        """Fill in what is known of this gateway where nothing could be seen."""
        found = dict(self._server.parameters)
        for name in KNOWN_DROPS.get(self._server.dialect or "", ()):
            if name not in found or found[name].state == UNCLEAR:
                found[name] = Parameter(DROPPED, KNOWN)
        self._server = replace(self._server, parameters=found)


def _sample(probe: Probe, outcome: Outcome) -> Sample | None:
    first, sent = outcome.first_token_ns, outcome.sent_ns
    if first is None or sent is None:
        return None
    span_ns = (outcome.last_token_ns or first) - first
    rate = round((outcome.chunks - 1) * NS_PER_S / span_ns, 1) if span_ns else None
    return Sample(
        ttft_ms=round((first - sent) / NS_PER_MS, 2),
        connect_ms=round(((outcome.connected_ns or sent) - sent) / NS_PER_MS, 2),
        chunks=outcome.chunks,
        chunks_per_s=rate,
        finish_reason=probe.clean(outcome.finish_reason) if outcome.finish_reason else None,
    )
