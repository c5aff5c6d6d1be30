"""The built wheel, alone in an empty environment, run from an empty directory.

The sdist is built from the checkout and the wheel from the sdist, so whatever either leaves out
is missing here. Installing needs a package index.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tests.load.processes import BUSY

from sagellm_benchmark import __version__

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "sagellm_benchmark"
COMMANDS = ("demo", "run", "report", "gate", "locustfile", "trace", "sim")

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


def run(
    *command: str | Path, cwd: Path, fine: tuple[int, ...] = (0,)
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; a failure of it fails the test with all that it wrote."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=240,
        check=False,
    )
    if done.returncode not in fine:
        pytest.fail(f"exit code {done.returncode}: {command}\n{done.stdout}{done.stderr}")
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the sdist, built from the checkout."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", folder, ROOT, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def bin_folder(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of an environment that holds the wheel and what it asks for."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", folder, cwd=folder)
    run(folder / "bin" / "python", "-m", "pip", "install", "--quiet", wheel, cwd=folder)
    return folder / "bin"


def test_contents(wheel: Path) -> None:
    """The wheel holds every file of the package, data and type marker too, and nothing beside."""
    files = {
        str(path.relative_to(PACKAGE.parent))
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert packed == files
    assert "sagellm_benchmark/py.typed" in packed


def test_metadata(bin_folder: Path, tmp_path: Path) -> None:
    """The package is named, versioned and licensed as its own code and pyproject.toml say."""
    script = (
        "import json; from importlib.metadata import metadata as m; d = m('isagellm-benchmark');"
        "print(json.dumps([d[k] for k in ('Version', 'Requires-Python', 'License-Expression')]))"
    )
    told = json.loads(run(bin_folder / "python", "-c", script, cwd=tmp_path).stdout)
    assert told == [__version__, ">=3.10", "Apache-2.0"]
    version = run(bin_folder / "sagellm-benchmark", "--version", cwd=tmp_path).stdout
    assert version == f"sagellm-benchmark {__version__}\n"


def test_consistent(bin_folder: Path, tmp_path: Path) -> None:
    """What pip resolved for the wheel fits together."""
    run(bin_folder / "python", "-m", "pip", "check", cwd=tmp_path)


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)])
def test_help(bin_folder: Path, tmp_path: Path, command: tuple[str, ...]) -> None:
    """Every command explains itself and writes nothing to standard error."""
    done = run(bin_folder / "sagellm-benchmark", *command, "--help", cwd=tmp_path)
    assert done.stdout.startswith(" ".join(["usage: sagellm-benchmark", *command]))
    assert done.stderr == ""


@pytest.mark.parametrize("kind", ["replay", "closed", "task"])
def test_locustfile(bin_folder: Path, tmp_path: Path, kind: str) -> None:
    """Each printed locustfile is one that Locust loads, with our options and one class of users."""
    done = run(bin_folder / "sagellm-benchmark", "locustfile", kind, cwd=tmp_path)
    (tmp_path / "l.py").write_text(done.stdout, encoding="utf-8")
    told = run(bin_folder / "locust", "-f", "l.py", "--list", "--max-in-flight", "1", cwd=tmp_path)
    assert len(told.stdout.splitlines()) == 2


def test_demo(bin_folder: Path, tmp_path: Path) -> None:
    """`sagellm-benchmark demo` works as installed: a whole run, every request accounted for."""
    done = run(bin_folder / "sagellm-benchmark", "demo", cwd=tmp_path, fine=(0, 3))
    summary = json.loads((tmp_path / "runs" / "latest" / "summary.json").read_text())
    counts = summary["counts"]
    assert counts["planned"] == counts["ok"] > 0
    assert (tmp_path / "runs" / "latest" / "report.html").is_file()
    assert "report.html, and report.md" in done.stdout
    verdict = summary["verdict"]
    assert done.returncode == verdict["exit_code"]
    # Other tests run beside it: that they keep this machine busy is no fault of the wheel.
    assert verdict["valid"] or all(BUSY.match(reason) for reason in verdict["reasons"])
