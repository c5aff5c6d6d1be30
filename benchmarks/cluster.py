"""What a run over several processes costs, beside the same run over one, in one go on loopback.

Prints CPU microseconds per streamed token of all workers together, at one worker and at two, and
what the coordinator spends on a row; with `--one`, what a request and a token cost a process that
is its own coordinator, the figures that the plan block counts with. CPU is that of each process by
`/proc/<pid>/stat` between the first row and the last: start-up is none of it. Costs a row are
slopes between two loads of the same length, so that what time alone costs is none of them either.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from client import ours
from server import MODEL, gateway, processors

LOCUSTFILE = Path(__file__).parents[1] / "locustfiles" / "replay.py"
TICKS = os.sysconf("SC_CLK_TCK")
EVERY_S = 0.1
STREAMS, RATE, TOKENS = 200, 50, 500
"""Of the comparison: requests of a worker, tokens a second of each, tokens of each."""

SECONDS = 10
FEW, MANY = 20, 220
"""Of a row's cost: how long both loads are, and how many rows a second they have."""


@dataclass
class Watched:
    """A process and its CPU seconds over time.

    Attributes:
        samples: Pairs of wall clock and CPU seconds so far.
    """

    process: subprocess.Popen[bytes]
    samples: list[tuple[float, float]] = field(default_factory=list)

    def look(self) -> None:
        """Take a sample, while there is something to see."""
        with suppress(OSError):
            stat = Path(f"/proc/{self.process.pid}/stat").read_text()
            user, system = stat.rpartition(")")[2].split()[11:13]
            self.samples.append((time.time(), (int(user) + int(system)) / TICKS))

    def between(self, begin_s: float, end_s: float) -> float:
        """CPU seconds between two instants of the wall clock."""
        return self._at(end_s) - self._at(begin_s)

    def _at(self, moment_s: float) -> float:
        before = [cpu_s for at_s, cpu_s in self.samples if at_s <= moment_s]
        return before[-1] if before else 0.0


@dataclass(frozen=True)
class Costs:
    """CPU seconds of one run's load, and its length.

    Attributes:
        master: Of the coordinator.
        workers: Of all workers together.
        tokens: That came.
        rows: That were sent.
    """

    master: float
    workers: float
    tokens: int
    rows: int


def cluster(url: str, workers: int, out: Path, *options: str) -> Costs:
    """One run over so many workers.

    Raises:
        RuntimeError: It did not end, or not all its requests were ok.
    """
    out.mkdir(parents=True)
    port = str(_free_port())
    load = [
        "--master",
        "--headless",
        "--expect-workers",
        str(workers),
        "--expect-workers-max-wait",
        "30",
    ]
    load += ["--master-bind-host", "127.0.0.1", "--master-bind-port", port]
    load += ["--host", url, "--model", MODEL, "--input-tokens", "4", "--out", str(out)]
    join = ["--worker", "--master-host", "127.0.0.1", "--master-port", port]
    with ExitStack() as undo:
        master = _started(undo, out / "master", [*load, *options], processors()[1])
        others = [
            _started(undo, out / f"worker{number}", join, processors()[0])
            for number in range(workers)
        ]
        everybody = [master, *others]
        until = time.monotonic() + 60
        while master.process.poll() is None and time.monotonic() < until:
            for each in everybody:
                each.look()
            time.sleep(EVERY_S)
        if master.process.poll() is None:
            raise RuntimeError(f"the run did not end: {_last_words(out)}")
    return _costs(out, master, others)


def _started(undo: ExitStack, name: Path, options: list[str], where: set[int]) -> Watched:
    command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), *options]
    with name.with_suffix(".out").open("wb") as told, name.with_suffix(".err").open("wb") as erred:
        process = subprocess.Popen(command, stdout=told, stderr=erred, cwd=name.parent)
    os.sched_setaffinity(process.pid, where)
    undo.callback(_ended, process)
    return Watched(process)


