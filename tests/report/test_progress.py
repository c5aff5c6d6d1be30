"""The live line and the log lines, in virtual time."""

from __future__ import annotations

import io
import os
import pty

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.report import progress
from sagellm_benchmark.report.progress import Progress, live_line, log_line

S = 1_000_000_000


class Clock:
    """Time that moves when told."""

    def __init__(self):
        self.ns = 5 * S

    def __call__(self):
        """Nanoseconds."""
        return self.ns

    def to(self, second):
        """Go to a second of the run."""
        self.ns = 5 * S + round(second * S)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        """Yes."""
        return True


def snapshot(elapsed_s=42.0, **changes):
    """A state in which every figure is another one."""
    return {
        "elapsed_s": elapsed_s,
        "rows": 19366,
        "sent": 1282,
        "in_flight": 48,
        "done": 1229,
        "failed": 2,
        "gone": 0,
        "dropped": 3,
        "lag_ms": 0.42,
        "tokens_per_s": 1523.4,
        "left_s": 190.4,
        **changes,
    }


def test_a_line_of_somebody_elses_gets_a_line_of_its_own():
    """The live line goes before it is written; a log has no line in the way."""
    terminal, log = Terminal(), io.StringIO()
    for stream in (terminal, log):
        shown = Progress(stream, 10, clock=Clock())
        shown.clear()
        assert stream.getvalue() == ""
        shown.show(snapshot())
        shown.clear()
    assert terminal.getvalue().endswith("\r\x1b[K")
    assert log.getvalue() == ""


def test_a_log_gets_a_line_every_ten_seconds_and_one_at_the_end():
    """However often it is told, a log holds one line per 10 s and the last state."""
    stream, clock = io.StringIO(), Clock()
    shown = Progress(stream, 19366, clock=clock)
    for half_seconds in range(51):
        clock.to(half_seconds / 2)
        shown.show(snapshot(half_seconds / 2))
    shown.close()
    lines = stream.getvalue().splitlines()
    assert [line.partition(":")[0] for line in lines] == ["after 10 s", "after 20 s", "after 25 s"]


def test_a_late_snapshot_is_logged_once_and_the_beat_is_kept():
    """A stall of 25 s yields one line, not three, and the next comes at 30 s."""
    stream, clock = io.StringIO(), Clock()
    shown = Progress(stream, 10, clock=clock)
    for second in (25.0, 25.5, 29.5, 30.0):
        clock.to(second)
        shown.show(snapshot(second))
    shown.close()
    lines = [line.partition(":")[0] for line in stream.getvalue().splitlines()]
    assert lines == ["after 25 s", "after 30 s"]


def test_a_log_line_says_everything():
    """The log line holds every figure in words."""
    assert log_line(snapshot(), 19366) == (
        "after 42 s: 1,282 of 19,366 sent, 48 in flight, 1,229 ok, 2 failed, 3 dropped, "
        "1,523 tokens/s, dispatch lag p99 0.420 ms, 3 min 10 s left"
    )


def test_users_who_left_are_told_where_there_are_any():
    """They have ended, and are neither ok nor failed."""
    state = snapshot(gone=7)
    assert "2 failed, 7 left by their user, 3 dropped" in log_line(state, 19366)
    assert live_line(state, 19366, 120).startswith("0:42  1,241/19,366")


def test_unknown_figures_are_left_out():
    """Own tasks have no rows and no end to count towards; nothing is made up."""
    unknown = snapshot(rows=None, lag_ms=None, tokens_per_s=None, left_s=None)
    assert log_line(unknown, None) == (
        "after 42 s: 1,282 sent, 48 in flight, 1,229 ok, 2 failed, 3 dropped"
    )
    assert live_line(unknown, None, 79) == "0:42  1,234 ended  48 in flight  2 failed  3 dropped"


def test_a_terminal_gets_one_line_rewritten_in_place(monkeypatch):
    """Each state overwrites the last one; the end leaves it standing on a line of its own."""
    monkeypatch.setattr(progress, "_columns", lambda stream: 120)
    stream = Terminal()
    shown = Progress(stream, 19366, clock=Clock())
    shown.show(snapshot(41.0, dropped=0))
    shown.show(snapshot(42.0))
    shown.close()
    assert stream.getvalue() == (
        "\r0:41  1,231/19,366 6%  48 in flight  2 failed  1,523 tok/s  lag 0.420 ms"
        "  3:10 left\x1b[K"
        "\r0:42  1,234/19,366 6%  48 in flight  2 failed  3 dropped  1,523 tok/s  lag 0.420 ms"
        "  3:10 left\x1b[K\n"
    )


@settings(deadline=None, derandomize=True)
@given(st.integers(0, 200), st.integers(0, 10**9), st.integers(1, 10**9))
def test_the_live_line_never_wraps(width, number, rows):
    """Whatever the figures and the width, the line fits."""
    state = snapshot(number, sent=number, in_flight=number, done=number, dropped=number)
    assert len(live_line(state, rows, width)) <= width


def test_a_narrow_line_keeps_what_matters_most():
    """The count of what has ended is the last thing to go, failures the last but one."""
    assert live_line(snapshot(), 19366, 30) == "1,234/19,366 6%  2 failed"
    assert live_line(snapshot(), 19366, 15) == "1,234/19,366 6%"


def test_the_width_is_that_of_the_terminal():
    """The line is fitted to the terminal that it is written to."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as stream, os.fdopen(ours, "rb", buffering=0):
        import fcntl
        import struct
        import termios

        fcntl.ioctl(stream.fileno(), termios.TIOCSWINSZ, struct.pack("HHHH", 24, 43, 0, 0))
        assert progress._columns(stream) == 43
    assert progress._columns(Terminal()) == 80


def test_nothing_is_written_where_nothing_was_shown():
    """A run that ends before its first snapshot leaves no empty line."""
    for stream in (io.StringIO(), Terminal()):
        Progress(stream, 10, clock=Clock()).close()
        assert stream.getvalue() == ""


@pytest.mark.parametrize("kind", [io.StringIO, Terminal])
def test_a_reader_that_went_away_does_not_end_the_run(kind):
    """A broken pipe is swallowed once, and then nobody writes to it any more."""

    class Broken(kind):
        writes = 0

        def write(self, text):
            self.writes += 1
            raise BrokenPipeError

    stream, clock = Broken(), Clock()
    shown = Progress(stream, 10, clock=clock)
    clock.to(10)
    shown.show(snapshot())
    clock.to(20)
    shown.show(snapshot())
    shown.close()
    assert stream.writes == 1
