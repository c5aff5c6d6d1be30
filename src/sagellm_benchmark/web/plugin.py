"""Puts the live page beside Locust's own, when a locustfile imports one of our users.

Registered behind `load.plugin`, whose listener of the same event makes the coordinator. Without a
page nothing is loaded, and nothing watches.
"""

from __future__ import annotations

from typing import Any

from locust import events
from locust.env import Environment

from sagellm_benchmark.load.dispatch import Role
from sagellm_benchmark.load.plugin import coordinator_of


@events.init.add_listener
def attach(environment: Environment, **_: Any) -> None:
    """Serve the page, where Locust serves its own and a user of ours is in it."""
    coordinator = coordinator_of(environment)
    if environment.web_ui is None or coordinator is None:
        return
    from sagellm_benchmark.web.routes import blueprint
    from sagellm_benchmark.web.tab import extend
    from sagellm_benchmark.web.watch import Watch

    watch = Watch(coordinator)
    coordinator.watchers.append(watch)
    environment.web_ui.app.register_blueprint(blueprint(environment, coordinator, watch))
    extend(environment, watch, replay=coordinator.role is not Role.TASKS)
