"""What is known of a target, in words.

In goes the object that `check --json` prints and `run.json` holds as `server`; out come short parts
of lines, for the plan and for `check`. What nobody knows is said to be unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sagellm_benchmark.redact import snippet
from sagellm_benchmark.report import figures

Facts = Mapping[str, Any]

_NAME = 80

_KINDS = {
    "sagellm": "with its control plane",
    "sagellm-proxy": "as a direct proxy",
    "openai": "OpenAI-compatible",
}


def identity(server: Facts) -> str:
    """What kind of server it is, its name and version."""
    name = " ".join(part for part in (server["name"], server["version"]) if part)
    kind = _KINDS.get(server["dialect"])
    if kind is None:
        return f"{name}, of unknown dialect" if name else "of unknown dialect"
    if not name:
        return kind
    return f"{name}, {kind}" if server["dialect"] == "openai" else f"{name} {kind}"


def known(server: Facts) -> list[str]:
    """The line of the plan: who it is and what a load can count on."""
    if not server["asked"]:
        return ["not asked: its model, its engines and the key are taken on trust"]
    parts = [identity(server)]
    if server["engines"] is not None:
        parts.append(engines(server))
    return [*parts, context(server)]


def engines(server: Facts) -> str:
    """How many of its engines are healthy."""
    listed = server["engines"]
    healthy = sum(engine["healthy"] for engine in listed)
    return f"{healthy:,} of {figures.plural(len(listed), 'engine')} healthy"


def context(server: Facts) -> str:
    """How much a prompt and its reply may hold."""
    tokens = server["context_tokens"]
    return "context unknown" if tokens is None else f"context {tokens:,} tokens"


def wording(tokens: Facts, asked: bool = True) -> str:
    """How many tokens a word of a made prompt is taken for, and on whose word."""
    if tokens["source"] == "tokenizer":
        return _by_tokenizer(tokens, asked)
    ratio = f"{tokens['per_word']:g} token{'' if tokens['per_word'] == 1 else 's'} a word"
    if tokens["source"] == "option":
        return f"{ratio} (--tokens-per-word)"
    if tokens["source"] == "assumed":
        why = tokens["why"] or ("" if asked else "the target was not asked")
        return f"{ratio}, assumed: {why}" if why else f"{ratio}, assumed"
    template = f" and {tokens['template']} for its template" if tokens["template"] else ""
    return f"{ratio}{template}, as the target counts"


def otherwise(tokens: Facts) -> tuple[int, int] | None:
    """Tokens of one text by the target and by the tokenizer, where they do not count alike."""
    added = {count["tokens"] - count["by_tokenizer"] for count in _recounted(tokens)}
    if len(added) == 0 or (len(added) == 1 and min(added) >= 0):
        return None
    longest = tokens["counts"][-1]
    return longest["tokens"], longest["by_tokenizer"]


def _recounted(tokens: Facts) -> list[Facts]:
    return [count for count in tokens["counts"] if "by_tokenizer" in count]


def _by_tokenizer(tokens: Facts, asked: bool) -> str:
    exact = "a token a word of --tokenizer"
    if otherwise(tokens):
        return f"{exact}, and the target counts otherwise"
    if not _recounted(tokens):
        why = tokens["why"] or ("" if asked else "the target was not asked")
        return f"{exact}, unchecked: {why}" if why else exact
    added = tokens["counts"][0]["tokens"] - tokens["counts"][0]["by_tokenizer"]
    return f"{exact}, and {added} more by the target for its template" if added else exact


def models(recorded: Mapping[str, int], renamed: Mapping[str, str]) -> list[str]:
    """The models that rows name, the frequent ones first, with their new names and their rows."""
    found = []
    for name in sorted(recorded, key=lambda name: (-recorded[name], name)):
        sent = f" as {snippet(renamed[name])}" if name in renamed else ""
        found.append(f"{snippet(name, _NAME)}{sent} ({recorded[name]:,})")
    return found


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first few of a list of names."""
    shown = ", ".join(names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
