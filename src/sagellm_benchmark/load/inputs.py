"""Everything that a run needs, from Locust's environment: checked settings, target, plan.

In goes Locust's environment; out come values, or a `UsageError` that says what to write. Nothing
here sends load.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from locust import User
from locust.env import Environment

from sagellm_benchmark.config.options import BY_KEY, OPTIONS
from sagellm_benchmark.config.settings import (
    DEFAULT_STOP_TIMEOUT_S,
    Settings,
    chooses_trace,
    make_settings,
)
from sagellm_benchmark.config.system import read_system
from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.load import preflight
from sagellm_benchmark.load.dispatch import Role, role_of
from sagellm_benchmark.load.endpoints import check_endpoint
from sagellm_benchmark.load.models import check_models
from sagellm_benchmark.load.offer import Offer
from sagellm_benchmark.load.output import say
from sagellm_benchmark.load.server import Server
from sagellm_benchmark.load.target import Target, remarks, route
from sagellm_benchmark.metrics.slo import parse_slos
from sagellm_benchmark.report.plan import plan_block
from sagellm_benchmark.schedule.lengths import Lengths
from sagellm_benchmark.schedule.plan import Plan, make_plan
from sagellm_benchmark.trace import synthesis
from sagellm_benchmark.trace.changes.spreading import SpreadTies, is_coarse
from sagellm_benchmark.trace.library import find
from sagellm_benchmark.trace.source import Trace
from sagellm_benchmark.trace.tokenizer import Tokenizer, load
from sagellm_benchmark.trace.transforms import Pace, Selection

SECRET = ("header",)
"""Options whose values go nowhere: Locust's master sends all options to its workers."""


