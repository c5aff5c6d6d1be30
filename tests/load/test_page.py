"""Locust's page starts, shows and stops replays, and may set only what its form shows."""

from __future__ import annotations

import json
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from tests.load.processes import (
    FILES,
    Results,
    books_agree,
    csv_counts,
    free_port,
    load,
    made,
    target,
    to,
    wait_for,
)

LOCUST = tuple(int(part) for part in version("locust").split(".")[:2])
CHANGE = b"" if LOCUST >= (2, 47) else None
"""What goes with a request that changes something: before Locust 2.47 the page used GET."""
HERE = socket.gethostname()
USERS = "from sagellm_benchmark.users import ReplayUser\n"
LONG = made(requests=400, rate=40)


class Page:
    """What a browser does with Locust's page.

    Args:
        port: Of the page.
        host: The target that its form names.
    """

    def __init__(self, port, host):
        self._url = f"http://127.0.0.1:{port}"
        self._host = host

    def get(self, path):
        """Fetch JSON."""
        return self._fetch(path, None)

    def post(self, path, **fields):
        """Send a form."""
        return self._fetch(path, urlencode(fields).encode())

    def _fetch(self, path, form, **headers):
        return json.loads(self.ask(path, form, **headers)[2])

    def ask(self, path, form=None, **headers):
        """Send anything; `_` in a header's name stands for `-`.

        Returns:
            Status, headers and body.
        """
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            with urlopen(Request(self._url + path, form, named), timeout=40) as reply:
                return reply.status, reply.headers, reply.read()
        except HTTPError as refused:
            with refused:
                return refused.code, refused.headers, refused.read()

    def start(self, **fields):
        """Press Start."""
        form = {"user_count": 1, "spawn_rate": 1, "host": self._host, **fields}
        return self.post("/swarm", **form)

    def stop(self):
        """Press Stop; returns when the run has ended."""
        return self._fetch("/stop", CHANGE, Sec_Fetch_Site="same-origin")

    @property
    def stats(self):
        """What the page polls."""
        return self.get("/stats/requests")

    def shows(self, users):
        """Wait until it shows this many users; its figures may be two seconds old."""
        wait_for(lambda: self.stats["user_count"] >= users)

    def serves(self):
        """Whether the page can be had."""
        try:
            return bool(self.stats)
        except OSError:
            return False


@pytest.fixture(scope="module")
def session(slow, tmp_path_factory):
    """One process with its page, for tests that start runs in it one after the other."""
    port = free_port()
    options = ("--web-port", port, "--web-host", "127.0.0.1", *LONG, *to(slow), *FILES)
    with load(tmp_path_factory.mktemp("page"), *options) as process:
        page = Page(port, slow.url)
        wait_for(page.serves, process)
        yield page, process


def newest(process, count, records=0):
    """The run that is the count-th of the process, once it has so many records."""
    wait_for(lambda: len(process.runs) == count, process)
    run = Results(process.runs[-1])
    wait_for(lambda: len(run.records) >= records, process)
    return run


def test_users_are_live_requests(session, slow):
    """Started from the page, a replay shows its requests on the wire as users; Stop ends it."""
    page, process = session
    assert page.start()["success"]
    page.shows(6)
    assert page.stats["user_count"] <= 40  # 40 requests/s of 0.7 s: about 28 on the wire
    assert page.stop()["success"]
    run = newest(process, 1)
    books_agree(run, slow)
    assert set(run.states) == {"ok"}
    assert run.summary["trace"]["unreached"] > 0
    assert "interrupted" not in str(run.summary["verdict"])
    wait_for(lambda: page.stats["user_count"] == 0)
    total = next(row for row in page.stats["stats"] if row["name"] == "Aggregated")
    assert total["num_requests"] == run.summary["counts"]["planned"]


def test_a_second_start_is_a_second_run(session, slow):
    """After Stop, Start begins anew at once, with books and a directory of its own."""
    page, process = session
    before = len(process.runs)
    pressed = time.monotonic()
    assert page.start()["success"]
    newest(process, before + 1)
    assert time.monotonic() - pressed < 5
    run = newest(process, before + 1, records=1)
    page.stop()
    books_agree(run, slow)


