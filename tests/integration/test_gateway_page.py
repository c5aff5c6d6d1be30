"""docs/gateway.md, command by command, against the real gateway."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from tests.sim.processes import wait_for

from .gateways import PACKAGE, free_port, listens
from .runs import REPOSITORY, bench, check_all_ok, check_books

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

PAGE = (REPOSITORY / "docs" / "gateway.md").read_text(encoding="utf-8")
COMMANDS = [
    line for block in re.findall(r"```bash\n(.*?)```", PAGE, re.S) for line in block.splitlines()
]
PORT = "8889"


def test_every_command_of_the_page(gateway_bin: str, tmp_path: Path) -> None:
    """From top to bottom, as they stand but for the port: servers serve, each run is all ok."""
    port = free_port()
    programs = [str(Path(program).parent) for program in (gateway_bin, sys.executable)]
    surroundings = {
        "PATH": os.pathsep.join([*programs, os.environ["PATH"]]),
        "MY_GATEWAY_KEY": "sk-page-of-the-docs",
    }
    runs = 0
    with ExitStack() as servers:
        for number, line in enumerate(COMMANDS):
            command = line.replace(f":{PORT}", f":{port}").replace(f"port {PORT}", f"port {port}")
            folder = tmp_path / str(number)
            if line.startswith("pip install"):
                assert line == f"pip install {PACKAGE}"  # what the fixture does
            elif line.startswith(("sagellm-gateway", "sagellm-benchmark sim")):
                servers.enter_context(serving(command, folder, surroundings))
                wait_for(lambda: listens(port), 60)
            elif line.startswith("sagellm-benchmark check"):
                checked = subprocess.run(
                    ["bash", "-c", command], env=os.environ | surroundings, capture_output=True
                )
                assert checked.returncode == 0, checked.stderr
            else:
                shell = ("bash", "-c", f'{command} "$@"', "bash")
                run = bench(folder, command=shell, **surroundings)
                check_books(run)
                check_all_ok(run)
                runs += 1
    assert runs == 4


@contextmanager
def serving(command: str, log: Path, surroundings: dict[str, str]):
    """Run a server of the page in the background; one that announces itself has done so."""
    with log.open("w") as output:
        process = subprocess.Popen(
            ["bash", "-c", f"exec timeout --kill-after=5 300 {command}"],
            env=os.environ | surroundings,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_for(lambda: process.poll() is not None or log.stat().st_size, 60)
            assert process.poll() is None, log.read_text()
            yield
        finally:
            process.terminate()
            process.wait()


def test_what_the_page_says_is_measured() -> None:
    """The limits that it names are those that the plan and the report go by."""
    from sagellm_benchmark.metrics import capacity

    limits = (
        f"over {capacity.STREAMS} streams, {capacity.REQUESTS_PER_S:.0f} requests/s or "
        f"{capacity.TOKENS_PER_S:,.0f} tokens/s"
    )
    assert limits in " ".join(PAGE.split())
