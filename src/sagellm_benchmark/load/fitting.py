"""How many tokens a target makes of a word of ours, by its own counts of two prompts.

In go a probe and what is known of the server; out comes the same with a wording: so many tokens a
word, and so many that its template adds to any prompt. The prompts are the same for everybody and
at any time, so that two runs against one server make the same prompts. With a tokenizer the wording
is known; then both count the two prompts, which tells whether it is the one that the target has.
"""

from __future__ import annotations

from dataclasses import replace

from sagellm_benchmark.config.settings import Settings
from sagellm_benchmark.load.probe import Heard, Probe
from sagellm_benchmark.load.server import SAGELLM, Server
from sagellm_benchmark.trace.prompts import Prompts, Wording
from sagellm_benchmark.trace.row import Row
from sagellm_benchmark.trace.tokenizer import Tokenizer
from sagellm_benchmark.wire.openai import Ask, Endpoint

SHORT_WORDS, LONG_WORDS = 32, 544
"""Words of the two prompts whose tokens are compared."""

_LEAST, _MOST = 0.1, 100.0


def fitted(
    probe: Probe, server: Server, settings: Settings, tokenizer: Tokenizer | None = None
) -> Server:
    """Find out how many tokens the server makes of a word, from a short and a long prompt."""
    if server.unfitted is not None:
        return server
    if settings.endpoint == "embeddings" and server.dialect == SAGELLM:
        return replace(server, unfitted="this gateway counts words of embeddings, not tokens")
    if not server.counts:
        return replace(server, unfitted="its replies carry no usage")
    words = _long_words(server.context_tokens)
    heard = probe.ask(prompt(settings, words))
    tokens = counted(heard)
    if tokens is None:
        why = f"a prompt of {words} words was not counted ({heard.outcome.message or 'no usage'})"
        return replace(server, unfitted=why)
    counts = (*server.counts, (words, tokens))
    server = replace(server, counts=counts)
    if tokenizer is not None:
        recounts = [tokenizer.count(prompt(settings, number).prompt) for number, _ in counts]
        return replace(server, recounts=tuple(recounts))
    wording = fit(*counts)
    if wording is None:
        told = " and ".join(f"{tokens} tokens of {number} words" for number, tokens in counts)
        return replace(server, unfitted=f"its counts make no sense: {told}")
    return replace(server, wording=wording)


def fit(short: tuple[int, int], long: tuple[int, int]) -> Wording | None:
    """The line through two prompts' words and tokens; None where it is no tokenizer's.

    Both prompts begin with the same words, so that what the target adds by itself is in both. The
    ratio is rounded to a thousandth: the same server makes the same prompts again.
    """
    (words, tokens), (more_words, more_tokens) = short, long
    ratio = round((more_tokens - tokens) / (more_words - words), 3)
    if not _LEAST <= ratio <= _MOST:
        return None
    return Wording(ratio, max(0, round(tokens - ratio * words)), "fitted")


def _long_words(context_tokens: int | None) -> int:
    """As many as a small context takes with ease."""
    if context_tokens is None:
        return LONG_WORDS
    return max(2 * SHORT_WORDS, min(LONG_WORDS, context_tokens // 4))


def prompt(settings: Settings, words: int) -> Ask:
    """Ask for one token behind a prompt of so many words."""
    endpoint = Endpoint(settings.endpoint)
    text = Prompts("", None).text(Row(request_id="preflight", input_tokens=words))
    return Ask(
        endpoint=endpoint,
        model=settings.model,
        stream=False,
        prompt=text,
        max_tokens=None if endpoint is Endpoint.EMBEDDINGS else 1,
    )


def counted(heard: Heard) -> int | None:
    """The prompt's tokens by the server; None where it tells none, or 0 for want of a count."""
    return heard.outcome.input_tokens or None
