"""What docs/distributed.md tells people to type on one machine works as it stands there."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.load.processes import BUSY, Target, clean_environment, free_port, target, wait_for

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs/distributed.md").read_text(encoding="utf-8")
BLOCKS = [
    "\n".join(line[2:] for line in block.splitlines())
    for block in re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL)
]
ROWS = 60

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A gateway with the model that the document names."""
    folder = tmp_path_factory.mktemp("gateway")
    with target(folder, "--fixed", "--ttft-ms", 20, "--itl-ms", 2, "--model", "my-model") as found:
        yield found


def typed(block: str, folder: Path, gateway: Target) -> subprocess.CompletedProcess[str]:
    """Type a block into a shell; the gateway is where it is, and the master's port a free one."""
    lines = ['{"schema": "sagellm.trace/1", "source": {"name": "made up"}}']
    row = {"input_tokens": 8, "output_tokens": 5}
    lines += [
        json.dumps({"request_id": f"r{number}", "arrival_time_s": number / 30, **row})
        for number in range(ROWS)
    ]
    (folder / "trace.jsonl").write_text("\n".join(lines) + "\n")
    port = str(free_port())
    own = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "LOCUST_MASTER_BIND_PORT": port,
        "LOCUST_MASTER_NODE_PORT": port,
    }
    script = block.replace("http://127.0.0.1:8889", gateway.url)
    with subprocess.Popen(
        ["sh", "-euc", script],
        cwd=folder,
        env={**clean_environment(), **own},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(script, process.returncode, out, err)


def test_there_are_commands_to_try() -> None:
    """With `run`, with a locustfile, and by hand."""
    assert len(BLOCKS) == 3
    assert sum("--processes 2" in block for block in BLOCKS) == 2
    assert sum("--master" in block for block in BLOCKS) == 1


@pytest.mark.parametrize("block", BLOCKS, ids=["run", "processes", "by-hand"])
def test_every_block_sends_the_whole_trace(block: str, tmp_path: Path, gateway: Target) -> None:
    """Each row once, over two workers, and nobody is left behind."""
    before = len(gateway.posts())
    done = typed(block, tmp_path, gateway)
    (run,) = [path for path in (tmp_path / "runs").iterdir() if not path.is_symlink()]
    summary = json.loads((run / "summary.json").read_text())
    assert summary["counts"]["ok"] == summary["counts"]["planned"] == ROWS, done.stderr
    reasons = summary["verdict"]["reasons"]
    assert done.returncode == 0 or all(BUSY.match(reason) for reason in reasons), done.stderr
    assert len(summary["generator"]["workers"]) == 2
    wait_for(lambda: len(gateway.posts(run.name)) >= ROWS)
    ids = [line.request_id for line in gateway.posts(run.name)]
    assert len(ids) == len(set(ids)) == ROWS
    assert len(gateway.posts()) > before


def test_the_document_names_files_that_exist() -> None:
    """Every path of `deploy/` that it speaks of is there."""
    named = set(re.findall(r"deploy/[\w./-]*\w", TEXT))
    assert len(named) >= 5
    assert all((ROOT / path).exists() for path in named)
