"""However a run ends, its records, its summary, Locust's files and the target's log agree."""

from __future__ import annotations

import signal
import socket
import time

import pytest
from tests.load.processes import (
    FILES,
    Load,
    Terminal,
    books_agree,
    came_out,
    load,
    locust_agrees,
    made,
    target,
    to,
    wait_for,
)

LONG = made(requests=4000, rate=40)
"""A hundred seconds of requests: every one of these runs is ended before."""


@pytest.fixture(scope="module")
def loads(fast, slow, tmp_path_factory):
    """Runs that end in different ways, at once."""
    folder = tmp_path_factory.mktemp("endings")
    headless = ("--headless", *FILES)
    started = {
        "end": Load(folder / "end", *headless, *made(requests=30, rate=30), *to(fast, "end")),
        "time": Load(folder / "time", *headless, *LONG, *to(slow, "time"), "-t", "1s"),
        "at-once": Load(
            *(folder / "at-once", *headless, *made(requests=400, rate=40, output_tokens=50)),
            *(*to(slow, "at-once"), "-t", "1s", "--stop-timeout", 0),
        ),
        "soon": Load(
            *(folder / "soon", *headless, *made(requests=400, rate=40, output_tokens=50)),
            *(*to(slow, "soon"), "-t", "1s", "--stop-timeout", 1),
        ),
        "SIGINT": Load(folder / "SIGINT", *headless, *LONG, *to(slow, "SIGINT")),
        "SIGTERM": Load(folder / "SIGTERM", *headless, *LONG, *to(slow, "SIGTERM")),
    }
    yield started
    for each in started.values():
        each.close()


def test_the_end_of_the_trace_is_the_end(loads, fast):
    """A run ends by itself with its last reply, every row sent once, exit code 0."""
    end = loads["end"]
    came_out(end, 0)
    books_agree(end.run, fast)
    locust_agrees(end, end.run)
    assert end.run.states == {"ok": 30}
    assert end.run.summary["trace"] == {"rows": 30, "released": 30, "unreached": 0}


def test_the_run_time_ends_it(loads, slow):
    """`--run-time` releases no more; what flies may finish; that is no interruption."""
    timed = loads["time"]
    came_out(timed, 0)
    books_agree(timed.run, slow)
    locust_agrees(timed, timed.run)
    trace = timed.run.summary["trace"]
    assert set(timed.run.states) == {"ok"}
    assert trace["unreached"] == 4000 - trace["released"] > 3800


@pytest.mark.parametrize(("name", "within_s"), [("at-once", 2.5), ("soon", 3.5)])
def test_what_flies_at_the_end_is_cancelled(loads, slow, name, within_s):
    """After `--stop-timeout` what is still on the wire is cancelled, and counted as failed."""
    cut = loads[name]
    came_out(cut, 1)
    books_agree(cut.run, slow)
    locust_agrees(cut, cut.run)
    assert set(cut.run.states) == {"cancelled"}
    assert cut.run.summary["duration_s"] < within_s
    assert {record.reason for record in cut.run.records} == {"stopped"}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_good_order(loads, slow, how):
    """Ctrl-C, to the whole group, and SIGTERM let what flies finish, and leave with 3."""
    ended = loads[how.name]
    ended.running()
    ended.interrupt(how)
    came_out(ended, 3)
    books_agree(ended.run, slow)
    locust_agrees(ended, ended.run)
    assert ended.run.summary["verdict"]["reasons"][0] == f"interrupted by {how.name}"
    assert ended.run.summary["trace"]["unreached"] > 0
    assert set(ended.run.states) == {"ok"}
    assert f"{how.name}: no more requests" in ended.err


def test_a_signal_cancels_what_takes_too_long(tmp_path):
    """Interrupted, a run waits for `--stop-timeout` and not for the longest reply."""
    load_options = (*made(requests=400, rate=40, output_tokens=50), "--stop-timeout", 1)
    with (
        target(tmp_path / "target", "--fixed", "--ttft-ms", 10, "--itl-ms", 200) as whom,
        load(tmp_path / "load", "--headless", *FILES, *load_options, *to(whom, "late")) as late,
    ):
        whom.busy(10)
        late.interrupt()
        came_out(late, 3)
        books_agree(late.run, whom)
        locust_agrees(late, late.run)
        assert set(late.run.states) == {"cancelled"}


@pytest.fixture
def terminal():
    """A terminal to start a run in."""
    opened = Terminal()
    yield opened
    opened.close()


def test_ctrl_c_in_a_terminal(slow, tmp_path, terminal):
    """Ctrl-C ends a run started by hand in good order, and the terminal is as it was."""
    before = terminal.settings()
    options = ("--headless", *FILES, *LONG, *to(slow, "by-hand"))
    with load(tmp_path, *options, terminal=terminal) as by_hand:
        by_hand.running()
        terminal.type(b"\x03")
        came_out(by_hand, 3)
        books_agree(by_hand.run, slow)
        locust_agrees(by_hand, by_hand.run)
    assert terminal.settings() == before
    wait_for(lambda: "interrupted by SIGINT" in terminal.text)
    assert "Traceback" not in terminal.text


def test_a_second_ctrl_c_leaves_at_once(slow, tmp_path, terminal):
    """Whoever cannot wait presses twice: exit code 3, records readable, terminal as it was."""
    before = terminal.settings()
    options = ("--headless", *made(requests=400, rate=40, output_tokens=50), *to(slow, "twice"))
    with load(tmp_path, *options, terminal=terminal) as twice:
        wait_for(lambda: terminal.settings() != before and "INFO" in terminal.text, seconds=20)
        twice.running(0)
        time.sleep(1)
        terminal.type(b"\x03")
        wait_for(lambda: "no more requests" in terminal.text)
        pressed = time.monotonic()
        terminal.type(b"\x03")
        assert twice.ended(5) == 3
        assert time.monotonic() - pressed < 3
        assert all(record.status == "ok" for record in twice.run.records)
        wait_for(lambda: "leaving at once" in terminal.text)
    assert terminal.settings() == before
    assert "Traceback" not in terminal.text


def test_ctrl_c_before_any_load(tmp_path):
    """Ctrl-C while the target is being asked leaves with 2: no load was sent, and no traceback."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        host = f"http://127.0.0.1:{mute.getsockname()[1]}"
        options = ("--headless", *made(requests=10, rate=10), "--host", host, "--model", "m")
        with load(tmp_path, *options) as waiting:
            mute.settimeout(20)
            asked, _ = mute.accept()
            waiting.interrupt()
            assert waiting.ended(5) == 2
            assert "error: interrupted before any load was sent" in waiting.err
            assert "Traceback" not in waiting.err
            assert waiting.runs == []
            asked.close()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_the_first_request(slow, tmp_path, how):
    """A run interrupted while its first prompts are being made ends in order, with nothing sent."""
    options = ("--headless", *FILES, *made(requests=400, rate=40, input_tokens=100_000))
    with load(tmp_path, *options, *to(slow, f"early-{how.name}")) as early:
        early.running(0)
        early.interrupt(how)
        came_out(early, 3)
        books_agree(early.run, slow)
        locust_agrees(early, early.run)
        assert early.run.summary["counts"]["planned"] == 0