def test_the_form_changes_the_load(session, slow):
    """What the form shows may be changed there, for the next run, and run.json says so."""
    page, process = session
    before = len(process.runs)
    assert page.start(rate="100", max_in_flight="3", speed="", run_time="3s")["success"]
    run = newest(process, before + 1)
    wait_for((run.folder / "summary.json").exists, process)
    books_agree(run, slow)
    settings = run.manifest["settings"]
    assert settings["rate"] == {"value": 100.0, "source": "page"}
    assert settings["max_in_flight"] == {"value": 3, "source": "page"}
    assert settings["run_time"] == {"value": 3, "source": "page"}
    assert settings["speed"] == {"value": None, "source": "default"}
    assert settings["input_tokens"] == {"value": 8, "source": "cli"}
    assert run.states["dropped"] > 0
    page.start(rate="40", max_in_flight="")
    run = newest(process, before + 2, records=1)
    page.stop()
    assert run.manifest["settings"]["rate"] == {"value": 40.0, "source": "cli"}
    assert "dropped" not in run.states


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("out", "/tmp/elsewhere", "--out cannot be set from the page"),
        ("trace", "/etc/passwd", "--trace cannot be set from the page"),
        ("cacert", "/tmp/mine.pem", "--cacert cannot be set from the page"),
        ("insecure", "true", "--insecure cannot be set from the page"),
        ("api_key", "x", "--api-key cannot be set from the page"),
        ("csv_prefix", "/tmp/evil", "--csv-prefix cannot be set from the page"),
        ("loglevel", "DEBUG", "--loglevel cannot be set from the page"),
        ("sped", "2", "sped cannot be set from the page"),
        ("rate", "fast", "--rate must be a number, not 'fast'"),
        ("rate", "-1", "--rate must be above 0, not -1"),
        ("limit", "1e9", "--limit must be a whole number, not '1e9'"),
        ("endpoint", "/admin", "--endpoint must be one of chat, completions, embeddings, not"),
        ("user_count", "many", "user_count and spawn_rate must be numbers"),
        ("spawn_rate", "nan", "user_count and spawn_rate must be numbers"),
        ("api_key_env", "HOME", "--api-key-env cannot be set from the page"),
        ("header", "X-Evil=1", "--header cannot be set from the page"),
        ("html_file", "/tmp/evil.html", "--html-file cannot be set from the page"),
        ("host", "http://127.0.0.1:9", "--host cannot be changed from the page"),
    ],
)
def test_the_page_may_not_set_everything(session, field, value, words):
    """A start that sets what the form does not show is refused in words, and changes nothing."""
    page, process = session
    before = len(process.runs)
    answer = page.start(**{field: value})
    assert not answer["success"]
    assert answer["message"].startswith(words)
    assert len(process.runs) == before


FOREIGN = {
    "another origin": {"Origin": "http://evil.example"},
    "no origin": {"Origin": "null"},
    "another port": {"Origin": "http://127.0.0.1:9"},
    "a name that somebody points here": {
        "Host": "evil.example:8089",
        "Origin": "http://evil.example:8089",
    },
    "another site, as the browser says": {"Sec-Fetch-Site": "cross-site"},
    "another site on this machine": {"Sec-Fetch-Site": "same-site"},
}
FORM = {
    "user_count": 1,
    "spawn_rate": 1,
    "host": "http://evil.example",
    "api_key_env": "HOME",
    "out": "/tmp/evil",
    "header": "X=1",
    "trace": "/etc/passwd",
    "cacert": "/tmp/evil.pem",
}
CHANGES = {
    "/swarm": urlencode(FORM).encode(),
    "/stop": CHANGE,
    "/stats/reset": CHANGE,
    "/user": json.dumps({"user_class_name": "ReplayUser", "host": "http://evil.example"}).encode(),
}


