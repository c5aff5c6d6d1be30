"""The real sageLLM gateway: found or installed, started on a free port, stopped with its test.

`SAGELLM_GATEWAY_BIN` names an installed one. Without it the newest release comes from the package
index, once, into an environment that stays in pytest's cache (`--cache-clear` renews it).
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.sim.processes import wait_for

PACKAGE = "isagellm-gateway"
INSTALL_S = 300
LIFE_S = 900
"""Nothing that is started here outlives this, whatever becomes of the tests."""

_IS_311 = "import sys; sys.exit(sys.version_info[:2] != (3, 11))"


def gateway_program(cache: Path) -> str:
    """Name the program, installing it if need be.

    Args:
        cache: Where the environment with the gateway is kept.
    """
    named = os.environ.get("SAGELLM_GATEWAY_BIN")
    if named:
        return named
    place, complete = cache / "installed", cache / "complete"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests that run side by side install it once
        if not complete.exists():
            _call([python311(), "-m", "venv", "--clear", place])
            pip = [place / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-input"]
            _call([*pip, PACKAGE])
            complete.touch()
    return str(place / "bin" / "sagellm-gateway")


def python311() -> str:
    """Find a CPython 3.11, the only one that the gateway runs on, or skip."""
    for python in (sys.executable, shutil.which("python3.11")):
        if python and subprocess.run([python, "-c", _IS_311], capture_output=True).returncode == 0:
            return python
    pytest.skip(f"{PACKAGE} needs Python 3.11, and no python3.11 on PATH runs")


@contextmanager
def running_gateway(program: str, log: Path, **environment: str) -> Iterator[str]:
    """Run a gateway with nothing behind it; yield its URL.

    Args:
        program: The program.
        log: File for what it says.
        environment: Its settings; those of whoever runs the tests do not reach it.
    """
    port = free_port()
    foreign = {name: value for name, value in os.environ.items() if name[:8] != "SAGELLM_"}
    # timeout passes our signal on, and ends the gateway should nobody be left to do so.
    command = ["timeout", "--kill-after=5", str(LIFE_S), program]
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            env=foreign | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_for(lambda: process.poll() is not None or listens(port), 60)
            assert process.poll() is None, log.read_text()
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def free_port() -> int:
    """Let the system choose a port on which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def listens(port: int) -> bool:
    """Tell whether somebody takes connections there."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def _call(command: list[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S)
    if done.returncode:
        pytest.fail(f"{' '.join(map(str, command))}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
