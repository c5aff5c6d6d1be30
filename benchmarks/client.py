"""What the client costs and how well it measures, beside other clients, in one run.

Prints CPU microseconds per streamed token of the whole client with records on, next to Locust's
FastHttpSession and a bare uvloop reader; CPU and memory of a short run, start-up included; errors
of TTFT and chunk gaps against the simulated gateway's own send times; dispatch lag. Ratios are of
medians of rounds that alternate.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from server import MODEL, gateway, processors

STREAMS, RATE, TOKENS = 500, 50, 500


def ours(url: str, out: Path, *options: str) -> tuple[dict[str, Any], float, float]:
    """One run of the whole program.

    Returns:
        Its summary, and CPU seconds and peak memory in MB of the process, start-up included.
    """
    command = [sys.executable, "-m", "sagellm_benchmark", "run", "--host", url, "--model", MODEL]
    command += ["--input-tokens", "4", "--out", str(out), "--no-preflight", *options]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: os.sched_setaffinity(0, processors()[0]),
    )
    output, errors = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    summary_file = out / "latest" / "summary.json"
    if not summary_file.exists():
        raise RuntimeError(f"the run failed: {output.decode()}{errors.decode()}")
    summary = json.loads(summary_file.read_text())
    return summary, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def other(name: str, url: str) -> float:
    """CPU microseconds per token of another reader."""
    script = Path(__file__).with_name("readers.py")
    arguments = [name, url, str(STREAMS), str(TOKENS), "1"]
    printed = subprocess.run(
        [sys.executable, str(script), *arguments],
        check=True,
        capture_output=True,
        preexec_fn=lambda: os.sched_setaffinity(0, processors()[0]),
    ).stdout
    found = json.loads(printed)
    if found["tokens"] != STREAMS * TOKENS:
        raise RuntimeError(f"{name} read {found['tokens']} of {STREAMS * TOKENS} tokens")
    return found["cpu_s"] / found["tokens"] * 1e6


def cost_per_token(rounds: int, scratch: Path) -> None:
    """Compare the three clients."""
    costs: dict[str, list[float]] = {"ours": [], "fasthttp": [], "uvloop": []}
    with gateway(ttft_ms=200, itl_ms=1000 / RATE) as url:
        for number in range(rounds):
            load = ["--output-tokens", str(TOKENS), "--requests", str(STREAMS)]
            load += ["--concurrency", str(STREAMS)]
            summary, _, _ = ours(url, scratch / f"cost-{number}", *load)
            if summary["counts"]["ok"] != STREAMS:
                raise RuntimeError(f"not all were ok: {summary['counts']}")
            costs["ours"].append(summary["generator"]["cpu_s"] / (STREAMS * TOKENS) * 1e6)
            for name in ("fasthttp", "uvloop"):
                costs[name].append(other(name, url))
    print(f"CPU per streamed token, {STREAMS} streams of {RATE} tokens/s, median of {rounds}:")
    for name, values in costs.items():
        shown = ", ".join(f"{value:.1f}" for value in values)
        print(f"  {name:9s} {statistics.median(values):5.1f} us   ({shown})")
    mine = statistics.median(costs["ours"])
    for name, bound in (("fasthttp", 0.55), ("uvloop", 1.6)):
        ratio = mine / statistics.median(costs[name])
        print(f"  ours / {name}: {ratio:.2f} (at most {bound})")


def short_run(rounds: int, scratch: Path) -> None:
    """500 requests of 100 tokens at concurrency 50, start-up included."""
    cpus, peaks = [], []
    with gateway(ttft_ms=20, itl_ms=5) as url:
        for number in range(rounds):
            load = ["--output-tokens", "100", "--requests", "500", "--concurrency", "50"]
            _, cpu_s, peak_mb = ours(url, scratch / f"short-{number}", *load)
            cpus.append(cpu_s)
            peaks.append(peak_mb)
    print("500 requests of 100 tokens at concurrency 50, start-up included:")
    print(f"  CPU {statistics.median(cpus):.2f} s (at most 2.2)")
    print(f"  peak memory {statistics.median(peaks):.0f} MB (at most 120)")


def accuracy(scratch: Path) -> None:
    """TTFT and chunk gaps against the server's own send times."""
    print("Error against the server's send times, 50 tokens/s a stream (p99 at most 2 ms):")
    errors("all goes well", scratch / "well", None)
    script = scratch / "faults.json"
    script.write_text(json.dumps({"faults": FAULTS}))
    errors("faults hit every third request", scratch / "ill", script)


FAULTS = [
    {"do": "reset", "after_tokens": 30, "every": 12},
    {"do": "gzip_bomb", "bytes": 256 << 20, "every": 9},
    {"do": "giant_frame", "after_tokens": 20, "every": 6},
    {"do": "error_frame", "after_tokens": 50, "every": 3},
]
"""What may disturb the others: bursts of bytes, large frames, ends midstream."""


def errors(title: str, folder: Path, faults: Path | None) -> None:
    """Print the errors of the requests that no fault hit."""
    folder.mkdir()
    log = folder / "sends.jsonl"
    with gateway(ttft_ms=100, itl_ms=20, send_log=log, faults=faults) as url:
        # Each stream lasts 4 s, so 25 a second are 100 at once.
        load = ["--output-tokens", "200", "--requests", "400", "--rate", "25"]
        summary, _, _ = ours(url, folder, *load)
    sends = {s["request_id"]: s for s in map(json.loads, log.read_text().splitlines())}
    records = (folder / "latest" / "records" / "local.jsonl").read_text()
    ttft, gaps = [], []
    for record in map(json.loads, records.splitlines()):
        sent = sends[record["request_id"]]
        if sent["fault"] is not None:
            continue
        true_ns = sent["tokens_ns"]
        ttft.append(record["metrics"]["ttft_ms"] - (true_ns[0] - sent["received_ns"]) / 1e6)
        gaps += list(np.abs(np.array(record["chunk_gaps_ms"]) - np.diff(true_ns) / 1e6))
    peak = summary["generator"]["peak_in_flight"]
    print(f"  {title}: {len(ttft)} requests, {peak} streams at once at most")
    for name, values in (("TTFT", ttft), ("chunk gap", gaps)):
        p50, p99 = np.percentile(values, [50, 99])
        print(f"    {name:9s}  p50 {p50:.3f} ms, p99 {p99:.3f} ms")


def dispatch(scratch: Path) -> None:
    """Dispatch lag of an open loop."""
    with gateway(ttft_ms=50, itl_ms=20) as url:
        load = ["--output-tokens", "16", "--requests", "2000", "--rate", "200"]
        summary, _, _ = ours(url, scratch / "dispatch", *load)
    lag = summary["fidelity"]["dispatch_lag_ms"]
    print("Dispatch lag at 200 requests/s (p99 at most 5 ms):")
    print(f"  p50 {lag['p50']:.3f} ms, p99 {lag['p99']:.3f} ms, max {lag['max']:.3f} ms")


def main() -> None:
    """Run the benchmarks asked for, all by default."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    names = ("cost", "short", "accuracy", "dispatch")
    parser.add_argument("only", nargs="*", metavar="|".join(names))
    args = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    wanted = args.only or names
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        if "cost" in wanted:
            cost_per_token(args.rounds, scratch)
        if "short" in wanted:
            short_run(args.rounds, scratch)
        if "accuracy" in wanted:
            accuracy(scratch)
        if "dispatch" in wanted:
            dispatch(scratch)


if __name__ == "__main__":
    main()
