"""What a run is about to do, in one block of text, before any load.

A plan, the settings and the names of target and run directory come in; lines of plain text go out,
80 columns wide where the content allows. Every setting stands in the block: what the user said,
with where it was said, and every default in force. What looks like a mistake follows as lines that
begin with "!".
"""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sagellm_benchmark.config.settings import Settings
from sagellm_benchmark.record.scrapes import INTERVAL_S
from sagellm_benchmark.redact import snippet
from sagellm_benchmark.report import figures, sizing
from sagellm_benchmark.report import target as targets
from sagellm_benchmark.report.cautions import cautions
from sagellm_benchmark.report.estimates import disk_bytes, peak_streams
from sagellm_benchmark.schedule.dependents import Dependents
from sagellm_benchmark.schedule.lengths import CLIP, DROP
from sagellm_benchmark.schedule.peaks import FIRST_TOKEN_S, TOKEN_S
from sagellm_benchmark.schedule.plan import Plan

WIDTH = 80

_INDENT = 12


def plan_block(plan: Plan | None, settings: Settings, **more: Any) -> str:
    """The lines of `plan_lines` as one text that ends in a line break."""
    return "\n".join(plan_lines(plan, settings, **more)) + "\n"


def plan_lines(
    plan: Plan | None,
    settings: Settings,
    *,
    run_dir: str,
    hosts: Sequence[str],
    server: Mapping[str, Any],
    remarks: Sequence[str] = (),
) -> list[str]:
    """Say what will happen.

    Args:
        plan: What will be sent; None where a user's own tasks decide.
        settings: What the run was told.
        run_dir: Where its files will lie.
        hosts: Where the requests go.
        server: What is known of it, as `run.json` holds it.
        remarks: What else a person must know before the load.
    """
    lines = ["What will happen", *_line("target", _hosts(hosts, plan))]
    lines += _line("server", _servers(server, hosts))
    if plan is None:
        lines += _line("load", ["your own tasks, for as long as Locust runs them"])
    else:
        for label, parts in _facts(plan, settings, server, run_dir):
            lines += _line(label, parts)
    lines += _line("you set", _given(settings) or ["nothing"], "  ")
    lines += _line("defaults", _defaults(settings, replay=plan is not None), "  ")
    for text in (*remarks, *(() if plan is None else cautions(plan, settings, server))):
        lines += textwrap.wrap(text, WIDTH, initial_indent="! ", subsequent_indent="  ")
    return lines


def _hosts(hosts: Sequence[str], plan: Plan | None) -> list[str]:
    shown = [snippet(host) for host in hosts]
    if len(hosts) > 1:
        each = "user" if plan is None else "session"
        shown.append(f"in turn, a {each} stays with one")
    return shown


def _servers(server: Mapping[str, Any], hosts: Sequence[str]) -> list[str]:
    alike = [f"{len(hosts) - 1} more like it"] if server["asked"] and len(hosts) > 1 else []
    return [*targets.known(server), *alike]


def _facts(
    plan: Plan, settings: Settings, server: Mapping[str, Any], run_dir: str
) -> Iterator[tuple[str, list[str]]]:
    yield "rows", _rows(plan)
    if settings.model is None:
        known = {name: rows for name, rows in plan.models.items() if name is not None}
        named = targets.models(known, settings.model_map or {})
        yield "models", [targets.listed(named)]
    if plan.dependents is not None:
        yield "sessions", _sessions(plan.dependents)
    if plan.made_prompts:
        yield "prompts", ["made to length", targets.wording(server["tokens"], server["asked"])]
    if limits := plan.lengths.words():
        yield "lengths", [f"{limits}: {_too_long(plan)}"]
    if not settings.untimed:
        yield "arrivals", _arrivals(plan)
    yield "tokens", _tokens(plan, settings)
    yield "streams", _streams(plan, settings)
    yield "lasts", _lasts(plan, settings)
    yield "workers", _workers(plan, settings)
    each = " a round" if plan.times > 1 else ""
    size = figures.size(disk_bytes(plan, settings))
    yield "disk", [f"about {size} of records{each} in {run_dir}"]


def _rows(plan: Plan) -> list[str]:
    parts = [figures.plural(plan.rows, "request")]
    if plan.times > 1:
        parts.append("again and again" if plan.times == math.inf else f"{plan.times:,} times over")
    if plan.sessions:
        parts.append(figures.plural(plan.sessions, "session"))
    left_out = sum(plan.drops.values())
    if left_out:
        reasons = ", ".join(f"{reason} {number:,}" for reason, number in plan.drops.items())
        parts.append(f"left out: {left_out:,} ({reasons})")
    if recorded := plan.rows - plan.made_prompts:
        parts.append(f"{figures.plural(recorded, 'prompt')} as recorded")
    return parts


def _sessions(dependents: Dependents) -> list[str]:
    wait = "waits" if dependents.count == 1 else "wait"
    parts = [f"{figures.plural(dependents.count, 'request')} {wait} for the end of others"]
    if dependents.continuing:
        parts.append(f"{dependents.continuing:,} go on with the replies that come")
    if dependents.at_once:
        parts.append(f"{dependents.at_once:,} without a think time: due at that end")
    if dependents.orphans:
        parts.append(
            f"{dependents.orphans:,} would wait for what is not sent, and come at their time"
        )
    return parts


def _too_long(plan: Plan) -> str:
    done = {DROP: "left out", CLIP: "shortened to fit"}.get(plan.lengths.too_long)
    return f"{figures.plural(plan.too_long, 'request')} {done}" if plan.too_long else "all fit"


