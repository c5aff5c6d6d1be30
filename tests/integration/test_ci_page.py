"""The workflow of docs/ci.md, run as it stands there: exit codes 0, 1, 2 and 3.

Actions are not run. `pip` and `gh` are stand-ins: the package is installed, and the artefact of the
main branch is what the test laid down.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from tests.load.processes import BUSY, clean_environment

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
WORKFLOW = yaml.safe_load(re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[1])
JOB = WORKFLOW["jobs"]["gate"]
STEPS = {step["name"]: step["run"] for step in JOB["steps"] if "run" in step}
SERIES = "ci-1-1"
GH = """#!/bin/sh
case "$2" in
  list) echo 1 ;;
  download) cp -r "$ARTEFACT" baseline ;;
esac
"""

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


class Runner:
    """What GitHub gives a job: a folder, a shell that stops at the first failure, a summary.

    Attributes:
        folder: Where the steps run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "work"
        self.artefact = folder / "artefact"
        programs = folder / "programs"
        for path in (self.folder, programs):
            path.mkdir(parents=True)
        for name, text in (("gh", GH), ("pip", "#!/bin/sh\n")):
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        path = f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.summary = folder / "summary.md"
        self._groups: list[int] = []
        self._environment = {
            **clean_environment(),
            "PATH": path,
            "SERIES": SERIES,
            "ARTEFACT": str(self.artefact),
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "GH_TOKEN": "t",
        }

    def step(self, name: str) -> tuple[int, str]:
        """Run a step as it is written.

        Returns:
            Its exit code and what it printed.
        """
        output = self.folder / "out"
        with output.open("w") as out:  # no pipe: a server in the background would keep it open
            process = subprocess.Popen(
                ["bash", "-e", "-c", STEPS[name]],
                cwd=self.folder,
                env=self._environment,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._groups.append(process.pid)
            code = process.wait(timeout=150)
        return code, output.read_text(encoding="utf-8")

    def close(self) -> None:
        """End what the steps left running."""
        for group in self._groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGTERM)

    def lay_down(self, scale: float = 1.0, runs: int = 5) -> None:
        """Make the main branch's artefact: these runs, with latencies so many times as long."""
        shutil.rmtree(self.artefact, ignore_errors=True)
        shutil.rmtree(self.folder / "baseline", ignore_errors=True)
        self.artefact.mkdir()
        for number in range(1, runs + 1):
            source = self.folder / "runs" / SERIES / f"{SERIES}-a{number}"
            goal = self.artefact / f"ci-0-1-a{number}"
            goal.mkdir()
            for name in ("run.json", "summary.json"):
                content = json.loads((source / name).read_text())
                for block in content.get("latency", {}).values():
                    block |= {"mean": block["mean"] and block["mean"] * scale}
                (goal / name).write_text(json.dumps(content | {"run_id": goal.name}))


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory):
    """A job whose five runs are made; what only blames this busy machine is excused."""
    found = Runner(tmp_path_factory.mktemp("job"))
    try:
        for name in ("Install", "Start the server"):
            assert found.step(name)[0] == 0
        code, printed = found.step("Make five runs")
    finally:
        found.close()
    assert code in (0, 3), printed
    for path in (found.folder / "runs" / SERIES).glob(f"{SERIES}-a*/summary.json"):
        content = json.loads(path.read_text())
        verdict = content["verdict"]
        assert all(BUSY.match(reason) for reason in verdict["reasons"]), verdict
        content["verdict"] = {**verdict, "state": "valid", "valid": True, "exit_code": 0}
        path.write_text(json.dumps(content))
    return found


@pytest.mark.parametrize(
    ("baseline", "code", "words"),
    [
        ({}, 0, "PASSED"),
        ({"scale": 0.5}, 1, "FAILED ttft_ms.mean"),
        ({"runs": 0}, 2, "error: "),
        ({"runs": 1}, 3, "UNUSABLE"),
    ],
    ids=["alike", "slower", "none", "one run"],
)
def test_each_exit_code(baseline, code, words, runner: Runner) -> None:
    """Equal runs pass, slower ones fail, no artefact is bad input, one run cannot tell."""
    runner.lay_down(**baseline)
    assert runner.step("Gate on objectives")[0] == 0
    assert runner.step("Fetch the baseline")[0] == 0
    found, printed = runner.step("Gate on the baseline")
    assert found == code, printed
    assert words in printed
    assert ("::error " in printed) == (code in (1, 3))
    if code != 2:
        assert words.split()[0] in runner.summary.read_text(encoding="utf-8")
        failures = ElementTree.parse(runner.folder / "baseline.xml").getroot().get("failures")
        assert (failures != "0") == (code == 1)


def test_the_artefact_is_as_small_as_the_page_says(runner: Runner) -> None:
    """What is uploaded of five runs is under 150 kB."""
    paths = JOB["steps"][-1]["with"]["path"].replace("${{ env.SERIES }}", SERIES)
    patterns = paths.splitlines()
    sizes = [path.stat().st_size for pattern in patterns for path in runner.folder.glob(pattern)]
    assert len(sizes) == 10
    assert 60_000 < sum(sizes) < 150_000


def test_actions_are_pinned_and_rights_are_few() -> None:
    """As in this project's own workflows: pinned by commit, least rights, an end."""
    assert WORKFLOW["permissions"] == {}
    assert set(JOB["permissions"].values()) == {"read"}
    assert JOB["timeout-minutes"] <= 60
    for step in JOB["steps"]:
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", step.get("uses", "a@" + "0" * 40))
