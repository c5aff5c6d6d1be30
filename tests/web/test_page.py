"""The live page of a whole process: what it serves, what it starts, and what it refuses."""

from __future__ import annotations

import json
import re
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from tests.load.processes import Results, books_agree, free_port, load, made, target, to, wait_for

from sagellm_benchmark.record.segments import read_records

TASKS = """
from flask import redirect
from flask_login import UserMixin, login_user
from locust import constant, events, task
from sagellm_benchmark.users import GatewayUser

class Ask(GatewayUser):
    wait_time = constant(0.05)

    @task
    def ask(self):
        with self.gateway.chat([{"role": "user", "content": "hello"}], max_tokens=5):
            pass

class Somebody(UserMixin):
    id = "1"

@events.init.add_listener
def login(environment, **_):
    web_ui = environment.web_ui
    web_ui.app.config["SECRET_KEY"] = "for this test"
    web_ui.login_manager.user_loader(lambda _: Somebody())

    @web_ui.app.route("/come-in")
    def come_in():
        login_user(Somebody())
        return redirect("/llm")
"""
REPLAY = "from sagellm_benchmark.users import ReplayUser\n"


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Page:
    """What a browser asks of the page."""

    def __init__(self, port, base=""):
        self.url = f"http://127.0.0.1:{port}{base}"
        self._opener = build_opener(_Stay())

    def ask(self, path, form=None, **headers):
        """Status, headers and text."""
        body = None if form is None else urlencode(form).encode()
        try:
            with self._opener.open(Request(self.url + path, body, headers), timeout=40) as reply:
                return reply.status, reply.headers, reply.read().decode()
        except HTTPError as refused:
            with refused:
                return refused.code, refused.headers, refused.read().decode()

    def json(self, path, form=None):
        """The answer's content."""
        return json.loads(self.ask(path, form)[2])

    def series(self, **query):
        """What the page asks for once a second."""
        return self.json(f"/llm/series?{urlencode(query)}")

    def start(self, **fields):
        """Press Start."""
        return self.json("/swarm", {"user_count": 1, "spawn_rate": 1, **fields})

    def until(self, state, process):
        """Wait for a state; what the page then knows."""
        return wait_for(lambda: (now := self.series())["state"] == state and now, process)

    def serves(self):
        """Whether it answers yet."""
        try:
            return bool(self.series())
        except OSError:
            return False


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Traces to choose from, and a file beside their directory."""
    root = tmp_path_factory.mktemp("traces")
    inside = root / "traces"
    inside.mkdir()
    for name, count in (("short <b>.jsonl", 12), ("long.jsonl", 400)):
        row = '{"timestamp": %d, "input_length": 8, "output_length": 5, "hash_ids": [%d]}\n'
        lines = "".join(row % (number * 25, number) for number in range(count))
        (inside / name).write_text(lines)
    (root / "secret.jsonl").write_text("{}\n")
    (inside / "leads-out.jsonl").symlink_to(root / "secret.jsonl")
    return inside


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """A target whose replies take a fifth of a second."""
    options = ("--fixed", "--ttft-ms", 100, "--itl-ms", 25)
    with target(tmp_path_factory.mktemp("gateway"), *options) as found:
        yield found


@pytest.fixture(scope="module")
def session(gateway, folder, tmp_path_factory):
    """A process without a trace, below a path of its own."""
    port = free_port()
    options = ("--web-port", port, "--web-base-path", "/bench", "--trace-dir", folder)
    more = ("--allow-host", "http://127.0.0.1:9", "--slo", "ttft_ms<=2000", *to(gateway))
    with load(tmp_path_factory.mktemp("page"), *options, *more, file=REPLAY) as process:
        page = Page(port, "/bench")
        wait_for(page.serves, process)
        yield page, process
        process.interrupt()  # so that its coverage is kept
        process.ended()


def test_nothing_is_sent_before_start(session, gateway):
    """Without a trace the process waits: no request, not even the questions before a load."""
    page, process = session
    assert page.series() == {"state": "idle", "message": None, "run": None}
    assert "No trace is named" in process.out
    assert gateway.posts() == []


def test_the_page_runs_files_of_its_own_alone(session):
    """No script in the page, none from elsewhere; names from outside are text."""
    page, _ = session
    status, headers, html = page.ask("/llm")
    assert status == 200
    policy = headers.get_all("Content-Security-Policy")[0]
    assert "default-src 'none'" in policy and "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "short &lt;b&gt;.jsonl" in html and "<b>" not in html
    assert "leads-out" not in html and "secret" not in html
    assert re.findall(r"<script(?! src=)", html) == []
    assert re.findall(r"""(?:src|href)=["'](?:https?:|//)""", html) == []
    assert re.findall(r"""\son\w+=|style=""", html) == []
    for name in re.findall(r'(?:src|href)="(llm/static/[^"]+)"', html):
        assert page.ask(f"/{name}")[0] == 200, name
    assert page.ask("/llm/static/..%2Froutes.py")[0] == 404
    assert page.ask("/llm/static/routes.py")[0] == 404


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("trace", "../secret.jsonl", "is no file of --trace-dir"),
        ("trace", "leads-out.jsonl", "is no file of --trace-dir"),
        ("trace", "/etc/passwd", "is no file of --trace-dir"),
        ("host", "http://127.0.0.1:10", "--host cannot be changed"),
        ("slo", "ttft_ms<=fast", "'fast' is no number"),
        ("trace_dir", "/etc", "--trace-dir cannot be set from the page"),
        ("allow_host", "http://x", "--allow-host cannot be set from the page"),
    ],
)
def test_what_the_page_may_not_choose(session, field, value, words):
    """A start with it is refused in words; no run begins."""
    page, process = session
    answer = page.start(**{"trace": "long.jsonl", field: value})
    assert not answer["success"]
    assert words in answer["message"]
    assert process.runs == []


