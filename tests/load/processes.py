"""Load tests and targets as whole processes; what starts here is stopped here, by its id."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

from sagellm_benchmark.record.segments import read_records
from sagellm_benchmark.sim.sendlog import read_send_log
from sagellm_benchmark.wire.states import Status

REPLAY = "from sagellm_benchmark.load.users import ReplayUser\n"
CLOSED = "from sagellm_benchmark.load.users import ClosedLoopUser\n"
STATES = [status.value for status in Status]
BUSY = re.compile(
    r"dispatch lag |read lag |loop lag |share of requests in flight during an event-loop stall "
    r"|generator CPU |a garbage collection took |writing records took "
)
"""Reasons of a verdict that blame this machine for being busy, and not the program."""


class Target:
    """A simulated gateway with a send log.

    Attributes:
        url: Where it is.
    """

    def __init__(self, folder, *options):
        self._log = folder / "sent.jsonl"
        command = [sys.executable, "-m", "sagellm_benchmark", "sim", "--port", "0"]
        command += ["--send-log", str(self._log), "--max-seconds", "900", *map(str, options)]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        self.url = re.search(r"http://\S+", line)[0]
        self._idle = self._open_files()

    def posts(self, run_id=None):
        """The lines of the send log that came of a run's load, or of any."""
        sent = [line for line in read_send_log(self._log) if line.method == "POST"]
        if run_id is None:
            return sent
        return [line for line in sent if (line.request_id or "").rpartition("-")[0] == run_id]

    def busy(self, requests):
        """Wait until about this many requests are on the wire."""
        wait_for(lambda: self._open_files() >= self._idle + requests)

    def _open_files(self):
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def stop(self, how=signal.SIGTERM):
        """End it and wait."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.communicate(timeout=10)


@contextmanager
def target(folder, *options):
    """A target for as long as the block lasts."""
    folder.mkdir(parents=True, exist_ok=True)
    found = Target(folder, *options)
    try:
        yield found
    finally:
        found.stop()


IN_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """A terminal that somebody sits at.

    Attributes:
        far: The end that a program gets.
        text: What the program has shown.
    """

    def __init__(self):
        self._near, self.far = os.openpty()
        self.text = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def type(self, keys):
        """Press keys."""
        os.write(self._near, keys)

    def settings(self):
        """What `stty` would tell."""
        return termios.tcgetattr(self._near)

    def close(self):
        """Leave."""
        os.close(self.far)
        self._reader.join(timeout=5)
        os.close(self._near)

    def _read(self):
        with suppress(OSError):  # how a terminal says that nobody writes to it any more
            while data := os.read(self._near, 65536):
                self.text += data.decode(errors="replace")


def _hear_interrupts():
    """Whoever runs the tests in the background has told this process to ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Load:
    """One `locust` on a locustfile of ours, in a process group of its own.

    Args:
        folder: Its working directory; runs, CSV, JSON and HTML land here.
        options: What follows `locust -f FILE`.
        file: The locustfile's text.
        env: Environment variables beside the machine's own.
        terminal: What it reads and writes, instead of nothing and files.
        before: Words that its command stands behind, as of `ip netns exec`.
    """

    def __init__(self, folder, *options, file=REPLAY, env=None, terminal=None, before=()):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "locustfile.py"
        path.write_text(file, encoding="utf-8")
        self._streams = [(self.folder / name).open("wb") for name in ("stdout", "stderr")]
        command = [*before, sys.executable, "-m", *self.program(path), *map(str, options)]
        stdin, stdout, stderr = subprocess.DEVNULL, *self._streams
        if terminal is not None:
            command = [sys.executable, "-c", IN_TERMINAL, *command]
            stdin = stdout = stderr = terminal.far
        self.process = subprocess.Popen(
            command,
            cwd=self.folder,
            env={**clean_environment(), **(env or {})},
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            preexec_fn=_hear_interrupts,
        )

    def program(self, locustfile):
        """What is run, as Python's `-m` takes it."""
        return ["locust", "-f", str(locustfile)]

    @property
    def out(self):
        """Standard output so far."""
        return (self.folder / "stdout").read_text(encoding="utf-8", errors="replace")

    @property
    def err(self):
        """Standard error so far."""
        return (self.folder / "stderr").read_text(encoding="utf-8", errors="replace")

    def ended(self, seconds=30):
        """Wait for its end.

        Returns:
            The exit code.
        """
        try:
            return self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still there after {seconds} s: {self.err}") from None

    def interrupt(self, how=signal.SIGINT):
        """Signal the whole group, as a terminal's Ctrl-C does."""
        os.killpg(self.process.pid, how)

    def close(self):
        """Make sure that it is gone."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for stream in self._streams:
            stream.close()

    # What it left behind

    @property
    def runs(self):
        """Its run directories, oldest first."""
        found = [path for path in self.folder.glob("runs/[!.]*") if not path.is_symlink()]
        return sorted(found, key=lambda path: path.stat().st_ctime_ns)

    @property
    def run(self):
        """Its one run."""
        (only,) = self.runs
        return Results(only)

    def running(self, number=1):
        """Wait until this many records are on disk."""
        wait_for(lambda: self.runs and len(Results(self.runs[-1]).records) >= number, self)


class Results:
    """The files of one run."""

    def __init__(self, folder):
        self.folder = folder
        self.run_id = folder.name

    @property
    def summary(self):
        """summary.json."""
        return json.loads((self.folder / "summary.json").read_text())

    @property
    def manifest(self):
        """run.json."""
        return json.loads((self.folder / "run.json").read_text())

    @property
    def records(self):
        """The records on disk."""
        return list(read_records(sorted(self.folder.glob("records/*.jsonl"))))

    @property
    def states(self):
        """Of the summary's counts, those that are not 0."""
        counts = self.summary["counts"]
        return {state: counts[state] for state in STATES if counts[state]}


