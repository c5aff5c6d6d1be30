"""The simulated gateway as a process of its own: file limit, signals, and the line that says where.

SIGINT and SIGTERM end it in order. Standard output gets one line, once requests can be sent.
"""

from __future__ import annotations

import asyncio
import resource
import signal
from pathlib import Path

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.sim.config import SimConfig
from sagellm_benchmark.sim.server import serve


def run_process(config: SimConfig, ready_file: Path | None) -> None:
    """Serve until a signal or the time limit.

    Args:
        config: What to serve, and where.
        ready_file: File that gets the URL once requests can be sent.

    Raises:
        UsageError: It could not start.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(_serve(config, ready_file))


async def _serve(config: SimConfig, ready_file: Path | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)

    def ready(url: str) -> None:
        print(f"simulated gateway on {url} {config.line()}", flush=True)
        if ready_file is not None:
            _announce(ready_file, url)

    await serve(config, ready, stop)


def _announce(path: Path, url: str) -> None:
    """Write the URL so that a reader who sees the file sees all of it."""
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(url + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise UsageError(f"--ready-file {path}: {error.strerror}") from error