def test_a_start_without_a_trace_is_said(session):
    """The page shows why a start came to nothing."""
    page, process = session
    assert page.start(trace="")["success"]
    told = page.until("refused", process)
    assert told["message"].startswith("no trace: name one")
    assert process.runs == []


def test_a_run_from_the_page(session, gateway):
    """Chosen by name, followed point by point, judged, listed with its report; then a second."""
    page, process = session
    fields = {"trace": "short <b>.jsonl", "slo": "ttft_ms<=3000, e2e_ms.p99<=9000"}
    assert page.start(**fields)["success"]
    told = page.until("finished", process)
    run = Results(process.runs[-1])
    books_agree(run, gateway)
    assert run.manifest["settings"]["trace"]["source"] == "page"
    assert run.manifest["settings"]["slo"]["value"] == ["ttft_ms<=3000", "e2e_ms.p99<=9000"]
    assert told["run"]["run_id"] == run.run_id and told["run"]["rows"] == 12
    figures = told["figures"]
    assert figures["verdict"] == run.summary["verdict"]
    assert figures["counts"] == run.summary["counts"]
    assert figures["latency"] == run.summary["latency"]
    points = told["points"]
    spans = [b - a for a, b in zip(points["start_s"], points["end_s"], strict=True)]
    for name in ("offered", "sent", "done"):
        amount = sum((rate or 0) * span for rate, span in zip(points[name], spans, strict=True))
        assert amount == pytest.approx(12, abs=0.2), name
    assert told["progress"]["released"] == 12
    (line,) = page.json("/llm/runs")["runs"]
    assert (line["run_id"], line["ok"]) == (run.run_id, 12)
    status, headers, _ = page.ask(f"/llm/runs/{run.run_id}/report")
    assert status == (200 if line["report"] else 404)
    assert "default-src 'none'" in headers.get_all("Content-Security-Policy")[0]

    assert page.start(trace="long.jsonl", slo="")["success"]
    second = page.until("running", process)
    wait_for(lambda: page.series()["figures"]["counts"].get("ok", 0) > 20, process)
    now = page.series()
    fresh = page.series(run=now["run"]["run_id"], since=now["revision"])
    assert len(fresh["points"]["start_s"]) <= 2
    assert now["figures"]["verdict"]["state"] in ("valid", "warned", "invalid")
    assert now["workers"][0]["name"] == "local" and now["workers"][0]["memory_mb"] > 20
    comparing = page.ask(f"/llm/compare?runs={run.run_id},{run.run_id}")
    assert comparing[0] == 409 and "A run is on" in comparing[2]
    rows = page.json("/stats/requests")["extended_stats"][0]["data"]
    assert {row["name"] for row in rows} >= {"TTFT", "ITL", "TPOT"}
    metrics = {f.name: f for f in text_string_to_metric_families(page.ask("/metrics")[2])}
    assert metrics["sagellm_benchmark_run"].samples[0].labels["run_id"] == second["run"]["run_id"]
    page.ask("/stop", {}, Origin=page.url.removesuffix("/bench"))
    told = page.until("finished", process)
    second = Results(process.runs[-1])
    assert told["run"]["run_id"] == second.run_id != run.run_id
    books_agree(second, gateway)
    assert second.manifest["settings"]["slo"]["value"] == []
    status, _, html = page.ask(f"/llm/compare?runs={run.run_id},{second.run_id}")
    assert status in (200, 409) and "ompar" in html
    for name in ("nope", "..", "latest"):
        assert page.ask(f"/llm/runs/{name}/report")[0] in (404, 302, 308)


