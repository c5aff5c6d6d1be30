"""The live figures in Locust's own page: a tab with a table, and a way to the live page.

Nothing of Locust's page is rebuilt: its templates take tabs and tables, its JSON takes rows. Its
fields for users and ramp up have no part in a replay: they are hidden, and a line says why.
"""

from __future__ import annotations

import json
from typing import Any

from flask import Response, request
from locust.env import Environment

from sagellm_benchmark.metrics.series import SHOWN
from sagellm_benchmark.web.watch import Watch

_ROWS = {
    "ttft_ms": "TTFT",
    "itl_ms": "ITL",
    "tpot_ms": "TPOT",
    "e2e_ms": "e2e",
    "ttft_from_due_ms": "TTFT from due",
    "e2e_from_due_ms": "e2e from due",
}
_COLUMNS = {"name": "LLM", "count": "# values", **{stat: f"{stat} (ms)" for stat in SHOWN}}
_REPLAY = (
    "The trace says how many requests there are and when: users and ramp up have no part in a "
    "replay."
)
_TASKS = "Tokens of every call, over time:"


def extend(environment: Environment, watch: Watch, *, replay: bool) -> None:
    """Add the tab, its rows, and the way to the live page."""
    web_ui = environment.web_ui
    structure = [
        {"key": key, "title": title, **({"round": 2} if key in SHOWN else {})}
        for key, title in _COLUMNS.items()
    ]
    web_ui.template_args.update(
        extended_tabs=[{"title": "LLM", "key": "llm"}],
        extended_tables=[{"key": "llm", "structure": structure}],
        extended_csv_files=[{"href": "./llm", "title": "Live page: charts, start form, reports"}],
    )

    @web_ui.app.after_request
    def add(answer: Response) -> Response:
        if request.endpoint == "locust.request_stats" and answer.is_json:
            rows = [{"key": "llm", "data": _rows(watch)}]
            answer.set_data(json.dumps({**answer.get_json(), "extended_stats": rows}))
        elif request.endpoint == "locust.index" and answer.mimetype == "text/html":
            answer.set_data(_with_link(answer.get_data(as_text=True), replay))
        return answer


def _rows(watch: Watch) -> list[dict[str, Any]]:
    latencies = watch.view().get("latency", {})
    return [
        {"name": name, "count": block["count"], **{stat: block[stat] or 0 for stat in SHOWN}}
        for key, name in _ROWS.items()
        if (block := latencies.get(key)) is not None
    ]


def _with_link(html: str, replay: bool) -> str:
    """Locust's page with a line above it."""
    style = "replay.css" if replay else "locust.css"
    head = f'<link rel="stylesheet" href="./llm/static/{style}">'
    words = _REPLAY if replay else _TASKS
    line = f'<div id="llm-line"><span>{words}</span> <a href="./llm">Open the live page</a></div>'
    return html.replace("</head>", f"{head}</head>", 1).replace("<body>", f"<body>{line}", 1)
