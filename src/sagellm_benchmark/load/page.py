"""What Locust's page may not do: obey others than itself, set what its form does not show.

In go the page's requests, before Locust sees them: Locust would take any option, from any origin,
under any name, and start a run on top of another. A refused one is answered in words and changes
nothing. Whoever asks must call this machine by an address or a name of its own, so that no name
that somebody else points here (DNS rebinding) reaches the page; other origins can read nothing.
"""

from __future__ import annotations

import ipaddress
import socket
import sys
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from flask import Response, jsonify, request
from locust.argument_parser import ui_extra_args_dict
from locust.env import Environment
from locust.runners import STATE_INIT, STATE_STOPPED

from sagellm_benchmark.config import values
from sagellm_benchmark.config.options import BY_KEY
from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.load.inputs import Inputs, listed
from sagellm_benchmark.metrics.slo import parse_slos
from sagellm_benchmark.redact import snippet

_FORM = frozenset(
    ("user_count", "spawn_rate", "host", "run_time", "profile", "user_classes", "shape_class")
)
"""What Locust's own form sends."""
_USER = frozenset(("user_class_name", "host", "weight", "fixed_count", "tasks"))
"""What its dialog for a class of users sends."""
_CHANGES = frozenset(("swarm", "stop", "reset_stats", "update_user"))
"""Locust's endpoints that change something, before 2.47 some of them by GET."""
_HEADERS = [
    ("Content-Security-Policy", "frame-ancestors 'none'"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
]

Headers = list[tuple[str, str]]


def guard(
    environment: Environment,
    inputs: Inputs,
    busy: Callable[[], str | None],
    call_off: Callable[[], None],
) -> None:
    """Refuse from now on what the page may not do; say so where others can reach it.

    Args:
        environment: Locust's, with a page.
        inputs: The targets that the page may name, and the traces.
        busy: Why no run can start now, or None.
        call_off: Ends a run that is being started.
    """
    options, app = environment.parsed_options, environment.web_ui.app
    names = _own_names(options.web_host, options.web_host_display_name)

    @app.before_request
    def refuse() -> Response | tuple[Response, int] | None:
        foreign = _foreign(names)
        if foreign is not None:
            return jsonify({"success": False, "message": foreign}), 403
        endpoint = (request.endpoint or "").rpartition(".")[2]
        if endpoint == "update_user":
            reason = _bad_user(inputs)
        elif endpoint == "swarm":
            reason = _bad_form(environment, inputs) or busy()
        else:
            if endpoint == "stop":
                call_off()
            return None
        if reason is not None:
            return _no(environment, reason)
        if not request.form.get("run_time"):
            options.run_time = None  # Locust would keep that of the run before, and not obey it
        if environment.runner.state == STATE_STOPPED:
            environment.runner.update_state(STATE_INIT)  # else Stop does nothing until users run
        return None

    app.wsgi_app = _closed(app.wsgi_app)  # type: ignore[method-assign]
    if not _loopback(options.web_host) and not options.web_login:
        print(
            f"note: the page listens on {options.web_host or 'every address'} without a login: "
            f"whoever reaches it can start and stop runs (--web-host 127.0.0.1 keeps it here)",
            file=sys.stderr,
            flush=True,
        )


def _own_names(*told: str | None) -> frozenset[str]:
    """The names under which this page may be asked for, beside addresses."""
    found = {urlsplit(name if "//" in name else f"//{name}").hostname for name in told if name}
    return frozenset({*found, "localhost", socket.gethostname().lower()} - {None, ""})


def _foreign(names: frozenset[str]) -> str | None:
    """Why a request is not of this page; None where it may be."""
    here = request.host.lower()
    name = _hostname(here)
    if not (_address(name) or name in names):
        return (
            f"refused: {snippet(here, 80)} is no name of this page: use its address, or start it "
            f"with --web-host NAME"
        )
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc.lower() != here:
        return f"refused: this page is at {here}, not at {snippet(origin, 80)}"
    if (request.endpoint or "").rpartition(".")[2] not in _CHANGES:
        return None
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        own = site == "same-origin"
    else:
        # A browser gives every POST its origin. A GET without a referrer may be of anybody's page.
        own = request.method == "POST" or urlsplit(request.referrer or "").netloc.lower() == here
    return None if own else f"refused: {request.path} is not asked for by the page at {here}"


def _hostname(netloc: str) -> str:
    try:
        return urlsplit(f"//{netloc}").hostname or ""
    except ValueError:
        return ""


def _address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _loopback(host: str | None) -> bool:
    name = host or ""
    return name == "localhost" or (_address(name) and ipaddress.ip_address(name).is_loopback)


def _bad_form(environment: Environment, inputs: Inputs) -> str | None:
    """Why the form starts nothing: Locust would take over what it can and then fail."""
    allowed = _FORM | ui_extra_args_dict().keys() | ({"trace"} if inputs.offer.open else set())
    form = request.form
    for key in form:
        if key not in allowed:
            flag = f"--{key.replace('_', '-')}"
            known = hasattr(environment.parsed_options, key)
            return f"{flag if known else snippet(key, 40)} cannot be set from the page"
    hosts = (inputs.host, *inputs.offer.hosts, environment.host or "")
    if form.get("host", inputs.host) not in hosts:
        return "--host cannot be changed from the page: see --allow-host"
    try:
        values.whole(form.get("user_count", ""))
        values.positive(form.get("spawn_rate", ""))
    except ValueError as error:
        return f"user_count and spawn_rate must be numbers: {error}"
    try:
        for key in form.keys() & BY_KEY.keys():
            BY_KEY[key].value(form[key])
        if form.get("trace"):
            inputs.trace(form["trace"])
        parse_slos(listed(form.get("slo", "")) or ())
    except UsageError as error:
        return snippet(str(error))
    return None


def _bad_user(inputs: Inputs) -> str | None:
    """Why a class of users is not changed: Locust would set any attribute of it."""
    told = request.get_json(silent=True, force=True)
    if not isinstance(told, dict) or told.keys() - _USER:
        return "only weight, fixed_count and tasks can be set from the page"
    if (told.get("host") or inputs.host) != inputs.host:
        return "--host cannot be changed from the page"
    return None


def _no(environment: Environment, message: str) -> Response:
    return jsonify({"success": False, "message": message, "host": environment.host})


def _closed(app: Callable[..., Any]) -> Callable[..., Any]:
    """Let no other origin read an answer, or show it in a frame: Locust allows all of them."""

    def closed(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, headers: Headers, *rest: Any) -> Any:
            kept = [(k, v) for k, v in headers if not k.lower().startswith("access-control-")]
            return start_response(status, kept + _HEADERS, *rest)

        return app(environ, start)

    return closed
