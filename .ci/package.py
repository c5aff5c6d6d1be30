"""Both wheels of the working tree, built and tried: nothing in, dist/plain and dist/private out.

    package.py [PYTHON ...]    also try the plain wheel on these interpreters

The private wheel is what a release uploads: sage-pypi-publisher's, bytecode for the Python that
runs this. The plain one is what pip makes of a checkout. Nothing is uploaded: the publisher asks,
and is told no. Both wheels must hold the same modules and data, and work in an empty environment:
the program runs `demo`, and prints its locustfiles.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from pathlib import Path

from version import BrokenRule, stands

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
_REFUSED = "n\n"  # the answer to "upload now?"
_SPOILED = 3  # a busy machine spoils figures, which nobody asks for here; the counts must hold


def main(pythons: list[str]) -> int:
    """Build, compare, try; the first thing that fails ends it."""
    missing = [python for python in pythons if shutil.which(python) is None]
    if missing:
        print(f"package: no {', '.join(missing)} on the path", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="package-") as folder:
        work = Path(folder)
        try:
            plain, private = _built(work)
            _compare(plain, private)
            _try(private, sys.executable, work)
            for python in (sys.executable, *pythons):
                _try(plain, python, work)
        except BrokenRule as broken:
            print(f"package: {broken}", file=sys.stderr)
            return 1
    return 0


def _built(work: Path) -> tuple[Path, Path]:
    """The plain and the private wheel, in dist/."""
    tree = work / "isagellm-benchmark"
    _copy(tree)
    tools = _environment(work / "tools", sys.executable)
    requirements = ROOT / ".ci" / "publisher.txt"
    _run([tools / "python", "-m", "pip", "install", "-qq", "-r", requirements, "build"], work)
    plain = work / "plain"
    _run([tools / "python", "-m", "build", "--wheel", "--outdir", plain, tree], work)
    publisher = [tools / "sage-pypi-publisher", "build", tree, "--mode", "private"]
    _run([*publisher, "--output", work / "private"], work, answer=_REFUSED)
    return (
        _kept(plain, DIST / "plain"),
        _kept(work / "private" / tree.name / "dist", DIST / "private"),
    )


def _copy(tree: Path) -> None:
    """The files that git knows or would add; the publisher copies whatever lies in a folder."""
    listing = _run(["git", "ls-files", "-z", "-co", "--exclude-standard"], ROOT)
    for name in filter(None, listing.split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)


def _kept(source: Path, target: Path) -> Path:
    """Move the one wheel of a folder to dist/, in place of an older one."""
    (wheel,) = source.glob("*.whl")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    return Path(shutil.move(wheel, target))


def _compare(plain: Path, private: Path) -> None:
    """Both hold the same modules and data, and the version of pyproject.toml."""
    version = stands((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for wheel in (plain, private):
        if not wheel.name.startswith(f"isagellm_benchmark-{version}-"):
            raise BrokenRule(f"{wheel.name} is not of version {version}")
    ours, theirs = _names(plain), _names(private)
    modules = {name for name in ours if name.endswith(".py") and "/data/" not in name}
    lacking = ours - modules - theirs | {name for name in modules if f"{name}c" not in theirs}
    shown = {name for name in modules & theirs if not name.endswith("__init__.py")}
    if lacking or shown:
        raise BrokenRule(f"{private.name} lacks {sorted(lacking)} and shows {sorted(shown)}")


def _names(wheel: Path) -> set[str]:
    """What a wheel holds of the package."""
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def _try(wheel: Path, python: str, work: Path) -> None:
    """Install a wheel in an empty environment and run `demo` from an empty folder."""
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(dir=work))
    programs = _environment(folder / "environment", python)
    _run([programs / "python", "-m", "pip", "install", "-qq", wheel], folder)
    told = _run([programs / "python", "--version"], folder).strip()
    empty = folder / "empty"
    empty.mkdir()
    for kind in ("replay", "closed", "task"):
        _run([programs / "sagellm-benchmark", "locustfile", kind], empty)
    shown = _run([programs / "sagellm-benchmark", "demo"], empty, fine=(0, _SPOILED))
    summary = empty / "runs" / "latest" / "summary.json"
    counts = json.loads(summary.read_text(encoding="utf-8"))["counts"] if summary.exists() else {}
    if not counts or not counts["planned"] == counts["ok"] > 0:
        raise BrokenRule(f"{wheel.name} on {told}: demo counted {counts}\n{shown}")
    seconds = time.monotonic() - started
    name = f"{wheel.parent.name} {wheel.name}"
    print(f"{name} on {told}: demo {counts['ok']} ok, {seconds:.0f} s", flush=True)


def _environment(folder: Path, python: str) -> Path:
    """The `bin` of a new environment."""
    if python == sys.executable:
        venv.create(folder, with_pip=True)
    else:
        _run([python, "-m", "venv", folder], folder.parent)
    return folder / "bin"


def _run(
    command: list[str | Path], cwd: Path, answer: str = "", fine: tuple[int, ...] = (0,)
) -> str:
    """Run a program to its end; what it wrote is told where it failed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        input=answer,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode not in fine:
        words = " ".join(str(part) for part in command)
        raise BrokenRule(f"exit code {done.returncode}: {words}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