def _arrivals(plan: Plan) -> list[str]:
    if not plan.span_s:
        return ["all due at once"]
    parts = [
        f"over {figures.duration(plan.span_s)}",
        f"{figures.measure(plan.rate_per_s)} requests/s on average",
        f"{figures.count(plan.peak_rate_per_s)} in the busiest second",
    ]
    if plan.spread_ties_s is not None:
        parts.append(f"ties spread over the {plan.spread_ties_s:g} s of the trace's clock")
    return parts


def _tokens(plan: Plan, settings: Settings) -> list[str]:
    parts = [_amount(plan.input_tokens, plan.rows, "in", "")]
    if settings.endpoint != "embeddings":
        bound = {"cap": "at most ", "exact": "exactly ", "free": "if replies are as recorded, "}
        parts.append(_amount(plan.output_tokens, plan.rows, "out", bound[settings.output_length]))
    return parts


def _amount(total: int, rows: int, way: str, bound: str) -> str:
    if not total:
        return f"{way}: the trace does not say"
    return f"{bound}{total:,} {way} ({total / rows:,.0f} a request)"


def _streams(plan: Plan, settings: Settings) -> list[str]:
    if settings.closed:
        return [f"{peak_streams(plan, settings):,} at once, a new one when one is done"]
    if settings.max_sessions is not None:
        return [f"{peak_streams(plan, settings):,} conversations at once, a new one when one ends"]
    estimate = f"(estimated: {FIRST_TOKEN_S:g} s, then {TOKEN_S * 1000:g} ms a token)"
    parts = [f"about {plan.peak_streams:,} at once {estimate}"]
    cap = settings.max_in_flight
    if cap is not None:
        parts.append(f"what falls due while {cap:,} fly is dropped")
    return parts


def _lasts(plan: Plan, settings: Settings) -> list[str]:
    limit = settings.run_time_s
    if settings.untimed and plan.times < math.inf:
        parts = ["until every row is done"]
        if limit is not None:
            parts = [f"until every row is done, or for {figures.duration(limit)}"]
    elif limit is not None and (limit < plan.total_span_s or plan.times == math.inf):
        parts = [figures.duration(limit)]
    else:
        last = "reply" if plan.dependents is None else "session"
        return [f"{figures.duration(plan.total_span_s)}, then until the last {last} has ended"]
    wait = figures.duration(settings.stop_timeout_s)
    return [*parts, f"what is on the wire then gets {wait}"] if limit is not None else parts


def _workers(plan: Plan, settings: Settings) -> list[str]:
    used = sizing.cores(plan, settings)
    needed = sizing.workers(used)
    if needed == 1:
        return [f"1 is enough (about {max(1, round(100 * used))} % of a core at the busiest)"]
    return [
        f"about {needed:,} (--processes {needed})",
        f"{figures.measure(used)} cores at the busiest",
        f"each at most {figures.percent(sizing.FULL)} of one (costs: docs/distributed.md)",
    ]


def _given(settings: Settings) -> list[str]:
    return [
        _flag(key, entry["value"]) + ("" if entry["source"] == "cli" else f" ({entry['source']})")
        for key, entry in settings.describe().items()
        if entry["source"] != "default" and key != "plan" and not _off(entry["value"])
    ]


def _defaults(settings: Settings, *, replay: bool) -> list[str]:
    parts = [
        _flag(key, entry["value"])
        for key, entry in settings.describe().items()
        if entry["source"] == "default" and not _off(entry["value"])
    ]
    return parts + list(_implied(settings, replay=replay))


def _implied(settings: Settings, *, replay: bool) -> Iterator[str]:
    """What holds where an option without a value was not given."""
    paced = not replay or settings.untimed or settings.rate is not None
    if not paced and settings.speed is None:
        yield "--speed 1"
    if settings.synthetic and not settings.closed and settings.burstiness is None:
        yield "--burstiness 1"
    if settings.temperature is None:
        yield "temperature: the server's"
    if settings.max_in_flight is None:
        yield "no cap on requests in flight"
    if "none" not in settings.scrape:
        yield f"servers' metrics are read every {INTERVAL_S:g} s (--scrape none: never)"
    if settings.warmup is None:
        yield "no warm-up"
    if replay and settings.cancel_rate is None:
        yield "no user leaves early"
    if not any("error_rate" in text for text in settings.slo):
        yield "fails if any request fails (--slo error_rate<=0)"


def _off(value: Any) -> bool:
    return value is None or value is False or value == () or value == []


def _flag(key: str, value: Any) -> str:
    flag = f"--{key.replace('_', '-')}"
    return flag if value is True else f"{flag} {_words(key, value)}"


def _words(key: str, value: Any) -> str:
    if key in ("warmup", "cancel_after"):
        return f"{value[1]:g}{value[0]}"
    if key == "map" or key == "model_map":
        return ",".join(f"{name}={of}" for name, of in value.items())
    if isinstance(value, dict):
        return snippet(json.dumps(value), 60)
    if isinstance(value, list | tuple):
        return f" --{key} ".join(snippet(str(item)) for item in value)
    return f"{value:g}" if isinstance(value, float) else snippet(str(value))


def _line(label: str, parts: Iterable[str], between: str = ", ") -> list[str]:
    """A label and its parts, broken between parts where they do not fit."""
    lines = figures.pack(parts, WIDTH - _INDENT, between)
    labels = [f"  {label}", *[""] * len(lines)]
    return [f"{name:<{_INDENT}}{text}" for name, text in zip(labels, lines, strict=False)]
