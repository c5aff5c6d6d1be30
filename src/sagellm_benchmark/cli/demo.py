"""`sagellm-benchmark demo`: see it work, without a server, a trace or an argument.

A simulated gateway is started as a process of its own, the bundled trace is replayed against it,
the result printed; the gateway ends with the demo, however that ends.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from importlib.resources import files
from pathlib import Path
from typing import Any

from sagellm_benchmark.cli.locustfile import locustfile_path
from sagellm_benchmark.errors import UsageError

_MODEL = "sim-llm"
_READY_S = 15.0
_MAX_S = 180
EXIT_TERMINATED = 143
_INTRO = """\
This demo starts a simulated sageLLM gateway on this machine and replays a recorded-style
trace against it: bursts of chat requests that share system prompts, for about 30 seconds.
Nothing leaves this machine.
"""

_BUSY = """\
Exit code 3: the verdict says why these figures are of no use. Where it speaks of lag or of stalls
this machine was busy with something else: the gateway and the client share it here. Try once more
when it is quieter.
"""
_UNUSABLE = 3


def add_parser(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "demo",
        help="a simulated gateway, a sample trace, a report; no arguments",
        description="Replay a bundled trace against a simulated gateway on this machine.",
    )
    parser.add_argument("--out", default="runs", metavar="DIR", help="parent of the run directory")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the demo.

    Raises:
        SystemExit: With the run's exit code.
    """
    from sagellm_benchmark.load.launch import replay  # imports Locust

    print(_INTRO, flush=True)
    # Until Locust takes the signal over: an exit that ends the gateway too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_TERMINATED))
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready"
        gateway = _start_gateway(ready)
        try:
            url = _wait_for(ready, gateway)
            trace = Path(str(files("sagellm_benchmark") / "data" / "demo.jsonl"))
            return replay(
                [
                    *("-f", str(locustfile_path("replay")), "--headless", "--trace", str(trace)),
                    *("--host", url, "--model", _MODEL, "--out", args.out),
                    *("--slo", "ttft_ms<=500", "--slo", "error_rate<=0"),
                ]
            )
        except SystemExit as leaving:
            if leaving.code == _UNUSABLE:
                print(_BUSY, flush=True)
            raise
        finally:
            gateway.terminate()
            gateway.wait()


def _start_gateway(ready: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "sagellm_benchmark", "sim", "--port", "0"]
    command += ["--ready-file", str(ready), "--max-seconds", str(_MAX_S)]
    # A group of its own: Ctrl-C ends the replay, which then ends the gateway.
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)


def _wait_for(ready: Path, gateway: subprocess.Popen[bytes]) -> str:
    until = time.monotonic() + _READY_S
    while time.monotonic() < until:
        if gateway.poll() is not None:
            raise UsageError(f"the simulated gateway ended with exit code {gateway.returncode}")
        if ready.exists() and (url := ready.read_text().strip()):
            return url
        time.sleep(0.05)
    raise UsageError(f"the simulated gateway did not start within {_READY_S:g} s")
