"""What the live page answers: the page, its figures, finished runs and their reports, the metrics.

All of it lies under `/llm` (`/metrics` apart) behind Locust's login, where there is one, and below
`--web-base-path`. Starting and stopping are Locust's own `/swarm` and `/stop`, behind their guard.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
from flask import Blueprint, Response, redirect, render_template, request, send_from_directory
from gevent import get_hub
from locust.env import Environment

from sagellm_benchmark import __version__
from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.load.coordinator import Coordinator
from sagellm_benchmark.load.dispatch import Role
from sagellm_benchmark.web import form
from sagellm_benchmark.web.openmetrics import CONTENT_TYPE, exposition
from sagellm_benchmark.web.runs import Runs
from sagellm_benchmark.web.watch import Watch

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_DOCUMENT = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
"""Of a report or a comparison: one file, which says of itself which script it trusts."""
_HERE = Path(__file__).parent


def blueprint(environment: Environment, coordinator: Coordinator, watch: Watch) -> Blueprint:
    """The routes, to be registered with Locust's application."""
    page = Blueprint(
        "llm",
        __name__,
        url_prefix=environment.parsed_options.web_base_path or None,
        template_folder=str(_HERE / "templates"),
    )
    answers = Answers(environment, coordinator, watch)
    for path, answer in (
        ("/llm", answers.live),
        ("/llm/series", answers.series),
        ("/llm/runs", answers.finished),
        ("/llm/runs/<run_id>/report", answers.report),
        ("/llm/compare", answers.compare),
        ("/metrics", answers.metrics),
    ):
        guarded = environment.web_ui.auth_required_if_enabled(answer)
        page.add_url_rule(path, answer.__name__, guarded)
    page.add_url_rule("/llm/", "slash", lambda: redirect("../llm"))
    page.add_url_rule("/llm/static/<name>", "static", _static)
    return page


class Answers:
    """What is answered where.

    Args:
        environment: Locust's, with a page.
        coordinator: Whose runs.
        watch: What is known of them.
    """

    def __init__(self, environment: Environment, coordinator: Coordinator, watch: Watch) -> None:
        self._environment = environment
        self._coordinator = coordinator
        self._watch = watch
        self._runs = Runs(environment.parsed_options.out or "runs")

    def live(self) -> Response:
        """The page."""
        environment, coordinator = self._environment, self._coordinator
        options = environment.parsed_options
        # Before Locust 2.47 its page stopped a test by GET.
        stops = environment.web_ui.app.url_map.iter_rules("locust.stop")
        return _html(
            "llm/page.html",
            version=__version__,
            groups=form.groups(environment, coordinator),
            traces=form.traces(coordinator),
            chooses=coordinator.inputs.offer.open,
            given=coordinator.inputs.given_trace,
            trace=options.trace,
            hosts=form.hosts(coordinator),
            host=environment.host,
            stop_method="POST" if any("POST" in rule.methods for rule in stops) else "GET",
            tasks=coordinator.role is Role.TASKS,
            users=options.num_users or 1,
            run_time=options.run_time or "",
        )

    def series(self) -> Response:
        """What the page asks for again and again."""
        return _json(_series(self._watch))

    def finished(self) -> Response:
        """The runs that have ended."""
        return _json({"runs": self._runs.lines()})

    def report(self, run_id: str) -> Any:
        """The report that a run wrote at its end."""
        directory = self._runs.directory(run_id)
        if directory is None:
            return _message("No such run", [f"There is no run {run_id} here."]), 404
        if not (directory / "report.html").is_file():
            words = f"Run {run_id} has no report.html yet. This makes one from its files:"
            return _message("No report", [words], f"sagellm-benchmark report {directory}"), 404
        return _document((directory / "report.html").read_bytes())

    def compare(self) -> Any:
        """Some runs held against each other, while no run is on."""
        names = [name for name in request.args.get("runs", "").split(",") if name]
        found = [path for name in names if (path := self._runs.directory(name)) is not None]
        if len(found) < 2 or len(found) < len(names):
            return _message("Nothing to compare", ["Choose two runs of the list, or more."]), 404
        command = f"sagellm-benchmark compare {' '.join(map(str, found))}"
        if self._watch.on:
            words = "A run is on, which this would disturb. Elsewhere, or later:"
            return _message("Not now", [words], command), 409
        try:
            return _document(get_hub().threadpool.apply(_compared, (list(map(str, found)),)))
        except UsageError as error:
            return _message("These cannot be compared", [str(error)], command), 409

    def metrics(self) -> Response:
        """For Prometheus."""
        return Response(exposition(self._watch), content_type=CONTENT_TYPE)


def _static(name: str) -> Response:
    if name == "style.css":  # the look of the report
        return send_from_directory(str(resources.files("sagellm_benchmark.report.html")), name)
    return send_from_directory(_HERE / "static", name)


def _series(watch: Watch) -> dict[str, Any]:
    """All that has changed since the page asked last, and the figures so far."""
    series, facts = watch.series, watch.facts
    found: dict[str, Any] = {"state": watch.state, "message": watch.message, "run": None}
    if series is None:
        return found
    same = request.args.get("run") == facts["run_id"]
    since = request.args.get("since", 0, int) if same else 0
    return {
        **found,
        "run": facts,
        "revision": series.revision,
        "points": series.columns(since),
        "progress": watch.progress(),
        "figures": watch.view(),
        "workers": watch.workers,
    }


def _compared(names: list[str]) -> bytes:
    """The comparison of some runs as a page; in a thread, so that this one goes on answering."""
    from sagellm_benchmark.report.comparison.differences import compare_sides
    from sagellm_benchmark.report.comparison.figures import named_figures
    from sagellm_benchmark.report.comparison.page import comparison_html
    from sagellm_benchmark.report.comparison.sides import open_sides

    return comparison_html(compare_sides(open_sides(names), named_figures(()))).encode()


def _message(title: str, lines: list[str], command: str | None = None) -> Response:
    """A page of a few words; its links climb up to where `/llm` lies."""
    deep = request.path.rpartition("/llm/")[2].count("/") + 1
    return _html("llm/message.html", title=title, lines=lines, command=command, root="../" * deep)


def _document(content: bytes) -> Response:
    answer = Response(content, content_type="text/html; charset=utf-8")
    answer.headers["Content-Security-Policy"] = _DOCUMENT
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _json(content: Any) -> Response:
    answer = Response(msgspec.json.encode(content), content_type="application/json")
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _html(template: str, **values: Any) -> Response:
    answer = Response(render_template(template, **values), content_type="text/html; charset=utf-8")
    answer.headers["Content-Security-Policy"] = _POLICY
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Referrer-Policy"] = "same-origin"
    return answer
