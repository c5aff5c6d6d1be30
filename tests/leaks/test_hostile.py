"""Names and words from traces, tasks and servers break no output: no escape, no formula, no script.

What is asserted of Locust's files is asserted of the page's downloads too.
"""

from __future__ import annotations

import csv
import io
import json
import re
from contextlib import closing

import pytest
from tests.load.processes import FILES, Load, Terminal, free_port, load, made, to, wait_for
from tests.load.scripted import plain, server
from tests.load.test_page import Page

HOSTILE = [
    '=HYPERLINK("http://evil.example","x")',
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1)",
    "\t=1",
    "</script><script>alert(1)</script>",
    "\x1b]0;owned\x07\x1b[2Jred\x1b[31m\x9b1m",
    "\u202egnp.exe\u2066",
    "[bold red]markup[/]",
    "wide " * 400,
    "{{7*7}} ${x} %s \\u003c",
]
MOVING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What moves a terminal or turns the writing; line ends and tabs do not."""
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")

TASKS = f"""
from locust import task
from sagellm_benchmark.load.gateway import GatewayUser

HOSTILE = {HOSTILE!r}

class Asker(GatewayUser):
    turn = 0

    @task
    def ask(self):
        name = HOSTILE[Asker.turn % len(HOSTILE)]
        Asker.turn += 1
        messages = [{{"role": "user", "content": "x"}}]
        with self.gateway.chat(messages, name=name, group=name, max_tokens=2) as out:
            out.fail(name)
        if "\\x1b" not in name and "\\u202e" not in name:  # its log is Locust's own
            raise ValueError(name)
"""


def cells(text):
    """Those cells of a CSV text that a spreadsheet would run."""
    rows = list(csv.reader(io.StringIO(text)))
    assert len(rows) > 1
    return [cell for row in rows for cell in row if cell.startswith(FORMULA)]


def broken(html):
    """Whether a script of ours ends before its end."""
    return "<script>alert" in html or "</script><script>" in html


def hostile_trace(folder):
    """A trace whose every name is hostile."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [{"schema": "sagellm.trace/1", "source": {"name": HOSTILE[0], "uri": HOSTILE[6]}}]
    for number, name in enumerate(HOSTILE):
        names = {"model": name, "tenant_id": name, "request_class": name, "user_id": name}
        row = {"request_id": f"=r{number}", "arrival_time_s": number / 50, "input_tokens": 4}
        lines.append({**row, "output_tokens": 2, "session_id": f"@s{number}", **names})
    path = folder / "trace.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def words(number):
    """A refusal whose words are hostile."""
    return plain("500 Oops", json.dumps({"error": HOSTILE[number % len(HOSTILE)]}).encode())


async def rude(peer):
    """Refuse everything in hostile words, each request in its own."""
    while asked := await peer.request():
        number = re.search(rb"(?im)^x-request-id: .*-([0-9]+)", asked)
        await peer.send(words(int(number[1]) if number else 0))


def test_a_hostile_trace_and_a_rude_server_move_no_terminal(tmp_path):
    """At a terminal, the plan, the live line and the final table hold text alone."""
    terminal = Terminal()
    with server(rude) as there:
        options = ("--trace", hostile_trace(tmp_path), "--host", there.url, "--no-preflight")
        more = ("--headless", "--only-summary", "--csv", "c", "--html", "h.html")
        with closing(Load(tmp_path, *options, *more, terminal=terminal)) as process:
            assert process.ended() in (1, 3)
    terminal.close()
    own = re.sub(r"\x1b\[[0-9;]*[mK]|\r", "", terminal.text)  # colours, and the live line
    assert MOVING.search(own) is None
    assert "owned" not in terminal.text
    said = {line["message"] for line in process.run.summary["errors"]}  # nothing else is lost
    assert {f"HTTP 500: {HOSTILE[5]}", f"HTTP 500: {HOSTILE[8]}"} <= said
    assert max(map(len, own.splitlines())) < 500
    assert cells((tmp_path / "c_stats.csv").read_text()) == []
    assert not broken((tmp_path / "h.html").read_text())
    assert process.run.summary["counts"]["planned"] == len(HOSTILE)


@pytest.mark.integration
def test_hostile_names_of_tasks_break_no_file_and_no_download(fast, tmp_path):
    """CSV cells are text, scripts end where they end, in files and in what the page gives."""
    port = free_port()
    options = ("--web-port", port, "--autostart", "--users", 1, *FILES, "--csv-full-history")
    with load(tmp_path, *options, *to(fast), file=TASKS) as process:
        page = Page(port, fast.url)
        wait_for(page.serves, process)
        wait_for(lambda: page.stats["stats"][-1]["num_requests"] >= 2 * len(HOSTILE), process)
        for name in ("requests", "failures", "requests_full_history"):
            assert cells(page.ask(f"/stats/{name}/csv")[2].decode()) == []
        found = page.ask("/exceptions/csv")[2].decode()
        assert "'=HYPERLINK" in found
        assert cells(found) == []
        for path in ("/", "/stats/report"):
            assert not broken(page.ask(path)[2].decode())
        process.interrupt()
        process.ended()
    for name in ("stats", "stats_history", "failures", "exceptions"):
        assert cells((tmp_path / f"c_{name}.csv").read_text()) == [], name
    assert not broken((tmp_path / "h.html").read_text())
    assert MOVING.search(process.out) is None
    assert json.loads((tmp_path / "j.json").read_text())
    names = {record.name for record in process.run.records}
    assert all(name.isprintable() and len(name) <= 100 for name in names)


@pytest.mark.parametrize("options", [("--rate", 10), ("--concurrency", 1)])
def test_a_hostile_model_list_is_told_as_text(tmp_path, options):
    """What the preflight quotes of a server is one line of text."""
    models = plain(body=json.dumps({"data": [{"id": name} for name in HOSTILE]}).encode())

    async def lists(peer):
        while await peer.request():
            await peer.send(models)

    closed = "from sagellm_benchmark.load.users import ClosedLoopUser\n"
    file = {"file": closed} if "--concurrency" in options else {}
    with server(lists) as there:
        given = ("--headless", *made(requests=1), *options, *to(there), "--skip-log-setup")
        with closing(Load(tmp_path, *given, **file)) as process:
            assert process.ended() == 2
    assert MOVING.search(process.err) is None
    assert "owned" not in process.err
    assert len(process.err) < 2000
