"""What Locust's page may not do: set what its form does not show, or start a run on top of another.

In go the page's requests, before Locust sees them: Locust would take any option, from any origin. A
refused one is answered in words, as Locust answers, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from flask import Response, jsonify, request
from locust.argument_parser import ui_extra_args_dict
from locust.env import Environment

_FORM = frozenset(
    ("user_count", "spawn_rate", "host", "run_time", "profile", "user_classes", "shape_class")
)
"""What Locust's own form sends."""


def guard(environment: Environment, host: str | None, busy: Callable[[], str | None]) -> None:
    """Refuse from now on what the page may not do.

    Args:
        environment: Locust's, with a page.
        host: The target, which the page may name but not change.
        busy: Why no run can start now, or None.
    """

    @environment.web_ui.app.before_request
    def refuse() -> Response | None:
        origin = request.headers.get("Origin")
        if origin and urlsplit(origin).netloc != request.host:
            return _no(environment, f"refused: this page is at {request.host}, not at {origin}")
        if (request.endpoint or "").rpartition(".")[2] != "swarm":
            return None
        reason = _not_from_page(environment, host) or busy()
        return None if reason is None else _no(environment, reason)


def _not_from_page(environment: Environment, host: str | None) -> str | None:
    allowed = _FORM | ui_extra_args_dict().keys()
    for key in request.form:
        if key not in allowed and hasattr(environment.parsed_options, key):
            return f"--{key.replace('_', '-')} cannot be set from the page"
    if request.form.get("host", host) not in (host, environment.host or ""):
        return "--host cannot be changed from the page"
    return None


def _no(environment: Environment, message: str) -> Response:
    return jsonify({"success": False, "message": message, "host": environment.host})
