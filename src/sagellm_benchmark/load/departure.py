"""How a test ends in Locust's terms: with the process, or with its page left open."""

from __future__ import annotations

import gevent
from locust.env import Environment


def end(environment: Environment) -> None:
    """End the test as Locust would: quit without the page, stop with it."""
    options = environment.parsed_options
    if options.headless:
        environment.runner.quit()
        return
    environment.runner.stop()
    if options.autostart and options.autoquit >= 0:
        gevent.sleep(options.autoquit)
        leave(environment)


def leave(environment: Environment) -> None:
    """Leave, page and all."""
    environment.runner.quit()
    if environment.web_ui:
        environment.web_ui.stop()