class Inputs:
    """Reads them.

    Args:
        environment: Locust's.
        sources: Where each option's value came from at the start.

    Attributes:
        role: What drives the load.
        host: The target as it was given, None where it was not.
        given_trace: The trace as it was given.
        offer: What the page may choose.

    Raises:
        UsageError: The users of ours play several roles.
    """

    def __init__(self, environment: Environment, sources: Mapping[str, str]) -> None:
        self._environment = environment
        self._sources = sources
        self._kept = {key: getattr(environment.parsed_options, key) for key in SECRET}
        self._given = self._raw()
        self.host = self._read_host()
        self.given_trace: str | None = self._given["trace"]
        self.offer = Offer(self._given["trace_dir"], tuple(self._given["allow_host"] or ()))
        self._tokenizer: Tokenizer | None = None
        self.role = _role(environment.user_classes)

    def check_combination(self) -> None:
        """Refuse what contradicts a replay.

        Raises:
            UsageError: Another class, a shape, `-u`, `-r`, or what this version cannot do.
        """
        options, classes = self._environment.parsed_options, self._environment.user_classes
        if self.role is Role.TASKS:
            return
        name = next(c.__name__ for c in classes if role_of(c) is not None)
        if len(classes) > 1:
            others = ", ".join(c.__name__ for c in classes if c.__name__ != name)
            raise UsageError(
                f"{name} replays a trace alone: take {others} out of the locustfile, or name "
                f"one user class behind the options"
            )
        if self._environment.shape_class is not None:
            raise UsageError(f"{name} takes its load from the trace: remove the LoadTestShape")
        if options.num_users is not None or options.spawn_rate is not None:
            raise UsageError(
                "-u and -r have no meaning in a replay: the trace says how many requests there "
                "are and when; scale it with --speed X, --rate R or --concurrency N"
            )

    def trace(self, name: str) -> str:
        """Where a trace is that the page names: the command line's own, or one on offer.

        Raises:
            UsageError: It is neither.
        """
        return name if name == self.given_trace else self.offer.path(name)

    @property
    def waiting(self) -> bool:
        """Whether the page is to name the trace."""
        options = self._environment.parsed_options
        alone = options.headless or options.autostart or options.plan
        return self.role is not Role.TASKS and not alone and chooses_trace(self._given)

    def settings(self) -> Settings:
        """The settings as Locust's options stand now; the page may have changed them.

        Raises:
            UsageError: A value is wrong, or came from the page and may not.
        """
        raw = self._raw()
        changed = [key for key, value in raw.items() if value != self._given[key]]
        for key in changed:
            if key == "trace" and raw["trace"] is not None:
                raw["trace"] = self.trace(raw["trace"])
            elif key in BY_KEY and not BY_KEY[key].page:
                raise UsageError(f"{BY_KEY[key].flag} cannot be set from the page")
        host = self._read_host()
        if host not in (self.host, *self.offer.hosts):
            raise UsageError("--host cannot be changed from the page: see --allow-host")
        made = make_settings(
            raw,
            host=host,
            run_time_s=raw["run_time"],
            stop_timeout_s=self.stop_timeout_s(),
            sources={**self._sources, **dict.fromkeys(changed, "page")},
            tasks=self.role is Role.TASKS,
        )
        if self.role is Role.CLOSED and not made.closed:
            raise UsageError("ClosedLoopUser needs --concurrency N: how many users send in turn")
        if self.role is Role.REPLAY and made.closed:
            raise UsageError("--concurrency is a closed loop: use ClosedLoopUser, or leave it out")
        if made.times == math.inf and made.run_time_s is None:
            raise UsageError("--loop forever needs --run-time 10m: nothing else would end the run")
        parse_slos(made.slo)
        read_system(made.system)
        return made

    def tokenizer(self, chosen: Settings) -> Tokenizer | None:
        """The tokenizer, loaded the first time; no page can name another.

        Raises:
            UsageError: It cannot be loaded.
        """
        if chosen.tokenizer is not None and self._tokenizer is None:
            self._tokenizer = load(chosen.tokenizer)
        return self._tokenizer

    def plan(self, chosen: Settings, server: Server) -> Plan | None:
        """Read the trace once, whole, and plan it for a server; None for a user's own tasks.

        Raises:
            UsageError: The trace cannot be replayed, or a row would go to no model.
        """
        if self.role is Role.TASKS:
            return None
        pace = Pace(speed=chosen.speed or 1.0, rate=None if chosen.synthetic else chosen.rate)
        part = Selection(chosen.start, chosen.end, chosen.limit, chosen.cut_sessions)
        plan = make_plan(
            _trace(chosen),
            part,
            pace,
            closed=chosen.untimed,
            times=chosen.times,
            think_speed=chosen.think_speed,
            lengths=_lengths(chosen, server.context_tokens, self.tokenizer(chosen)),
            wording=server.wording,
            hosts=len(chosen.hosts),
            together=bool(self._environment.parsed_options.master),
        )
        check_models(plan.models, chosen, server)
        check_endpoint(plan, chosen.endpoint)
        _check_warmup(plan, chosen)
        if plan.made_prompts:
            _ = plan.wording.vocabulary  # a tokenizer that has no words for it is refused now
        return plan

    def say_plan(
        self, chosen: Settings, plan: Plan | None, whom: Sequence[Target], server: Server
    ) -> None:
        """Print what will happen, before it does.

        Raises:
            UsageError: It cannot be printed.
        """
        said = [*remarks(whom, chosen), *route(whom)]
        block = plan_block(
            plan,
            chosen,
            run_dir=chosen.out,
            hosts=chosen.hosts,
            server=server.describe(),
            remarks=said,
        )
        say(block)

    def ask_targets(self, whom: Sequence[Target], chosen: Settings) -> Server:
        """The preflight; `--no-preflight` skips it, and `--plan` speaks to nobody."""
        tokenizer = self.tokenizer(chosen)
        if chosen.no_preflight or chosen.plan:
            return Server(wording=preflight.pinned(chosen, tokenizer))
        fit = self.role is not Role.TASKS
        return preflight.ask_all(whom, chosen, fit=fit, tokenizer=tokenizer)

    def keep_secrets(self) -> None:
        """Take them out of Locust's options, which its master sends to every worker."""
        vars(self._environment.parsed_options).update(dict.fromkeys(SECRET))

    def shared(self) -> dict[str, Any]:
        """What workers are told of the options: raw values, without secrets."""
        return {key: value for key, value in self._raw().items() if key not in SECRET}

    def _raw(self) -> dict[str, Any]:
        """What Locust's options say; the page's form hands in "" for what is not set."""
        options = vars(self._environment.parsed_options) | self._kept
        keys = (*(option.key for option in OPTIONS), "run_time")
        raw = {key: options[key] or None for key in keys}
        for key, value in raw.items():
            if key in BY_KEY and BY_KEY[key].repeat and value is not None:
                raw[key] = listed(value)
        return raw

    def _read_host(self) -> str | None:
        environment = self._environment
        hosts = [c.host for c in environment.user_classes if role_of(c) is not None and c.host]
        return environment.host or next(iter(hosts), None)

    def stop_timeout_s(self) -> float:
        """Locust's `--stop-timeout`; where nobody gave one, ours instead of Locust's 0."""
        if "stop_timeout" in self._sources:
            return float(self._environment.parsed_options.stop_timeout)
        return DEFAULT_STOP_TIMEOUT_S


