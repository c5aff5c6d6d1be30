"""The locustfiles that we hand out."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from sagellm_benchmark.cli.locustfile import FILES, add_parser, locustfile

LOCUSTFILES = Path(__file__).parents[2] / "locustfiles"


@pytest.mark.parametrize(("kind", "name"), FILES.items())
def test_the_packaged_files_are_the_repositorys(kind, name):
    """What the command prints is, byte for byte, what stands in locustfiles/."""
    assert locustfile(kind).encode() == (LOCUSTFILES / f"{name}.py").read_bytes()


def test_no_locustfile_is_left_out():
    """Every file in locustfiles/ can be printed."""
    assert {path.stem for path in LOCUSTFILES.glob("*.py")} == set(FILES.values())


@pytest.mark.parametrize("kind", FILES)
def test_each_is_python_in_ascii(kind):
    """It survives any shell's redirection, and compiles."""
    assert locustfile(kind).isascii()
    compile(locustfile(kind), f"{kind}.py", "exec")


@pytest.mark.parametrize(("argv", "kind"), [([], "replay"), (["task"], "task")])
def test_the_command_prints_it(argv, kind, capsys):
    """`locustfile` prints a replay; a kind may be named."""
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    args = parser.parse_args(["locustfile", *argv])
    assert args.run(args) == 0
    assert capsys.readouterr().out == locustfile(kind)


@pytest.mark.parametrize("kind", FILES)
def test_locust_finds_its_user(kind, tmp_path):
    """Locust loads the file and lists exactly the one user that it is about."""
    path = tmp_path / "locustfile.py"
    path.write_text(locustfile(kind), encoding="utf-8")
    command = [sys.executable, "-m", "locust", "-f", str(path), "--list"]
    listed = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    user = {"replay": "ReplayUser", "closed": "ClosedLoopUser", "task": "Chat"}[kind]
    assert listed.returncode == 0, listed.stderr
    assert [line.strip() for line in listed.stdout.splitlines()[1:]] == [user]
