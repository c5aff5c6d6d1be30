"""May these runs be compared? What their own descriptions say against it.

Sides come in, findings come out, the gravest first: a run that its own verdict calls invalid, then
what makes a difference something else than the target's doing (another trace, seed, machine, way of
counting tokens, a prefix cache that an earlier run filled), then what a reader should know. Runs
that repeat each other must agree as much as sides must.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any, Literal

from sagellm_benchmark.config.options import OPTIONS
from sagellm_benchmark.record.archive import Archive
from sagellm_benchmark.redact import snippet
from sagellm_benchmark.report.comparison.sides import Side

Level = Literal["invalid", "warning", "note"]

_LONGEST = 60
_NOT_LOAD = ("trace", "trace_dir", "seed", "salt", "format", "map", "time_unit")
_ALSO_LOAD = ("model", "model_map", "endpoint", "no_stream", "warmup")
SHAPING = (
    *(one.key for one in OPTIONS if one.group in ("trace", "request") and one.key not in _NOT_LOAD),
    *_ALSO_LOAD,
    *("run_time", "stop_timeout"),
)
"""Options that shape the load."""

Look = Callable[[Archive], Any]


@dataclass(frozen=True)
class Finding:
    """One thing to know before the figures are read.

    Attributes:
        level: `invalid`: a run's figures are not the target's. `warning`: what is compared differs
            in more than the target. `note`: good to know.
        text: One sentence or two.
    """

    level: Level
    text: str


@dataclass(frozen=True)
class _Aspect:
    """What runs must have alike.

    Attributes:
        name: What it is called.
        look: Finds it in a run.
        why: What it does to a comparison.
        level: How grave it is.
    """

    name: str
    look: Look
    why: str
    level: Level = "warning"


_ASPECTS = (
    _Aspect(
        "trace",
        lambda run: _trace(run),
        "Other traffic was sent: a difference may be the traffic's.",
    ),
    _Aspect("seed", lambda run: run.manifest["seed"], "Other prompts or arrivals are drawn."),
    _Aspect(
        "schedule",
        lambda run: _short(run.manifest["schedule_digest"]),
        "Rows, lengths or due times are not the same.",
    ),
    _Aspect(
        "requests that fell due",
        lambda run: run.summary["counts"]["planned"],
        "The runs did not get equally far.",
    ),
    _Aspect(
        "prompt rule", lambda run: run.manifest["prompt_rule"], "Prompts are made another way."
    ),
    _Aspect(
        "tokenizer",
        lambda run: _short((run.manifest["tokenizer"] or {}).get("sha256")),
        "Lengths are not counted alike.",
    ),
    _Aspect(
        "source of token counts",
        lambda run: run.summary["tokens"]["source"],
        "TPOT, ITL and token rates are not counted alike.",
    ),
    _Aspect(
        "version of sagellm-benchmark",
        lambda run: run.manifest["version"],
        "The measuring differs, too.",
    ),
    _Aspect(
        "load generator's machine",
        lambda run: _machine(run.manifest["machine"]),
        "The measuring differs, too.",
    ),
    _Aspect(
        "declared system",
        lambda run: run.manifest["system_declared"],
        "If it is what you compare, fine; else they are different systems.",
    ),
    _Aspect(
        "dialect",
        lambda run: run.manifest["target"]["dialect"],
        "Different kinds of servers answered.",
    ),
    _Aspect(
        "objectives",
        lambda run: run.summary["goodput"]["slo"],
        "Goodput has another meaning on each side.",
    ),
    _Aspect("target", lambda run: run.manifest["target"]["url"], "", "note"),
    _Aspect(
        "server's version", lambda run: (run.manifest["server"] or {}).get("version"), "", "note"
    ),
)


def findings(sides: Sequence[Side]) -> list[Finding]:
    """Everything that speaks against comparing, the gravest first."""
    found = [
        *_verdicts(sides),
        *_salts(sides),
        *(one for aspect in _ASPECTS for one in _differing(aspect, sides)),
        *(one for aspect in map(_option, SHAPING) for one in _differing(aspect, sides)),
        *_order(sides),
    ]
    rank = {"invalid": 0, "warning": 1, "note": 2}
    return sorted(found, key=lambda finding: rank[finding.level])


def _verdicts(sides: Sequence[Side]) -> Iterator[Finding]:
    for side, run in _runs(sides):
        verdict = run.summary["verdict"]
        if verdict["state"] == "valid":
            continue
        why = f": {snippet(verdict['reasons'][0], 200)}" if verdict["reasons"] else ""
        who = f"run {run.run_id} of {side.letter}"
        if verdict["state"] == "invalid":
            yield Finding("invalid", f"{who} is INVALID, its figures are not the target's{why}")
        else:
            yield Finding("warning", f"{who} is warned{why}")


def _salts(sides: Sequence[Side]) -> Iterator[Finding]:
    """Prompts that a server has seen before come out of its prefix cache."""
    for (one, first), (other, second) in combinations(_by_start(sides), 2):
        if _prompts(first) != _prompts(second):
            continue
        yield Finding(
            "warning",
            f"run {first.run_id} of {one.letter} and run {second.run_id} of {other.letter} sent"
            " the same prompts (equal salt) to the same server: unless that was started anew in"
            " between, the second lived off the prefix cache that the first had filled. Use --salt"
            " run.",
        )
        return


def _prompts(run: Archive) -> tuple[Any, ...]:
    manifest = run.manifest
    rows = (manifest["trace"] or {}).get("sha256") or manifest["schedule_digest"]
    return (manifest["target"]["url"], manifest["salt"], manifest["seed"], rows)


def _order(sides: Sequence[Side]) -> Iterator[Finding]:
    """Repeats that all came before the other side's cannot be told from a drift."""
    letters = [side.letter for side, _ in _by_start(sides)]
    turns = sum(a != b for a, b in pairwise(letters))
    if len(letters) > len(sides) and turns == len(sides) - 1 > 0:
        yield Finding(
            "note",
            "each side's runs came in a row: whatever drifted meanwhile looks like a difference."
            " Let the sides take turns.",
        )


