"""Locust's page starts, shows and stops replays, and may set only what its form shows."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
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
    to,
    wait_for,
)

LOCUST = tuple(int(part) for part in version("locust").split(".")[:2])
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

    def post(self, path, origin=None, **fields):
        """Send a form."""
        return self._fetch(path, urlencode(fields).encode(), origin)

    def _fetch(self, path, form, origin=None):
        request = Request(self._url + path, form)
        if origin is not None:
            request.add_header("Origin", origin)
        with urlopen(request, timeout=40) as reply:
            return json.load(reply)

    def start(self, **fields):
        """Press Start."""
        form = {"user_count": 1, "spawn_rate": 1, "host": self._host, **fields}
        return self.post("/swarm", **form)

    def stop(self, origin=None):
        """Press Stop; returns when the run has ended. Before Locust 2.47 the page used GET."""
        return self._fetch("/stop", b"" if LOCUST >= (2, 47) else None, origin)

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
    """After Stop, Start begins anew within a second, with books and a directory of its own."""
    page, process = session
    before = len(process.runs)
    pressed = time.monotonic()
    assert page.start()["success"]
    newest(process, before + 1)
    assert time.monotonic() - pressed < 2
    run = newest(process, before + 1, records=1)
    page.stop()
    books_agree(run, slow)


def test_the_form_changes_the_load(session, slow):
    """What the form shows may be changed there, for the next run, and run.json says so."""
    page, process = session
    before = len(process.runs)
    assert page.start(rate="100", max_in_flight="3", speed="", run_time="1s")["success"]
    run = newest(process, before + 1)
    wait_for((run.folder / "summary.json").exists, process)
    books_agree(run, slow)
    settings = run.manifest["settings"]
    assert settings["rate"] == {"value": 100.0, "source": "page"}
    assert settings["max_in_flight"] == {"value": 3, "source": "page"}
    assert settings["run_time"] == {"value": 1, "source": "page"}
    assert settings["speed"] == {"value": None, "source": "default"}
    assert settings["input_tokens"] == {"value": 8, "source": "cli"}
    assert run.states["dropped"] > 10
    page.start(rate="40", max_in_flight="")
    run = newest(process, before + 2, records=1)
    page.stop()
    assert run.manifest["settings"]["rate"] == {"value": 40.0, "source": "cli"}
    assert "dropped" not in run.states


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("out", "/tmp/elsewhere", "--out cannot be set from the page"),
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
    assert (answer["success"], answer["message"]) == (False, words)
    assert len(process.runs) == before


def test_another_origin_is_refused(session):
    """A page from elsewhere can neither start nor stop a run."""
    page, process = session
    before = len(process.runs)
    answer = page.post("/swarm", origin="http://evil.example", user_count=1, spawn_rate=1)
    assert not answer["success"]
    assert "evil.example" in answer["message"]
    assert not page.stop(origin="null")["success"]
    assert len(process.runs) == before


def test_a_wrong_value_in_the_form_is_said(session):
    """A value that is none ends the start, with words in the page, and the next start works."""
    page, process = session
    before = len(process.runs)
    page.start(rate="fast")
    wait_for(lambda: page.get("/exceptions")["exceptions"])
    assert "--rate" in page.get("/exceptions")["exceptions"][0]["msg"]
    wait_for(lambda: page.stats["state"] == "stopped")
    assert len(process.runs) == before
    assert page.start(rate="40")["success"]
    run = newest(process, before + 1, records=1)
    page.stop()
    assert run.states["ok"] > 0


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
    planned = run.summary["counts"]["planned"]
    assert csv_counts(process.folder / "c_stats.csv") == (planned, 0)
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