def test_nobody_but_the_page_itself_changes_anything(session, slow):
    """A run that is on goes on, untouched, whatever another page asks for, and under any name."""
    page, process = session
    before = len(process.runs)
    page.start()
    run = newest(process, before + 1, records=1)
    for whence, headers in FOREIGN.items():
        for path, form in CHANGES.items():
            status, _, body = page.ask(path, form, **headers)
            assert (status, json.loads(body)["success"]) == (403, False), (whence, path)
            assert page.ask(path, form, **headers | {"X-Forwarded-Host": "localhost"})[0] == 403
    written = len(run.records)
    wait_for(lambda: len(run.records) > written)
    assert page.stats["state"] in ("running", "spawning")
    assert next(row for row in page.stats["stats"] if row["name"] == "Aggregated")["num_requests"]
    page.stop()
    books_agree(run, slow)
    assert len(process.runs) == before + 1


def test_a_link_on_another_page_stops_nothing(session):
    """A GET that no browser vouches for, as of an image, changes nothing where Locust takes GET."""
    page, _ = session
    for path in ("/stop", "/stats/reset"):
        for headers in ({}, {"Referer": "http://evil.example/"}, {"Sec_Fetch_Site": "cross-site"}):
            status, _, body = page.ask(path, None, **headers)
            assert (status, b"stopped" in body) == (405 if LOCUST >= (2, 47) else 403, False)


READS = ("/", "/stats/requests", "/stats/report", "/stats/requests/csv", "/exceptions", "/logs")


@pytest.mark.parametrize("path", READS)
def test_no_other_origin_reads_the_page(session, path):
    """No answer may be read by, or shown in, a page of another origin; other names get none."""
    page, _ = session
    status, headers, _ = page.ask(path)
    assert status == 200
    assert [name for name in headers if name.lower().startswith("access-control")] == []
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    status, headers, body = page.ask(path, Origin="http://evil.example")
    assert (status, b"refused" in body) == (403, True)
    assert [name for name in headers if name.lower().startswith("access-control")] == []
    for name in ("evil.example", "evil.example:8089", "127.0.0.1.evil.example", "x]["):
        status, _, body = page.ask(path, Host=name)
        assert (status, b"llm" in body.lower()) in ((403, False), (400, False)), name


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1:9000", "[::1]:8089", "192.168.7.7", HERE])
def test_the_page_knows_its_own_names(session, name):
    """Addresses cannot be pointed elsewhere, whatever port a tunnel gives them; nor own names."""
    page, _ = session
    assert page.ask("/stats/requests", Host=name)[0] == 200
    assert page.ask("/stats/requests", Host=name, Origin=f"http://{name}")[0] == 200


@pytest.mark.parametrize(
    "told",
    [
        {"user_class_name": "ReplayUser", "role": "tasks"},
        {"user_class_name": "ReplayUser", "host": "http://evil.example"},
        ["ReplayUser"],
    ],
)
def test_the_page_sets_no_attribute_of_a_user(session, told):
    """Locust would set any attribute of a class of users, also its host."""
    page, _ = session
    status, _, body = page.ask("/user", json.dumps(told).encode(), Content_Type="application/json")
    assert (status, json.loads(body)["success"]) == (200, False)


def test_a_page_that_others_can_reach_says_so(fast, tmp_path):
    """Beyond loopback there is a note, and the page answers to the name it was given."""
    port = free_port()
    options = ("--web-port", port, "--web-host", "0.0.0.0", *to(fast), *made(requests=1, rate=1))
    names = ("--web-host-display-name", "http://bench.example:80")
    with load(tmp_path, *options, *names) as process:
        page = Page(port, fast.url)
        wait_for(page.serves, process)
        assert "note: the page listens on 0.0.0.0 without a login" in process.err
        assert page.ask("/stats/requests", Host="bench.example")[0] == 200
        assert page.ask("/stats/requests", Host="evil.example")[0] == 403


def test_a_wrong_value_in_the_form_is_said(session):
    """Values that exclude each other end the start, with words in the page; the next one works."""
    page, process = session
    before = len(process.runs)
    page.start(rate="40", concurrency="2")
    wait_for(lambda: page.get("/exceptions")["exceptions"])
    assert "--rate" in page.get("/exceptions")["exceptions"][0]["msg"]
    wait_for(lambda: page.stats["state"] == "stopped")
    assert len(process.runs) == before
    assert page.start(rate="40", concurrency="")["success"]
    run = newest(process, before + 1, records=1)
    page.stop()
    assert run.states["ok"] > 0