def test_locust_s_page_leads_here(session):
    """Locust's page has the tab and a line with a link; its user fields are hidden."""
    page, _ = session
    _, _, html = page.ask("/")
    assert '<a href="./llm">Open the live page</a>' in html
    assert "users and ramp up have no part in a replay" in html
    assert page.ask("/llm/static/replay.css")[0] == 200
    arguments = json.JSONDecoder().raw_decode(html.partition("templateArgs = ")[2])[0]
    assert arguments["extended_tabs"] == [{"key": "llm", "title": "LLM"}]


@pytest.mark.integration
def test_a_page_without_a_trace_needs_a_directory(gateway, tmp_path):
    """Headless there is nobody to choose: the start ends with one line."""
    folder = tmp_path / "traces"
    folder.mkdir()
    options = ("--headless", "--trace-dir", folder, *to(gateway))
    with load(tmp_path / "a", *options, file=REPLAY) as process:
        assert process.ended() == 2
        assert "no trace: name one" in process.err
    with load(tmp_path / "b", "--trace-dir", tmp_path / "no", *to(gateway), file=REPLAY) as other:
        assert other.ended() == 2
        assert "no such directory" in other.err


@pytest.mark.integration
def test_locust_s_login_protects_all_of_it(gateway, tmp_path):
    """Who has not come in sees neither page nor figures; who has starts tasks and follows them."""
    port = free_port()
    options = ("--web-port", port, "--web-login", *to(gateway))
    with load(tmp_path, *options, file=TASKS) as process:
        page = Page(port)
        wait_for(lambda: "Starting web interface" in process.err, process)
        wait_for(lambda: _answers(page), process)
        for path in ("/llm", "/llm/series", "/llm/runs", "/llm/runs/x/report", "/metrics"):
            status, headers, _ = page.ask(path)
            assert (status, "/login" in headers["Location"]) == (302, True), path
        cookie = page.ask("/come-in")[1]["Set-Cookie"].partition(";")[0]
        status, _, html = page.ask("/llm", Cookie=cookie)
        assert status == 200 and 'name="spawn_rate" value="1"' in html
        form = {"user_count": 3, "spawn_rate": 3, "host": gateway.url}
        assert json.loads(page.ask("/swarm", form, Cookie=cookie)[2])["success"]

        def told():
            return json.loads(page.ask("/llm/series", Cookie=cookie)[2])

        wait_for(lambda: told()["state"] == "running" and told()["figures"]["counts"]["ok"] > 3)
        page.ask("/stop", {}, Cookie=cookie, Origin=page.url)
        wait_for(lambda: told()["state"] == "finished", process)
        (run,) = process.runs
        assert len(list(read_records(sorted(run.glob("records/*.jsonl"))))) > 3


def _answers(page):
    try:
        return page.ask("/llm")[0]
    except OSError:
        return None


@pytest.mark.integration
def test_headless_runs_have_no_page(gateway, tmp_path):
    """Nothing of the page is loaded where nobody can look."""
    file = REPLAY + (
        "import atexit, sys\n"
        "atexit.register(lambda: print('loaded', 'sagellm_benchmark.web.routes' in sys.modules))\n"
    )
    options = ("--headless", *made(requests=3, rate=30), *to(gateway))
    with load(tmp_path, *options, file=file) as process:
        process.ended()
        assert "loaded False" in process.out
