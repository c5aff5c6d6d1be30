"""Twenty minutes at 50 requests/s against a target that fails in every way it knows.

The simulated gateway plays a mixed fault script; the whole program runs against it. At the end
every record is held against the target's own log of what it did to that request: each fault must
have led to its states and to no other, every planned request must have exactly one record, and the
client's memory must have stayed flat. Exit code 1 where one of these does not hold.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from server import MODEL

PROGRAM = [sys.executable, "-m", "sagellm_benchmark"]
SAMPLE_S = 5.0
GROWTH_MB_PER_HOUR = 60.0
"""What exact percentiles keep of each request, some 90 bytes, are 16 MB an hour at 50/s."""

TOKENS = 40
FAULTS: tuple[tuple[dict[str, Any], set[str]], ...] = (
    ({"do": "reset"}, {"incomplete"}),
    ({"do": "reset", "after_tokens": 3}, {"incomplete"}),
    ({"do": "close", "after_tokens": 7}, {"incomplete"}),
    ({"do": "stall"}, {"timeout"}),
    ({"do": "stall", "after_tokens": 5}, {"timeout"}),
    ({"do": "comments", "after_tokens": 2}, {"timeout"}),
    ({"do": "drip", "after_tokens": 2, "interval_ms": 30}, {"timeout"}),
    ({"do": "split", "bytes": 11}, {"ok"}),
    ({"do": "no_done"}, {"ok"}),
    ({"do": "open_after_done"}, {"ok"}),
    ({"do": "status", "code": 429, "retry_after": 1}, {"http_error"}),
    ({"do": "status", "code": 503, "body": "html"}, {"http_error"}),
    ({"do": "html"}, {"malformed"}),
    ({"do": "not_http"}, {"malformed"}),
    ({"do": "gzip"}, {"ok"}),
    ({"do": "gzip_bomb", "bytes": 64 << 20}, {"malformed"}),
    ({"do": "http10"}, {"ok"}),
    ({"do": "trailers"}, {"ok"}),
    ({"do": "informational"}, {"ok"}),
    ({"do": "line_ending", "ending": "mixed", "bom": True, "split": True}, {"ok"}),
    ({"do": "giant_frame"}, {"malformed"}),
    ({"do": "bad_json"}, {"malformed"}),
    ({"do": "null"}, {"malformed"}),
    ({"do": "invalid_utf8"}, {"ok"}),
    ({"do": "split_character"}, {"ok"}),
    ({"do": "error_frame", "form": "openai"}, {"stream_error"}),
    ({"do": "error_frame", "form": "event"}, {"stream_error"}),
    ({"do": "short", "tokens": 5}, {"ok"}),
    ({"do": "empty"}, {"incomplete"}),
    ({"do": "duplicate_finish"}, {"ok"}),
    ({"do": "wrong_usage"}, {"ok"}),
    ({"do": "reasoning", "tokens": 4}, {"ok"}),
    ({"do": "tool_calls"}, {"ok"}),
    ({"do": "batch", "tokens": 4}, {"ok"}),
)
"""Each fault, and the states that it may lead to."""

SHARE = 0.01
"""Each fault hits so many of the requests that no fault before it hit."""


def write_script(path: Path) -> dict[str, set[str]]:
    """Write the fault script; return the states that each kind may lead to."""
    path.write_text(
        yaml.safe_dump({"seed": 1, "faults": [{**rule, "chance": SHARE} for rule, _ in FAULTS]})
    )
    allowed: dict[str, set[str]] = {}
    for rule, states in FAULTS:
        allowed.setdefault(rule["do"], set()).update(states)
    return allowed


@contextmanager
def target(folder: Path, seconds: float) -> Iterator[str]:
    """The simulated gateway with the fault script, stopped at the end.

    Yields:
        Its URL.
    """
    ready = folder / "ready"
    command = [*PROGRAM, "sim", "--dialect", "openai", "--fixed", "--ttft-ms", "50"]
    command += ["--itl-ms", "10", "--faults", str(folder / "faults.yaml")]
    command += ["--send-log", str(folder / "sent.jsonl"), "--ready-file", str(ready)]
    command += ["--max-seconds", str(seconds + 120)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 15
        while not (ready.exists() and ready.read_text().strip()):
            if time.monotonic() > until or process.poll() is not None:
                raise RuntimeError("the simulated gateway did not start")
            time.sleep(0.05)
        yield ready.read_text().strip()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def run(url: str, folder: Path, requests: int, rate: float) -> tuple[int, list[tuple[float, int]]]:
    """Run the whole program and watch its memory.

    Returns:
        Its exit code, and (seconds since the start, resident kB) every `SAMPLE_S`.
    """
    command = [*PROGRAM, "run", "--host", url, "--model", MODEL, "--out", str(folder)]
    command += ["--run-id", "soak", "--input-tokens", "50", "--output-tokens", str(TOKENS)]
    command += ["--requests", str(requests), "--rate", str(rate), "--first-token-timeout", "4"]
    command += ["--idle-timeout", "4", "--timeout", "12", "--slo", "error_rate<=1"]
    samples = []
    began = time.monotonic()
    with (folder / "out").open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        while process.poll() is None:
            samples.append((time.monotonic() - began, resident_kb(process.pid)))
            time.sleep(SAMPLE_S)
    return process.returncode, [sample for sample in samples if sample[1]]


def resident_kb(pid: int) -> int:
    """Resident memory of a process, 0 once it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(row.split()[1]) for row in status.splitlines() if "VmRSS" in row), 0)