@contextmanager
def load(folder, *options, **more):
    """A load test for as long as the block lasts."""
    started = Load(folder, *options, **more)
    try:
        yield started
    finally:
        started.close()


def clean_environment():
    """The machine's environment without what would speak to Locust or to us."""
    ours = ("SAGELLM_", "LOCUST_", "COLUMNS", "NO_COLOR")
    return {key: value for key, value in os.environ.items() if not key.startswith(ours)}


def made(*, requests, rate=None, input_tokens=8, output_tokens=5):
    """Options of a load without a trace."""
    pace = () if rate is None else ("--rate", rate, "--burstiness", "inf")
    tokens = ("--input-tokens", input_tokens, "--output-tokens", output_tokens)
    return (*tokens, "--requests", requests, *pace)


def to(whom, run_id=None):
    """Options that name the target, the model and the run."""
    named = () if run_id is None else ("--run-id", run_id)
    return ("--host", whom.url, "--model", "sim-llm", *named)


def wait_for(check, load=None, seconds=20):
    """Poll until `check` returns something true; return it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := check():
            return value
        time.sleep(0.03)
    raise AssertionError(f"it never came true: {load.err if load else check}")


def free_port():
    """A port that nobody listens on just now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def came_out(load, expected):
    """Check the exit code; a verdict that only blames this busy machine is nobody's failure."""
    code = load.ended()
    assert "Traceback" not in load.err, load.err
    verdict = load.run.summary["verdict"]
    assert code == verdict["exit_code"], load.err
    reasons = verdict["reasons"]
    if code > expected and reasons and all(BUSY.match(reason) for reason in reasons):
        return
    assert code == expected, (verdict, load.err)


def books_agree(results, whom=None):
    """Records, summary and the target's log tell of the same requests."""
    records, counts = results.records, results.summary["counts"]
    states = {state: counts[state] for state in STATES}
    assert len(records) == counts["planned"] == sum(states.values())
    assert len({record.seq for record in records}) == len(records)
    for state, count in states.items():
        assert sum(record.status == state for record in records) == count, state
    if whom is not None:
        written = {record.request_id for record in records if record.written_s is not None}
        wait_for(lambda: len(whom.posts(results.run_id)) >= len(written))
        posts = whom.posts(results.run_id)
        assert {line.request_id for line in posts} == written
        assert len(posts) == len(written)


def locust_agrees(load, results, csv_prefix="c"):
    """Locust's CSV, JSON and HTML count the same requests as the summary."""
    counts = results.summary["counts"]
    planned = counts["planned"] - counts["lost"]
    expected = (planned, planned - counts["ok"] - results.summary["left"]["requests"])
    assert csv_counts(load.folder / f"{csv_prefix}_stats.csv") == expected
    assert json_counts(load.folder / "j.json") == expected
    assert html_counts(load.folder / "h.html") == expected


FILES = ("--csv", "c", "--json-file", "j", "--html", "h.html")


def csv_counts(path):
    """Requests and failures of Locust's `_stats.csv`: rows and Aggregated must agree."""
    with path.open() as lines:
        rows = list(csv.DictReader(lines))
    totals = {
        kind: tuple(
            sum(int(row[column]) for row in rows if row["Type"] == kind)
            for column in ("Request Count", "Failure Count")
        )
        for kind in ("LLM", "")
    }
    assert totals["LLM"] == totals[""], rows
    return totals[""]


def json_counts(path):
    """Requests and failures of Locust's `--json-file`."""
    rows = [row for row in json.loads(path.read_text()) if row["method"] == "LLM"]
    return sum(row["num_requests"] for row in rows), sum(row["num_failures"] for row in rows)


def html_counts(path):
    """Requests and failures of Locust's `--html` report."""
    _, _, rest = path.read_text().partition("window.templateArgs = ")
    content, _ = json.JSONDecoder().raw_decode(rest)
    rows = content["requests_statistics"]
    total = next(row for row in rows if row["name"] == "Aggregated")
    return total["num_requests"], total["num_failures"]
