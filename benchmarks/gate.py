"""Does `gate --baseline` tell pairs of gateways apart that differ, and only those?

Makes pairs of groups of runs against simulated gateways: some pairs are alike, of others one side
is slower. Before each run the gateway is started anew, at a speed drawn around its side's (2 %
standard deviation): a capacity that drifts. The runs of a pair alternate, prefix caches are on,
salts are the default. Prints of each pair what the gate said, and how often it was right. What is
done is kept under --out; the same command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from server import MODEL, wait_for_url

TRACE = str(files("sagellm_benchmark") / "data" / "demo.jsonl")
PROGRAM = [sys.executable, "-m", "sagellm_benchmark"]
TIMES = {"ttft-ms": 20.0, "prefill-ms-per-1k": 30.0, "itl-ms": 8.0, "batch-cost-us": 100.0}
TELLING = ("ttft_ms.mean", "e2e_ms.mean")
TRIES = 12


@contextmanager
def gateway(slowness: float) -> Iterator[str]:
    """A simulated gateway all of whose times are this many times the usual ones."""
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready"
        command = [*PROGRAM, "sim", "--port", "0", "--ready-file", str(ready)]
        command += ["--max-seconds", "120"]
        command += [f"--{name}={value * slowness:.4f}" for name, value in TIMES.items()]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            yield wait_for_url(ready, process)
        finally:
            process.terminate()
            process.wait()


def measure(directory: Path, slowness: float, options: argparse.Namespace) -> int:
    """Make one run, again where other work on this machine spoiled it.

    Returns:
        How many runs were spoiled.
    """
    if (directory / "summary.json").exists():
        return 0
    for spoiled in range(TRIES):
        where = directory.parent / "try"
        shutil.rmtree(where, ignore_errors=True)
        with gateway(slowness) as url:
            command = [*PROGRAM, "run", TRACE, "--host", url, "--model", MODEL]
            command += ["--rate", str(options.rate), "--tokens-per-word", "1"]
            command += ["--limit", str(round(options.rate * options.seconds))]
            command += ["--out", str(where), "--run-id", directory.name]
            code = subprocess.run(command, capture_output=True, check=False).returncode
        if code == 0:
            (where / directory.name).rename(directory)
            return spoiled
        if code != 3:
            raise RuntimeError(f"exit code {code}: {command}")
    raise RuntimeError(f"{directory}: {TRIES} runs in a row were spoiled; is this machine busy?")


def make_pair(folder: Path, slower: float, options: argparse.Namespace) -> dict[str, Any]:
    """The runs of a pair, a and b in turns: ab, ba, ab, …."""
    folder.mkdir(parents=True, exist_ok=True)
    spoiled = 0
    for number in range(1, options.runs + 1):
        for side in "ab" if number % 2 else "ba":
            name = f"{folder.name}-{side}{number}"
            dice = random.Random(f"{options.seed} {name}")
            slowness = math.exp(dice.gauss(0, options.drift)) * (slower if side == "b" else 1)
            spoiled += measure(folder / name, slowness, options)
    judged = {how: gated(folder, *flags) for how, flags in WAYS.items()}
    return {"pair": folder.name, "spoiled": spoiled, **judged}


WAYS = {"groups": (), "pairs": ("--paired",)}


def gated(folder: Path, *flags: str) -> dict[str, Any]:
    """What the gate says, by figure."""
    stem = folder / folder.name
    command = [*PROGRAM, "gate", f"{stem}-b", "--baseline", f"{stem}-a", "--json", *flags]
    printed = subprocess.run(command, capture_output=True, check=False)
    told = json.loads(printed.stdout)
    found = {one["metric"]: one["difference"] for one in told["comparison"]}
    return {"exit_code": told["exit_code"], "figures": found}


def different(judged: dict[str, Any], names: tuple[str, ...] = ()) -> list[str]:
    """The figures that were called different."""
    figures = judged["figures"].items()
    return [
        name
        for name, one in figures
        if one["verdict"] == "different" and (not names or name in names)
    ]


def show(result: dict[str, Any]) -> None:
    """One line of a pair."""
    told = []
    for name in TELLING:
        one = result["groups"]["figures"][name]
        told.append(
            f"{name} {one['change']:+6.1%} (p {one['p']:.3f}, "
            f"detectable {one['minimum_detectable']:.1%})"
        )
    words = ", ".join(different(result["groups"])) or "none"
    print(f"{result['pair']:12s} {'; '.join(told)}; different: {words}", flush=True)


def conclude(alike: list[dict[str, Any]], slower: list[dict[str, Any]], percent: float) -> None:
    """How often the gate was right."""
    for how in WAYS:
        wrong = sum(bool(different(one[how])) for one in alike)
        found = sum(bool(different(one[how], TELLING)) for one in slower)
        print(f"compared in {how}:")
        print(f"  alike: {wrong} of {len(alike)} pairs called different (at most 1 in 20)")
        print(f"  {percent:g} % slower: {found} of {len(slower)} found on mean TTFT or e2e", end="")
        print(" (at least 15 in 20)")
        for name in TELLING:
            both = [one[how]["figures"][name] for one in slower]
            if both:
                agree(name, both)
    spoiled = sum(one["spoiled"] for one in (*alike, *slower))
    print(f"runs that other work spoiled, and that were made again: {spoiled}")


def agree(name: str, found: list[dict[str, Any]]) -> None:
    """Whether the minimum detectable change told what would be found."""
    seen = statistics.median(one["minimum_detectable"] for one in found)
    change = statistics.median(one["change"] for one in found)
    above = [one["verdict"] for one in found if one["change"] >= one["minimum_detectable"]]
    below = [one["verdict"] for one in found if one["change"] < one["minimum_detectable"]]
    print(
        f"  {name}: median change {change:+.1%}, median detectable {seen:.1%}; found "
        f"{above.count('different')} of {len(above)} above their detectable change, "
        f"{below.count('different')} of {len(below)} under it"
    )


def main() -> None:
    """Make the pairs, judge them, conclude."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=20, help="pairs of each kind")
    parser.add_argument("--runs", type=int, default=5, help="runs of each side")
    parser.add_argument("--seconds", type=float, default=4, help="of traffic in each run")
    parser.add_argument("--rate", type=float, default=40, help="requests/s")
    parser.add_argument("--slower", type=float, default=10, help="percent")
    parser.add_argument("--drift", type=float, default=0.02, help="of a gateway's speed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=1, help="pairs that are made side by side")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/gate"), help="kept, and gone on with"
    )
    options = parser.parse_args()
    wanted = [
        (options.out / f"{kind}{number}", slowness)
        for number in range(1, options.pairs + 1)
        for kind, slowness in (("alike", 1.0), ("slower", 1 + options.slower / 100))
    ]
    results: dict[str, list[dict[str, Any]]] = {"alike": [], "slower": []}
    with ThreadPoolExecutor(options.at_once) as workers:
        made = [workers.submit(make_pair, *one, options) for one in wanted]
        for pair in made:
            result = pair.result()
            results[result["pair"].rstrip("0123456789")].append(result)
            show(result)
    conclude(results["alike"], results["slower"], options.slower)


if __name__ == "__main__":
    main()
