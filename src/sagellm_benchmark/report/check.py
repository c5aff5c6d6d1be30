"""What `check` prints: what a target is and does, and what that means for the figures of a run.

In goes the object that `check --json` prints; out comes text, 80 columns wide where the content
allows. What was seen now and what is known of the gateway are kept apart.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sagellm_benchmark.report import figures
from sagellm_benchmark.report import target as targets

WIDTH = 80
_INDENT = 12

Facts = Mapping[str, Any]


def check_text(found: Facts) -> str:
    """The lines of a check; of one that ended early those that are known, without conclusions."""
    server = found["server"]
    lines = [targets.identity(server), *_line("at", [found["target"]])]
    for label, parts in _facts(server):
        lines += _line(label, parts)
    for note in notes(server) if found["ready"] else ():
        lines += textwrap.wrap(note, WIDTH, initial_indent="! ", subsequent_indent="  ")
    return "\n".join(lines) + "\n"


def _facts(found: Facts) -> Iterator[tuple[str, list[str]]]:
    if found["engines"] is not None:
        yield "engines", [targets.engines(found), *map(_engine, found["engines"][:5])]
    if found["models"]:
        yield "models", [targets.listed(found["models"])]
    if found["usage"]["whole"] is not None:
        yield "usage", _usage(found["usage"])
        yield "tokens", [targets.wording(found["tokens"])]
    yield "context", [targets.context(found).removeprefix("context ")]
    if found["sample"] is not None:
        yield "one stream", _sample(found["sample"])
    yield from _parameters(found["parameters"])
    if found["echoes_request_id"] is not None:
        yield "request ids", ["come back" if found["echoes_request_id"] else "do not come back"]
    if found["skipped"]:
        yield "not asked", [f"{', '.join(found['skipped'])}: the time was over"]
    yield (
        "asked",
        [
            figures.plural(found["gets"], "page"),
            f"{figures.plural(found['requests'], 'small request')}",
            f"in {figures.duration(found['seconds'])}",
        ],
    )


def _engine(engine: Facts) -> str:
    state = engine["state"] or ("healthy" if engine["healthy"] else "unhealthy")
    return f"{engine['engine_id']}: {engine['model']} ({state})"


def _usage(usage: Facts) -> list[str]:
    words = {True: "with token counts", False: "without token counts"}
    names = (("whole", "whole replies"), ("stream", "streams"))
    return [f"{name} {words[usage[key]]}" for key, name in names if usage[key] is not None]


def _sample(sample: Facts) -> list[str]:
    rate = sample["chunks_per_s"]
    parts = [f"TTFT {figures.measure(sample['ttft_ms'])} ms"]
    if sample["connect_ms"] >= 1:
        parts[0] += f" ({figures.measure(sample['connect_ms'])} ms of it to connect)"
    parts.append(figures.plural(sample["chunks"], "chunk"))
    if rate is not None:
        parts[1] += f" at {figures.measure(rate)}/s"
    return [*parts, f"finish_reason {sample['finish_reason'] or 'none'}", "one sample"]


def _parameters(parameters: Facts) -> Iterator[tuple[str, list[str]]]:
    """A line for each state, what was seen before what is known."""
    order = (
        ("honoured", "measured"),
        ("dropped", "measured"),
        ("dropped", "known"),
        ("refused", "measured"),
        ("unclear", "measured"),
    )
    for state, how in order:
        found = [
            name
            for name, each in parameters.items()
            if (each["state"], each["how"]) == (state, how)
        ]
        if found and how == "known":
            found[0] = f"known of this gateway, not measured: {found[0]}"
        if found and state == "unclear":
            found = [f"{name}: {parameters[name]['note']}" for name in found]
        if found:
            yield state, found


def notes(found: Facts) -> list[str]:
    """What the findings mean for a run's figures, a sentence or two each."""
    return [text for text in (*_gateway(found), *_answers(found)) if text]


def _gateway(found: Facts) -> Iterator[str]:
    cap = found["cap"]
    if cap is None:
        return
    at_once = f"{cap['streams']:g} requests at once, " if cap["streams"] else ""
    yield (
        f"Known of this gateway: one process of it carries {at_once}some "
        f"{cap['requests_per_s']:g} stream requests/s or {cap['tokens_per_s']:,g} tokens/s; beyond "
        "that you measure the gateway."
    )
    if found["dialect"] == "sagellm":
        yield (
            "Known of this gateway: a stream that its engine ends early looks like a success. "
            "short_output counts such replies, --output-length exact makes them failures."
        )
    else:
        yield (
            "Known of this gateway: an engine that fails in a stream shows as HTTP 200 with an "
            "error in the stream; such requests are counted as stream_error."
        )


def _answers(found: Facts) -> Iterator[str]:
    if found["hides_failures"]:
        yield (
            "A stream to a model that nobody has is answered with HTTP 200 and an error in its "
            "text: the status says nothing, and whoever counts by it counts successes. Here such "
            "requests are stream_error."
        )
    if found["any_model"]:
        yield "It answers to any model's name: a wrong --model would not be found."
    if found["usage"]["stream"] is False:
        yield (
            "Streams carry no token counts: output tokens are counted in chunks, a lower bound. "
            "With --no-stream they are the server's."
        )
    if found["cut_reason"] not in (None, "length"):
        yield (
            f"A reply that max_tokens cut ends with finish_reason {found['cut_reason']}: it looks "
            "like one that ended by itself."
        )
    if found["requests"] and found["context_tokens"] is None:
        yield (
            "The model's context is not told: --max-input-tokens N finds rows that are too long "
            "before the load."
        )


def _line(label: str, parts: Iterable[str]) -> list[str]:
    """A label and its parts, broken between parts where they do not fit."""
    lines = figures.pack(parts, WIDTH - _INDENT - 2)
    labels = [f"  {label}", *[""] * len(lines)]
    return [f"{name:<{_INDENT + 2}}{text}" for name, text in zip(labels, lines, strict=False)]