def books(folder: Path, requests: int, allowed: dict[str, set[str]]) -> list[str]:
    """Hold every record against the target's log; return what does not agree."""
    log = map(json.loads, (folder / "sent.jsonl").read_text().splitlines())
    done_to = {
        sent["request_id"]: sent["fault"]
        for sent in log
        if (sent["request_id"] or "").startswith("soak-")  # and no question before the load
    }
    summary = json.loads((folder / "soak" / "summary.json").read_text())
    met: Counter[tuple[str, str]] = Counter()
    seqs: set[int] = set()
    for path in sorted((folder / "soak" / "records").glob("*.jsonl")):
        for record in map(json.loads, path.open()):
            seqs.add(record["seq"])
            met[done_to.get(record["request_id"]) or "none", record["status"]] += 1
    counts = summary["counts"]
    states = {state: count for state, count in counts.items() if state != "planned"}
    wrong = [
        f"{count} requests with fault {fault} ended as {status}"
        for (fault, status), count in sorted(met.items())
        if status not in allowed.get(fault, {"ok"})
    ]
    for what, number in (
        ("planned", counts["planned"]),
        ("sum of the states", sum(states.values())),
        ("records", sum(met.values())),
        ("different requests in the records", len(seqs)),
        ("different requests in the target's log", len(done_to)),
    ):
        print(f"  {what}: {number}")
        if number != requests:
            wrong.append(f"{what}: {number}, {requests} were to be sent")
    print("  states: " + ", ".join(f"{name} {n}" for name, n in states.items() if n))
    print(f"  verdict: {summary['verdict']['state']}; " + "; ".join(summary["verdict"]["reasons"]))
    for fault in sorted({fault for fault, _ in met}):
        found = {status: n for (name, status), n in sorted(met.items()) if name == fault}
        print(f"    {fault:16s} " + ", ".join(f"{status} {n}" for status, n in found.items()))
    return wrong


def memory(samples: list[tuple[float, int]]) -> list[str]:
    """Fit a line through the resident memory after the first quarter; return what is wrong."""
    settled = np.array(samples[len(samples) // 4 :], dtype=float)
    slope_kb_s = float(np.polyfit(settled[:, 0], settled[:, 1], 1)[0])
    growth = slope_kb_s * 3600 / 1024
    least, most = settled[:, 1].min() / 1024, settled[:, 1].max() / 1024
    print(f"  memory after the first quarter: {least:.1f} to {most:.1f} MB, {growth:+.1f} MB/h")
    too_much = growth > GROWTH_MB_PER_HOUR
    return [f"memory grows by {growth:.0f} MB/h, {GROWTH_MB_PER_HOUR:g} allowed"] * too_much


def main() -> int:
    """Run the soak; 1 where something does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--rate", type=float, default=50.0, help="requests/s")
    args = parser.parse_args()
    requests = round(args.minutes * 60 * args.rate)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        allowed = write_script(folder / "faults.yaml")
        with target(folder, args.minutes * 60) as url:
            code, samples = run(url, folder, requests, args.rate)
        print(f"{requests} requests at {args.rate:g}/s, {len(FAULTS)} faults, exit code {code}:")
        if not (folder / "soak" / "summary.json").exists():
            print((folder / "out").read_text())
            return 1
        wrong = books(folder, requests, allowed) + memory(samples)
    for line in wrong:
        print(f"WRONG: {line}")
    print("all agree" if not wrong else f"{len(wrong)} things do not agree")
    return 1 if wrong else 0


if __name__ == "__main__":
    os.chdir(Path(__file__).parent)
    sys.exit(main())
