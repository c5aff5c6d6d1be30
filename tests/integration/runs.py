"""Runs of the program as a user starts it, and the books that must balance after each.

A run's own records, Locust's figures and the engine's log of what it was asked are three accounts
of the same requests, kept by three programs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.load.processes import BUSY
from tests.sim.processes import CHAT, simulator

from sagellm_benchmark.sim.sendlog import Sent, read_send_log

from .gateways import LIFE_S

REPOSITORY = Path(__file__).parents[2]
TRACES = REPOSITORY / "traces"
PROGRAM = (sys.executable, "-m", "sagellm_benchmark")
RUN = (*PROGRAM, "run")
LOCUST = (sys.executable, "-m", "locust", "--headless")
FAST = ("--ttft-ms", 10, "--prefill-ms-per-1k", 1, "--itl-ms", 5)
LIMIT_S = 150


Command = tuple[str, ...]


@dataclass(frozen=True)
class Finished:
    """A run that ended.

    Attributes:
        code: Its exit code.
        output: What it wrote to standard output.
        errors: What it wrote to standard error.
        folder: Where its files are.
    """

    code: int
    output: str
    errors: str
    folder: Path

    @property
    def summary(self) -> dict[str, Any]:
        """Its `summary.json`."""
        file = self.folder / "latest" / "summary.json"
        assert file.exists(), self.told()
        return json.loads(file.read_text())

    @property
    def manifest(self) -> dict[str, Any]:
        """Its `run.json`."""
        return json.loads((self.folder / "latest" / "run.json").read_text())

    @property
    def records(self) -> list[dict[str, Any]]:
        """All its records."""
        segments = sorted((self.folder / "latest" / "records").glob("*.jsonl"))
        return [json.loads(line) for file in segments for line in file.read_text().splitlines()]

    @property
    def locust_requests(self) -> int:
        """How many requests Locust's own figures count."""
        entries = json.loads((self.folder / "locust.json").read_text())
        return sum(entry["num_requests"] for entry in entries if entry["method"] == "LLM")

    def told(self) -> str:
        """What it said, for a failing test."""
        return f"exit code {self.code}\n{self.output[-4000:]}\n{self.errors[-2000:]}"


def begin(
    folder: Path, *arguments: object, command: Command = RUN, **environment: str
) -> subprocess.Popen[str]:
    """Start a run whose files are to lie in a folder."""
    files = ("--out", folder, "--json-file", folder / "locust")
    folder.mkdir(parents=True, exist_ok=True)
    return subprocess.Popen(
        [*command, *map(str, (*arguments, *files))],
        cwd=REPOSITORY,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str], folder: Path) -> Finished:
    """Wait for a run's end."""
    try:
        output, errors = process.communicate(timeout=LIMIT_S)
    finally:
        process.kill()
    return Finished(process.returncode, output, errors, folder)


def bench(folder: Path, *arguments: object, command: Command = RUN, **environment: str) -> Finished:
    """Run from start to end."""
    return finish(begin(folder, *arguments, command=command, **environment), folder)


@contextmanager
def engine(gateway: str, model: str, log: Path, *options: object) -> Iterator[None]:
    """Serve a model behind a gateway; what was asked of it is in the log afterwards."""
    behind = ("--dialect", "openai", "--model", model, "--register", gateway, "--send-log", log)
    with simulator(*behind, "--max-seconds", LIFE_S, *options):
        yield


def forwarded(log: Path) -> list[Sent]:
    """What the gateway asked an engine to generate."""
    return [sent for sent in read_send_log(log) if sent.path == CHAT]


def replay(
    gateway: str,
    folder: Path,
    *arguments: object,
    engine_options: tuple[object, ...] = FAST,
    **how: Any,
) -> Finished:
    """Run against a gateway with an engine of the run's own behind it, and balance the books."""
    model, log = f"model-{folder.name}", folder / "engine.jsonl"
    folder.mkdir(parents=True, exist_ok=True)
    with engine(gateway, model, log, *engine_options):
        run = bench(folder, *arguments, "--host", gateway, "--model", model, **how)
    check_books(run)
    # The gateway names a request to its engine as it names the response to the client.
    asked = Counter(sent.request_id for sent in forwarded(log))
    load = Counter(record["server_id"] for record in run.records)
    assert load <= asked, run.told()
    assert (asked - load).total() == run.manifest["server"]["requests"], "the preflight's"
    return run


def valid_replay(gateway: str, folder: Path, *arguments: object, **how: Any) -> Finished:
    """The same, once more if this machine was too busy for a valid verdict."""
    run = replay(gateway, folder / "first", *arguments, **how)
    if run.code != 3:
        return run
    check_all_ok(run)
    return replay(gateway, folder / "second", *arguments, **how)


def check_valid(run: Finished) -> None:
    """The run ended with 0; a verdict that blames nothing but this busy machine is excused."""
    reasons = run.summary["verdict"]["reasons"]
    busy = run.code == 3 and reasons and all(BUSY.match(reason) for reason in reasons)
    assert run.code == 0 or busy, run.told()


def check_books(run: Finished) -> None:
    """Every planned request has one record and one state, and Locust counts no other number."""
    counts = dict(run.summary["counts"])
    planned = counts.pop("planned")
    states = Counter(record["status"] for record in run.records)
    assert {state: count for state, count in counts.items() if count} == states, run.told()
    assert states.total() == planned == run.locust_requests, run.told()
    assert sorted(record["seq"] for record in run.records) == list(range(planned))


def check_all_ok(run: Finished) -> None:
    """Nothing failed; if the verdict is invalid, only because the generator could not keep up."""
    counts = run.summary["counts"]
    assert counts["ok"] == counts["planned"] > 0, run.told()
    verdict = run.summary["verdict"]
    assert all(BUSY.match(reason) for reason in verdict["reasons"]), run.told()
    assert run.code == (0 if verdict["valid"] else 3), run.told()
