"""What the README tells people to type works as it stands there."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SCRIPTS = Path(sys.executable).parent

_BLOCKS = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
_LINES = [line for block in _BLOCKS for line in block.replace("\\\n", " ").splitlines()]
COMMANDS = [line[2:].partition(" # ")[0].strip() for line in _LINES if line.startswith("$ ")]
RUNS = [c for c in COMMANDS if c.startswith(("sagellm-benchmark run", "locust "))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory with the files that the README speaks of."""
    shutil.copytree(ROOT / "traces", tmp_path / "traces")
    shutil.copy(ROOT / "src/sagellm_benchmark/data/demo.jsonl", tmp_path / "trace.jsonl")
    shutil.copy(ROOT / "locustfiles/replay.py", tmp_path / "locustfile.py")
    (tmp_path / "mine.csv").write_text("ts,p,c\n0,10,5\n40,12,6\n")
    return tmp_path


def typed(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command line as a shell would, without the shell."""
    program, *arguments = shlex.split(command)
    return subprocess.run(
        [str(SCRIPTS / program), *arguments], cwd=folder, capture_output=True, text=True, timeout=60
    )


def test_there_are_commands_to_try() -> None:
    """The README shows runs of both kinds, and nothing here passes for want of examples."""
    assert len(RUNS) >= 5
    assert any(command.startswith("locust ") for command in RUNS)


@pytest.mark.parametrize("command", RUNS)
def test_every_run_in_the_readme_has_a_plan(command: str, folder: Path) -> None:
    """Each run command is accepted as written; --plan keeps it from looking for the server."""
    done = typed(f"{command} --plan", folder)
    assert done.returncode == 0, done.stderr
    assert "\n\nWhat will happen\n" in f"\n\n{done.stdout}"


@pytest.mark.parametrize("command", [c for c in COMMANDS if " trace " in c])
def test_every_trace_command_in_the_readme_works(command: str, folder: Path) -> None:
    """The commands that look at traces print what they found."""
    done = typed(command, folder)
    assert done.returncode == 0, done.stderr
    assert "rows" in done.stdout


def test_every_make_target_in_the_readme_exists() -> None:
    """`make` knows each target that the README names."""
    targets = {c.split()[1] for c in COMMANDS if c.startswith("make ")}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert targets >= {"demo", "test", "lint"}
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


def test_the_task_file_in_the_readme_is_a_locustfile(folder: Path) -> None:
    """Locust finds the user class of the README's own-tasks example."""
    example = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]
    (folder / "tasks.py").write_text(example)
    done = typed("locust -f tasks.py --list", folder)
    assert done.returncode == 0, done.stderr
    assert "Chat" in done.stdout
