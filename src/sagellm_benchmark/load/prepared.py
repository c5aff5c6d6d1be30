"""A run that may start: everything that could be wrong with it has been looked at.

In: the options as they are now. Out: settings, targets that answer, a plan, and from these a run of
this process or of workers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from locust.env import Environment

from sagellm_benchmark.config.settings import Settings
from sagellm_benchmark.load.carried import Carried
from sagellm_benchmark.load.cluster.course import Course
from sagellm_benchmark.load.cluster.post import MasterPost
from sagellm_benchmark.load.identity import Identity
from sagellm_benchmark.load.inputs import Inputs
from sagellm_benchmark.load.run import Run
from sagellm_benchmark.load.scraper import PageOfMetrics, find_pages
from sagellm_benchmark.load.server import Server
from sagellm_benchmark.load.target import Target, resolve_all
from sagellm_benchmark.record.record import RequestRecord
from sagellm_benchmark.schedule.plan import Plan
from sagellm_benchmark.trace.tokenizer import Tokenizer


@dataclass(frozen=True)
class Prepared:
    """All that a run needs before its first request.

    Attributes:
        settings: What the user asked for.
        targets: Where requests go.
        server: What these said of themselves.
        plan: The rows; None for a user's own tasks.
        pages: The servers' own figures.
        identity: The run's name and place, where it has been claimed.
    """

    settings: Settings
    targets: tuple[Target, ...]
    server: Server
    plan: Plan | None
    pages: tuple[PageOfMetrics, ...] = ()
    identity: Identity | None = None

    def run(
        self,
        environment: Environment,
        identity: Identity,
        listeners: tuple[Callable[[RequestRecord], None], ...],
        tokenizer: Tokenizer | None,
        *,
        post: MasterPost | None,
        recorded: Callable[[RequestRecord], None],
        told: Callable[[str], None],
    ) -> Carried:
        """The run, not started yet.

        Args:
            environment: Locust's.
            identity: Its name and place.
            listeners: Called with every record.
            tokenizer: The model's, where it was given.
            post: Reaches the workers; None where this process sends.
            recorded: Called with every record of a worker's once it is kept.
            told: Called with what happened to workers that a person should know.
        """
        what = (environment, self.settings, identity, self.targets, self.plan, listeners, tokenizer)
        if post is None:
            return Run(*what)
        watched = len(listeners) > 1
        return Course(*what, post, recorded=recorded, told=told, watched=watched)


def prepare(inputs: Inputs) -> Prepared:
    """Read the options as they are now, ask the target, and read the trace.

    Raises:
        UsageError: Something is wrong; no load has been sent.
        SystemExit: `--plan` was asked for.
    """
    settings = inputs.settings()
    targets = resolve_all(settings)
    server = inputs.ask_targets(targets, settings)
    plan = inputs.plan(settings, server)
    inputs.say_plan(settings, plan, targets, server)
    if settings.plan:
        raise SystemExit(0)
    return Prepared(settings, targets, server, plan, find_pages(settings, targets))