def test_stop_while_a_run_is_being_started(tmp_path):
    """Start waits for a target that stands still: Stop ends the wait, and the next Start works."""
    with target(tmp_path / "target") as whom:
        port = free_port()
        options = ("--web-port", port, "--web-host", "127.0.0.1", *made(requests=5, rate=50))
        with load(tmp_path, *options, *to(whom), file=USERS) as process:
            page = Page(port, whom.url)
            wait_for(page.serves, process)
            whom.process.send_signal(signal.SIGSTOP)
            assert page.start()["success"]
            wait_for(lambda: page.get("/llm/series")["state"] == "preparing", process)
            assert "is being started" in page.start()["message"]
            assert page.stop()["success"]
            told = page.get("/llm/series")
            assert (told["state"], told["message"]) == (
                "refused",
                "stopped before any load was sent",
            )
            whom.process.send_signal(signal.SIGCONT)
            assert process.runs == []
            wait_for(lambda: page.start()["success"], process)
            wait_for(lambda: page.get("/llm/series")["state"] == "finished", process)
            books_agree(process.run, whom)
            assert process.run.states == {"ok": 5}
            assert "Traceback" not in process.err


def test_a_start_on_top_of_a_run_is_refused(session, slow):
    """While a replay is on, or ending, Start says why not and changes nothing of it."""
    page, process = session
    before = len(process.runs)
    page.start()
    run = newest(process, before + 1, records=1)
    answer = page.start(user_count=50)
    assert (answer["success"], "stop it first" in answer["message"]) == (False, True)
    with ThreadPoolExecutor(1) as hand:
        stopped = hand.submit(page.stop)
        answer = wait_for(lambda: "ending" in (found := page.start())["message"] and found)
        assert not answer["success"]
        assert stopped.result()["success"]
    books_agree(run, slow)
    assert len(process.runs) == before + 1


def test_stop_before_the_first_request(slow, tmp_path):
    """A run stopped while its first prompts are being made leaves the page in order."""
    port = free_port()
    options = ("--web-port", port, "--web-host", "127.0.0.1", *to(slow, "hasty"))
    long = made(requests=400, rate=40, input_tokens=20_000)
    with load(tmp_path, *options, *long) as process:
        page = Page(port, slow.url)
        wait_for(page.serves, process)
        for number in (1, 2):
            page.start()
            run = newest(process, number)
            page.stop()
            books_agree(run, slow)
            assert run.summary["counts"]["planned"] == 0
        process.interrupt()
        assert process.ended() == run.summary["verdict"]["exit_code"]
        assert "broke" not in process.err


def test_ctrl_c_leaves_the_page(session, slow):
    """Ctrl-C ends page and process with the code of the last run, and Locust's files hold it."""
    page, process = session
    before = len(process.runs)
    page.start()
    run = newest(process, before + 1, records=1)
    process.interrupt()
    assert process.ended() == 3
    assert run.summary["verdict"]["reasons"][0] == "interrupted by SIGINT"
    books_agree(run, slow)
    counts = run.summary["counts"]
    failed = counts["planned"] - counts["ok"] - run.summary["left"]["requests"]
    assert csv_counts(process.folder / "c_stats.csv") == (counts["planned"], failed)
    assert "Traceback" not in process.err


def test_autostart_and_autoquit(fast, tmp_path):
    """`--autostart --autoquit 1` needs nobody: it runs, shows its page, and leaves."""
    port = free_port()
    options = ("--web-port", port, "--web-host", "127.0.0.1", "--autostart", "--autoquit", 1)
    with load(tmp_path, *options, *FILES, *made(requests=20, rate=40), *to(fast, "auto")) as auto:
        page = Page(port, fast.url)
        wait_for(page.serves, auto)
        assert auto.ended() == auto.run.summary["verdict"]["exit_code"]
        books_agree(auto.run, fast)
        assert auto.run.states == {"ok": 20}
        assert csv_counts(auto.folder / "c_stats.csv") == (20, 0)
        assert "Traceback" not in auto.err
