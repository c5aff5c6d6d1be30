"""What runs on GitHub: pinned, with the least rights, and nothing is released before its checks."""

from __future__ import annotations

import re
from importlib.metadata import metadata
from pathlib import Path

import pytest
import yaml
from tests.rules.repository import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
RELEASE = "sage-pypi-publisher build . --upload --no-dry-run --mode private"


def read(path: Path | str):
    """A workflow; `on` is true in YAML 1.1."""
    return yaml.safe_load((ROOT / ".github/workflows" / path).read_text(encoding="utf-8"))


def steps(workflow):
    """Every step of a workflow, in order."""
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_pinned_and_bounded(path):
    """Every action is pinned by commit, every job has rights of its own and an end."""
    workflow = read(path)
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert job["permissions"]["contents"] == "read"
        assert job["timeout-minutes"] <= 60
    for step in steps(workflow):
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", step.get("uses", "a@" + "0" * 40))
        assert step.get("with", {}).get("persist-credentials", False) is False


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_target_exists(path):
    """What a workflow makes, `make` knows."""
    told = " ".join(step.get("run", "") for step in steps(read(path)))
    for target in re.findall(r"\bmake ([a-z-]+)", told):
        assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), target


def test_every_python():
    """The tests run on each Python that the package claims."""
    claimed = metadata("isagellm-benchmark").get_all("Classifier")
    pythons = {line.rpartition(" ")[2] for line in claimed if "Python :: 3." in line}
    assert set(read("ci.yml")["jobs"]["test"]["strategy"]["matrix"]["python"]) == pythons


def test_a_release_comes_after_its_checks():
    """The upload waits for changelog, version, ruff, types, tests and both wheels."""
    jobs = read("release.yml")["jobs"]
    told = [step["run"] for step in jobs["check"]["steps"] if "run" in step]
    assert told[0] == 'make release-check TAG="$GITHUB_REF_NAME"'
    assert {"make lint", "make types", "make test", "make integration", "make package"} < set(told)
    assert jobs["publish"]["needs"] == "check"
    assert jobs["publish"]["environment"] == "pypi"
    assert [s["run"] for s in jobs["publish"]["steps"] if "run" in s][-1] == RELEASE


def test_no_other_way_to_release():
    """Nothing here uploads by itself: neither twine nor pip, and never as source."""
    files = [*WORKFLOWS, *(ROOT / ".ci").glob("*"), ROOT / "Makefile"]
    forbidden = re.compile(r"twine upload|setup\.py upload|--mode[ =](public|source)|uv publish")
    texts = {path.name: path.read_text(encoding="utf-8") for path in files if path.is_file()}
    assert not {name for name, text in texts.items() if forbidden.search(text)}
    assert {name for name, text in texts.items() if "--upload" in text} == {"release.yml"}
