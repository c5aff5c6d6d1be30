"""Keys come out nowhere, whatever a server, a signal or a mistake does; content where asked for."""

from __future__ import annotations

import json
import signal
from contextlib import closing
from pathlib import Path

import pytest
from tests.leaks.canaries import (
    ENVIRONMENT,
    HEADER,
    KEY,
    PROMPT,
    REPLY,
    content,
    files,
    found,
    leaks,
)
from tests.leaks.echoes import WAYS, down, echo, refuse, whole
from tests.load.processes import FILES, Load, Terminal, free_port, wait_for
from tests.load.scripted import always, server
from tests.load.test_page import Page

EVERYTHING = (*FILES, "--csv-full-history", "-L", "DEBUG")


class Paged(Load):
    """`locust` with its page."""


class Run(Load):
    """`sagellm-benchmark run`."""

    def program(self, locustfile):
        """Without a locustfile of the user's."""
        return ["sagellm_benchmark", "run"]


def trace(folder, rows=WAYS):
    """A trace whose requests all hold the canary prompt."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "trace.jsonl"
    messages = [{"role": "user", "content": PROMPT}]
    lines = [{"schema": "sagellm.trace/1", "source": {"name": "made", "format": "native"}}]
    lines += [
        {"request_id": f"r{number}", "arrival_time_s": number / 50, "messages": messages}
        for number in range(rows)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def started(folder, url, *options, program=Load, env=None, terminal=None):
    """A run of that trace, with every file and the loudest log."""
    headless = ("--headless",) if program is Load else ()
    given = ("--trace", trace(folder), "--host", url, "--api-key-env", "GATEWAY_KEY")
    given += (*headless, "--model", "m", "--run-id", "canaries", *options)
    return program(folder, *given, env={**ENVIRONMENT, **(env or {})}, terminal=terminal)


def ran(folder, url, *options, **more):
    """The same, at its end."""
    with closing(started(folder, url, *options, **more)) as process:
        process.code = process.ended()
    return process


@pytest.fixture(scope="module")
def echoing():
    """A server that writes credentials back in every way."""
    with server(echo) as found:
        yield found


@pytest.fixture(scope="module")
def told(echoing, tmp_path_factory):
    """A run against it."""
    folder = tmp_path_factory.mktemp("told")
    return ran(folder, echoing.url, "--no-preflight", *EVERYTHING)


def test_what_a_server_echoes_comes_out_nowhere(told):
    """No record, report, table, log or file of Locust's holds a key, in any form of writing."""
    records = told.run.records
    assert len(records) == WAYS
    assert told.code in (1, 3)
    assert leaks(told.folder) == []
    messages = " ".join(record.error.message for record in records if record.error)
    assert messages.count("***") > 10  # the servers' words are there, and only the keys are not
    assert "Incorrect API key provided: ***" in told.out


def test_content_is_kept_only_where_it_is_asked_for(told):
    """By default neither prompts nor replies are in any file, also where a reply went wrong."""
    assert content(told.folder) == set()
    assert {record.text for record in told.run.records} == {None}
    messages = [record.error.message for record in told.run.records if record.error]
    assert "application/json instead of text/event-stream" in messages


def test_the_route_is_said_once_and_recorded(told):
    """Proxy variables are named, never quoted and never obeyed; run.json has the address."""
    line = "HTTP_PROXY: ignored, requests go straight to 127.0.0.1:"
    assert told.out.count(line) == 1
    target = told.run.manifest["target"]
    assert (target["proxies_ignored"], target["addresses"]) == (["HTTP_PROXY"], ["127.0.0.1"])
    assert told.run.manifest["connected_to"] == ["127.0.0.1"]


def test_the_command_line_holds_no_key(echoing, tmp_path):
    """Neither /proc nor the terminal shows a key or a header that the environment brings.

    The run is stopped with Ctrl-C while its requests fly.
    """
    terminal = Terminal()
    with server(always(whole()[:-20], gap=5)) as slow:
        options = ("--no-preflight", "--stop-timeout", "1s")
        with closing(started(tmp_path, slow.url, *options, program=Run, terminal=terminal)) as run:
            wait_for(lambda: slow.open >= WAYS, run)
            line = Path(f"/proc/{run.process.pid}/cmdline").read_text()
            run.interrupt(signal.SIGINT)
            assert run.ended() == 3
    terminal.close()
    assert found(line) == []
    assert found(terminal.text) == []
    assert leaks(tmp_path) == []
    assert content(tmp_path) == set()


KEPT_OK = {18, 19, 20}
"""The ways that are an answer."""
KEEPERS = ("records/local.jsonl", "report.html")
"""Files of a run that hold replies where those are kept, for their owner alone."""


