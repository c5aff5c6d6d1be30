"""The simulated gateway as the target of a benchmark: a process on a processor of its own.

With `--fixed` every token has its exact time, whatever the load, so that what differs is the
client.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MODEL = "sim-llm"


def processors() -> tuple[set[int], set[int]]:
    """A processor for the client and one for the server; the same where there is only one."""
    available = sorted(os.sched_getaffinity(0))
    return {available[0]}, {available[-1]}


@contextmanager
def gateway(
    *, ttft_ms: float, itl_ms: float, send_log: Path | None = None, faults: Path | None = None
) -> Iterator[str]:
    """Run one, and stop it.

    Yields:
        Its URL.
    """
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "ready"
        command = [sys.executable, "-m", "sagellm_benchmark", "sim", "--port", "0", "--fixed"]
        command += ["--dialect", "openai", "--ttft-ms", str(ttft_ms), "--itl-ms", str(itl_ms)]
        command += ["--ready-file", str(ready), "--max-seconds", "300"]
        if send_log is not None:
            command += ["--send-log", str(send_log)]
        if faults is not None:
            command += ["--faults", str(faults)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        os.sched_setaffinity(process.pid, processors()[1])
        try:
            yield wait_for_url(ready, process)
        finally:
            process.terminate()
            process.wait()


def wait_for_url(ready: Path, process: subprocess.Popen[bytes]) -> str:
    """The URL that a simulated gateway writes into its ready file.

    Raises:
        RuntimeError: It did not start.
    """
    until = time.monotonic() + 15
    while time.monotonic() < until and process.poll() is None:
        if ready.exists() and (url := ready.read_text().strip()):
            return url
        time.sleep(0.05)
    raise RuntimeError("the simulated gateway did not start")