def _differing(aspect: _Aspect, sides: Sequence[Side]) -> Iterator[Finding]:
    told = {side.letter: _distinct(map(aspect.look, side.archives)) for side in sides}
    everything = _distinct(value for values in told.values() for value in values)
    if len(everything) < 2:
        return
    values = "; ".join(f"{letter} {' and '.join(map(_told, v))}" for letter, v in told.items())
    mixed = [letter for letter, v in told.items() if len(v) > 1]
    inside = f" Runs of {' and of '.join(mixed)} do not repeat each other." if mixed else ""
    grave: Level = "warning" if mixed else aspect.level
    text = f"{aspect.name} differs: {values}. {aspect.why}".rstrip()
    yield Finding(grave, f"{text}{inside}")


def _option(key: str) -> _Aspect:
    def look(run: Archive) -> Any:
        return run.manifest["settings"].get(key, {}).get("value")

    return _Aspect(f"--{key.replace('_', '-')}", look, "It shapes the load.")


def _distinct(values: Iterable[Any]) -> list[Any]:
    """Each value once, in the order in which they came."""
    found: dict[str, Any] = {}
    for value in values:
        found.setdefault(json.dumps(value, sort_keys=True), value)
    return list(found.values())


def _told(value: Any) -> str:
    if value is None or value == []:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return snippet(text, _LONGEST)


def _trace(run: Archive) -> str | None:
    trace = run.manifest["trace"]
    if trace is None:
        return "own tasks"
    return _short(trace["sha256"]) or "made from --input-tokens"


def _short(digest: str | None) -> str | None:
    """Enough of a digest to tell it from others."""
    return None if digest is None else digest[:12]


def _machine(machine: dict[str, Any]) -> str:
    parts = ("system", "release", "architecture", "cpus", "python")
    words = [str(machine.get(part)) for part in parts]
    return f"{words[0]} {words[1]} {words[2]}, {words[3]} CPUs, Python {words[4]}"


def _runs(sides: Sequence[Side]) -> Iterator[tuple[Side, Archive]]:
    return ((side, archive) for side in sides for archive in side.archives)


def _by_start(sides: Sequence[Side]) -> list[tuple[Side, Archive]]:
    return sorted(_runs(sides), key=lambda pair: pair[1].manifest["started_at"])