@pytest.mark.integration
@pytest.mark.parametrize("which", ["errors", "all"])
def test_kept_content_is_the_reply_and_holds_no_key(echoing, tmp_path, which):
    """`errors` keeps what came of failed replies, `all` every reply, with keys masked.

    The prompt is in neither: the trace has it.
    """
    run = ran(tmp_path, echoing.url, "--no-preflight", "--keep-content", which, *EVERYTHING)
    texts = {record.seq: record.text for record in run.run.records if record.text}
    assert set(texts) & KEPT_OK == (KEPT_OK if which == "all" else set())
    assert texts[21] == REPLY
    if which == "all":
        assert texts[19] == f"{REPLY}: you are *** of ***"
    assert leaks(tmp_path) == []
    assert {name for name, text in files(tmp_path) if PROMPT in text} == set()
    assert content(tmp_path) == {f"runs/canaries/{name}" for name in KEEPERS}
    assert all((run.run.folder / name).stat().st_mode & 0o077 == 0 for name in KEEPERS)


PATHS = (
    *("/", "/tasks", "/logs", "/exceptions", "/exceptions/csv", "/worker-count"),
    *("/stats/requests", "/stats/report", "/stats/report?download=1", "/stats/requests/csv"),
    *("/stats/requests_full_history/csv", "/stats/failures/csv"),
)


@pytest.mark.integration
def test_the_page_shows_no_key(echoing, tmp_path):
    """No answer of the page holds a key or content: not its form, tables, log, report or files."""
    port = free_port()
    options = ("--no-preflight", "--web-port", port, "--autostart", *EVERYTHING)
    with closing(started(tmp_path, echoing.url, *options, program=Paged)) as process:
        page = Page(port, echoing.url)
        wait_for(page.serves, process)
        wait_for(lambda: page.stats["state"] == "stopped", process)
        assert page.start(rate="1", speed="2")["success"]  # exclude each other: in the log, too
        wait_for(lambda: page.get("/exceptions")["exceptions"], process)
        for path in PATHS:
            status, headers, body = page.ask(path)
            assert status == 200, path
            text = str(headers) + body.decode()
            assert (found(text), PROMPT in text, REPLY in text) == ([], False, False), path
        process.interrupt()
        process.ended()
    assert leaks(tmp_path) == []
    assert content(tmp_path) == set()


STARTS = {
    "a wrong key": (refuse, (), "refuses us with HTTP 401"),
    "a server that is down": (down, (), "HTTP 500"),
    "nobody there": (None, (), "failed"),
    "a plan": (refuse, ("--plan",), None),
    "a password in the URL": (
        None,
        ("--host", f"http://me:{KEY[:8]}@h"),
        "must not hold a password",
    ),
    "a key on the command line": (None, ("--api-key", "CANARYplain-as-it-is"), "--api-key-env VAR"),
    "a header without a name": (None, ("--header", "CANARYplain-as-it-is"), "NAME=VALUE"),
}


@pytest.mark.integration
@pytest.mark.parametrize("program", [Load, Run])
@pytest.mark.parametrize("name", STARTS)
def test_a_start_that_fails_tells_no_key(tmp_path, name, program):
    """Preflight, plan and refusal say what is wrong in one line, and repeat no secret."""
    script, options, words = STARTS[name]
    with server(script or refuse) as there:
        url = there.url if script else "http://127.0.0.1:9"
        run = ran(tmp_path, url, *EVERYTHING, *options, program=program)
    assert run.code == (0 if words is None else 2), run.err
    assert (words or "") in run.err
    assert leaks(tmp_path) == []
    assert "CANARYplain" not in run.out + run.err
    assert "Traceback" not in run.err


@pytest.mark.integration
def test_an_error_of_ours_tells_no_key(echoing, tmp_path):
    """Should the program itself break, with a key in its words, the verdict does not hold it."""
    breaking = (
        "import os\n"
        "from sagellm_benchmark.load import run\n"
        "from sagellm_benchmark.load.users import ReplayUser\n"
        "def broken(*args):\n"
        "    raise RuntimeError('cannot send ' + os.environ['GATEWAY_KEY'])\n"
        "run.Run.full = broken\n"
    )
    folder = tmp_path / "broken"
    trace(folder)
    options = ("--headless", "--trace", "trace.jsonl", "--host", echoing.url, "--model", "m")
    options += ("--api-key-env", "GATEWAY_KEY", "--no-preflight", *EVERYTHING)
    with closing(Load(folder, *options, file=breaking, env=ENVIRONMENT)) as process:
        assert process.ended() == 3
    assert "cannot send ***" in process.run.summary["verdict"]["reasons"][0]
    assert [name for name, _ in leaks(folder)] in ([], ["stderr"])


def test_what_is_no_secret_is_no_canary():
    """The search itself finds a key, and in each form."""
    assert found(f"x{HEADER}y") == [HEADER]
    assert found("Q0FOQVJZa2V5KzEvMjwzPiY0JzUiNn5zZXNhbWU=") == [KEY]