def _ended(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _costs(out: Path, master: Watched, workers: list[Watched]) -> Costs:
    path = out / "latest" / "summary.json"
    if not path.exists():
        raise RuntimeError(f"the run failed: {_last_words(out)}")
    summary: dict[str, Any] = json.loads(path.read_text())
    counts = summary["counts"]
    if counts["ok"] != counts["planned"]:
        raise RuntimeError(f"not all were ok: {counts}")
    begin_s = datetime.fromisoformat(summary["started_at"].replace("Z", "+00:00")).timestamp()
    end_s = begin_s + summary["duration_s"]
    return Costs(
        master=master.between(begin_s, end_s),
        workers=sum(worker.between(begin_s, end_s) for worker in workers),
        tokens=summary["tokens"]["output"],
        rows=counts["planned"],
    )


def _last_words(out: Path) -> str:
    lines = (out / "master.err").read_text().splitlines()
    return "\n".join(line for line in lines if "INFO" in line or "rror" in line)[-4000:]


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def per_token(rounds: int, scratch: Path) -> bool:
    """One worker and two, in turn, with as many streams a worker; whether the bound holds.

    A process reads the cheaper the more there is to read at a time, so that half the streams each
    would compare two loads, and not one worker with two.
    """
    costs: dict[int, list[float]] = {1: [], 2: []}
    with gateway(ttft_ms=200, itl_ms=1000 / RATE) as url:
        for number in range(rounds):
            for workers, found in costs.items():
                streams = str(workers * STREAMS)
                load = ["--output-tokens", str(TOKENS), "--requests", streams, "--rate", streams]
                cost = cluster(url, workers, scratch / f"tokens-{number}-{workers}", *load)
                found.append(cost.workers / cost.tokens * 1e6)
    shape = f"{STREAMS} streams of {RATE} tokens/s a worker"
    print(f"CPU per streamed token, {shape}, median of {rounds}:")
    for workers, found in costs.items():
        shown = ", ".join(f"{value:.1f}" for value in found)
        print(f"  {workers} of them: {statistics.median(found):5.1f} us   ({shown})")
    ratio = statistics.median(costs[2]) / statistics.median(costs[1])
    print(f"  two / one: {ratio:.2f} (at most 1.1)")
    return ratio <= 1.1


def per_row(rounds: int, scratch: Path) -> bool:
    """What the coordinator spends on a row whose prompt the worker makes; whether it holds."""
    masters, workers = [], []
    with gateway(ttft_ms=20, itl_ms=5) as url:
        for number in range(rounds):
            few, many = (
                cluster(
                    url, 2, scratch / f"rows-{number}-{rate}",
                    "--output-tokens", "2", "--requests", str(rate * SECONDS),
                    "--rate", str(rate), "--burstiness", "inf",
                )
                for rate in (FEW, MANY)
            )  # fmt: skip
            rows = many.rows - few.rows
            masters.append((many.master - few.master) / rows * 1e6)
            workers.append((many.workers - few.workers) / rows * 1e6)
    print(f"CPU per row, from {FEW} rows/s to {MANY} rows/s over 2 workers, median of {rounds}:")
    for name, found in (("coordinator", masters), ("workers", workers)):
        shown = ", ".join(f"{value:.0f}" for value in found)
        print(f"  {name:11s} {statistics.median(found):6.0f} us   ({shown})")
    print("  the coordinator's: at most 20 us")
    return statistics.median(masters) <= 20


def alone(rounds: int, scratch: Path) -> None:
    """What a request, a token and a token of a prompt cost a process by itself."""
    shapes = {
        "request": ("--requests", "1500", "--output-tokens", "2"),
        "token": ("--requests", "1500", "--output-tokens", "42"),
        "prompt": ("--requests", "1500", "--output-tokens", "2", "--input-tokens", "8004"),
    }
    costs: dict[str, list[float]] = {name: [] for name in shapes}
    with gateway(ttft_ms=50, itl_ms=20) as url:
        for number in range(rounds):
            for name, shape in shapes.items():
                pace = ("--rate", "100", "--burstiness", "inf")
                summary, _, _ = ours(url, scratch / f"alone-{name}-{number}", *shape, *pace)
                costs[name].append(summary["generator"]["cpu_s"] / 1500 * 1e6)
    request, token, prompt = (statistics.median(costs[name]) for name in shapes)
    print(f"One process, 100 requests/s, median of {rounds}:")
    print(f"  a request {request:.0f} us")
    print(f"  a token of 4,000 a second {(token - request) / 40:.1f} us")
    print(f"  a token of a made prompt {(prompt - request) / 8000:.3f} us")


def main() -> int:
    """Run it all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3, help="of each measurement (default 3)")
    parser.add_argument("--one", action="store_true", help="measure one process instead")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if args.one:
            alone(args.rounds, Path(folder))
            return 0
        held = [measure(args.rounds, Path(folder)) for measure in (per_token, per_row)]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