def listed(value: str | Sequence[str]) -> list[str] | None:
    """Several values; the page's form hands them in as one text, or as one with an empty list."""
    texts = re.split(r"\s*[,\n]\s*", value.strip()) if isinstance(value, str) else value
    return [text.strip() for text in texts if text.strip()] or None


def _role(user_classes: Sequence[type[User]]) -> Role:
    roles = {role_of(user_class) for user_class in user_classes} - {None}
    if len(roles) > 1:
        names = ", ".join(user_class.__name__ for user_class in user_classes)
        raise UsageError(f"{names} do not run together: name one user class behind the options")
    return roles.pop()


def _trace(chosen: Settings) -> Trace:
    if chosen.synthetic:
        return synthesis.uniform(
            chosen.input_tokens,
            chosen.output_tokens,
            chosen.requests,
            rate=chosen.rate,
            burstiness=1.0 if chosen.burstiness is None else chosen.burstiness,
            seed=chosen.seed,
        )
    trace = find(
        chosen.trace,
        format=chosen.format,
        mapping=chosen.map,
        time_unit=chosen.time_unit,
        skip_bad=chosen.skip_bad,
        seed=chosen.seed,
    )
    spread = is_coarse(trace.header) and not (chosen.untimed or chosen.no_spread_ties)
    return SpreadTies(chosen.seed).applied(trace) if spread else trace


def _lengths(chosen: Settings, context_tokens: int | None, tokenizer: Tokenizer | None) -> Lengths:
    """How long a request may be, and what room its reply needs beside it."""
    reply = (chosen.extra_body or {}).get("max_tokens")  # has the last word in every body
    if type(reply) is not int:
        reply = 0 if chosen.endpoint == "embeddings" else None
        if chosen.output_length == "free":
            reply = 1
    return Lengths(chosen.max_input_tokens, context_tokens, chosen.too_long, reply, tokenizer)


def _check_warmup(plan: Plan, chosen: Settings) -> None:
    """Refuse a warm-up that leaves nothing to measure, where that is certain."""
    unit, amount = chosen.warmup or ("s", 0.0)
    if unit == "req":
        if amount >= plan.total_rows:
            raise UsageError(
                f"--warmup {amount:g}req: the plan has {plan.total_rows} requests, so nothing "
                "would be measured; write less"
            )
    elif chosen.run_time_s is not None and 0 < chosen.run_time_s <= amount:
        raise UsageError(
            f"--warmup {amount:g}s: --run-time ends the run after {chosen.run_time_s:g} s, so "
            "nothing would be measured; write less"
        )
    elif _known_end(plan, chosen) and plan.total_span_s < amount:
        raise UsageError(
            f"--warmup {amount:g}s: all requests are due within {plan.total_span_s:.6g} s, so "
            "nothing would be measured; write less"
        )


def _known_end(plan: Plan, chosen: Settings) -> bool:
    """Whether it is certain when the last request is due."""
    return not chosen.untimed and chosen.start is None and plan.dependents is None
