"""`run --repeat`: turns, names, exit codes and signals of a series, with runs that only pretend."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.load.processes import (
    Load,
    Results,
    books_agree,
    clean_environment,
    target,
    to,
    wait_for,
)

from sagellm_benchmark.cli.main import main

ROOT = Path(__file__).parents[2]
PYTHON = sys.executable
MADE = ("--input-tokens", "8", "--output-tokens", "2", "--requests", "4", "--rate", "9")
A, B = "http://127.0.0.1:1", "http://127.0.0.1:2"
PRETENDER = f"""#!{sys.executable}
import json, os, signal, sys, time
from pathlib import Path
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "tests")!r}]
from report.gates import write_run
told = dict(word[2:].split("=", 1) for word in sys.argv if word[:2] == "--" and "=" in word)
plan = json.loads(os.environ["PRETENDED"])
name = told["run-id"]
with Path(plan["log"]).open("a") as log:
    log.write(json.dumps([*sys.argv[1:]]) + "\\n")
code = plan["codes"].get(name.rpartition("-")[2], 0)
if plan.get("waits") == name.rpartition("-")[2]:
    def end(number, frame):
        write_run(Path(told["out"]), name, url=told["host"])
        sys.exit(3)
    signal.signal(signal.SIGINT, end)
    print("waiting", flush=True)
    time.sleep(30)
if code == "crash":
    sys.exit(1)
if code != 2:
    slower = 1.1 if "-b" in name else 1.0
    scale = slower * (1 + int(name[-1]) / 500)
    second = len(Path(plan["log"]).read_text().splitlines())
    write_run(Path(told["out"]), name, scale=scale, second=second, url=told["host"])
sys.exit(code)
"""


class Series(Load):
    """A whole `sagellm-benchmark run`, with processes of its own below it."""

    def program(self, locustfile):
        """What is run; it needs no locustfile."""
        return ["sagellm_benchmark", "run"]


class Pretended:
    """What a series would run; `codes` are exit codes by `a1`, `b1`, ….

    Attributes:
        out: The parent of the series' directory.
    """

    def __init__(self, folder: Path) -> None:
        self.out = folder / "runs"
        self.program = folder / "python"
        self.program.write_text(PRETENDER)
        self.program.chmod(0o755)
        self._log = folder / "log"
        self._log.touch()

    def environment(self, **plan: object) -> str:
        """What tells the pretended runs what to do."""
        return json.dumps({"log": str(self._log), "codes": {}, **plan})

    @property
    def runs(self) -> list[list[str]]:
        """The command lines that were run."""
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def told(self, option: str) -> list[str]:
        """What each run was told by an option."""
        start = f"--{option}="
        return [w.removeprefix(start) for run in self.runs for w in run if w.startswith(start)]


@pytest.fixture
def pretended(tmp_path, monkeypatch):
    """Runs that write their files and leave, in place of this package's."""
    for name in [name for name in os.environ if name.startswith(("SAGELLM_", "LOCUST_"))]:
        monkeypatch.delenv(name)
    found = Pretended(tmp_path)
    monkeypatch.setattr(sys, "executable", str(found.program))
    monkeypatch.setenv("PRETENDED", found.environment())
    return found


def series(pretended: Pretended, *options: str) -> int:
    """Make a series called x."""
    named = ("--host", A, "--model", "m", "--out", str(pretended.out), "--run-id", "x")
    return main(["run", *MADE, *named, *options])


def test_each_run_has_a_directory_of_its_own(pretended, capfd):
    """Three runs x-a1 to x-a3 under x, all else as it was given, and a table of all at the end."""
    assert series(pretended, "--repeat", "3", "--salt", "a b", "--run-time", "9s") == 0
    assert pretended.told("run-id") == ["x-a1", "x-a2", "x-a3"]
    assert set(pretended.told("out")) == {str(pretended.out / "x")}
    for run in pretended.runs:
        assert run[:3] == ["-m", "sagellm_benchmark", "run"]
        assert run[-2:] == ["--run-time", "9s"]
        assert "--salt=a b" in run and "--model=m" in run and "--input-tokens=8" in run
    out = capfd.readouterr().out
    assert re.search(r"^A +x-a3 +valid", out, re.MULTILINE)
    assert re.search(r"^A +mean of 3 .* \+- ", out, re.MULTILINE)
    assert (pretended.out / "latest").resolve() == (pretended.out / "x").resolve()


def test_two_targets_take_turns(pretended, capfd):
    """A B, B A, A B …: each target as often, and at the end what differs between the two."""
    assert series(pretended, "--repeat", "5", "--against", f"{B}/v1") == 0
    names = [name.removeprefix("x-") for name in pretended.told("run-id")]
    assert names == ["a1", "b1", "b2", "a2", "a3", "b3", "b4", "a4", "a5", "b5"]
    assert pretended.told("host") == [A if name[0] == "a" else B for name in names]
    out = capfd.readouterr().out
    assert f"B {B} against A {A}" in out
    assert "worse in B: TTFT mean, TPOT mean, e2e mean, output tokens/s" in out
    assert "t-test of pairs" in out


def test_one_run_a_side_cannot_tell(pretended, capfd):
    """`--repeat 1 --against URL` shows both and calls nothing different."""
    assert series(pretended, "--repeat", "1", "--against", B) == 0
    assert "cannot tell in B: TTFT mean" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("codes", "begun", "code"),
    [
        ({"a2": 1}, 3, 1),
        ({"a1": 3, "a2": 1}, 3, 3),
        ({"a3": 3}, 3, 3),
        ({"a2": 2}, 2, 2),
        ({"a1": 2}, 1, 2),
        ({"a1": -9}, 3, 3),
        ({"a2": 130}, 3, 3),
        ({"a2": "crash"}, 3, 3),
    ],
    ids=str,
)
def test_the_exit_code_is_the_worst(codes, begun, code, pretended, monkeypatch, capfd):
    """Bad input ends the series at once; else all runs are made, and unusable outweighs failed."""
    monkeypatch.setenv("PRETENDED", pretended.environment(codes=codes))
    assert series(pretended, "--repeat", "3") == code
    assert len(pretended.runs) == begun


def test_a_series_that_never_began_leaves_nothing(pretended, monkeypatch, capfd):
    """The first run's bad input leaves no directory behind, so that the name is free again."""
    monkeypatch.setenv("PRETENDED", pretended.environment(codes={"a1": 2}))
    assert series(pretended, "--repeat", "3") == 2
    assert not (pretended.out / "x").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--against", B), "--against URL compares series of runs: write --repeat 5 beside it"),
        (("--repeat", "0"), "--repeat must be"),
        (("--repeat", "two"), "--repeat must be"),
        (("--repeat", "2", "--against", A), f"--against {A}: that is --host itself"),
        (("--repeat", "2", "--against", "b"), "--against b: write http://"),
        (("--repeat", "2", "--web"), "--web and --repeat exclude each other"),
        (("--repeat", "2", "--csv", "c"), "--csv and --repeat exclude each other"),
        (("--repeat", "2", "--html=h.html"), "--html=h.html and --repeat exclude each other"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, tuple) else "",
)
def test_what_is_refused(options, words, pretended, capfd):
    """One line, exit code 2, nothing run, no directory made."""
    assert series(pretended, *options) == 2
    said = capfd.readouterr().err
    assert said.startswith(f"error: {words}") and said.count("\n") == 1
    assert pretended.runs == []
    assert not (pretended.out / "x").exists()


def test_a_plan_is_shown_once(pretended, monkeypatch, capfd):
    """`--plan` says how many runs there would be, then what each would send, and runs none."""
    launch = SimpleNamespace(replay=lambda argv, *, web: argv.count("--plan") - 1)
    monkeypatch.setitem(sys.modules, "sagellm_benchmark.load.launch", launch)
    assert series(pretended, "--repeat", "3", "--against", B, "--plan") == 0
    assert capfd.readouterr().out.startswith("6 runs, one after the other, each with this plan:")
    assert pretended.runs == []
    assert not (pretended.out / "x").exists()


def test_a_name_that_is_taken_is_refused(pretended, capfd):
    """Two series never share a directory."""
    (pretended.out / "x").mkdir(parents=True)
    assert series(pretended, "--repeat", "2") == 2
    assert "exists already; choose another name" in capfd.readouterr().err


@pytest.mark.parametrize("how", ["group", "process"])
def test_an_interrupt_ends_the_run_and_the_series(how, pretended, tmp_path):
    """Ctrl-C, or a signal to the process alone, reaches the run once; no other begins; exit 3."""
    script = "import sys; sys.executable = sys.argv.pop(1)\n"
    script += "from sagellm_benchmark.cli.main import main; sys.exit(main(sys.argv[1:]))"
    command = [
        PYTHON,
        "-c",
        script,
        str(pretended.program),
        "run",
        *MADE,
    ]
    command += ["--host", A, "--model", "m", "--out", str(pretended.out), "--run-id", "x"]
    environment = {**clean_environment(), "PRETENDED": pretended.environment(waits="a2")}
    with (tmp_path / "out").open("w") as out:
        process = subprocess.Popen(
            [*command, "--repeat", "4"], stdout=out, env=environment, start_new_session=True
        )
        try:
            wait_for(lambda: "waiting" in (tmp_path / "out").read_text())
            send = os.killpg if how == "group" else os.kill
            send(process.pid, signal.SIGINT)
            assert process.wait(timeout=20) == 3
        finally:
            process.kill()
            process.wait()
    text = (tmp_path / "out").read_text()
    assert pretended.told("run-id") == ["x-a1", "x-a2"]
    assert "SIGINT: 2 of 4 runs were begun" in text
    assert re.search(r"^A +x-a2 +valid", text, re.MULTILINE)


@pytest.mark.integration
def test_a_real_series_against_two_gateways(tmp_path):
    """Two gateways, two runs each: four runs with books and salts of their own, and a verdict."""
    with target(tmp_path / "a") as one, target(tmp_path / "b", "--itl-ms", "60") as other:
        made = ("--input-tokens", 30, "--output-tokens", 6, "--requests", 20, "--rate", 30)
        options = (*made, *to(one, "x"), "--repeat", 2, "--against", other.url)
        process = Series(tmp_path / "l", *options)
        try:
            code = process.ended(100)
        finally:
            process.close()
        assert code in (0, 3), process.err  # a busy machine spoils a run
        assert "Traceback" not in process.err
        folder = tmp_path / "l" / "runs" / "x"
        for name, whom in (("a1", one), ("b1", other), ("b2", other), ("a2", one)):
            books_agree(Results(folder / f"x-{name}"), whom)
        assert "TPOT mean" in process.out
        salts = {
            Results(folder / f"x-{name}").manifest["salt"] for name in ("a1", "a2", "b1", "b2")
        }
        assert len(salts) == 4


@pytest.mark.integration
def test_an_interrupt_of_a_real_series(tmp_path):
    """Ctrl-C in the first run: it closes its books as interrupted, and the series ends with 3."""
    with target(tmp_path / "a", "--itl-ms", "20") as one:
        made = ("--input-tokens", 8, "--output-tokens", 5, "--requests", 600, "--rate", 20)
        process = Series(tmp_path / "l", *made, *to(one, "x"), "--repeat", 3)
        try:
            wait_for(lambda: len(one.posts("x-a1")) > 5, process)
            process.interrupt()
            assert process.ended(40) == 3
        finally:
            process.close()
        results = Results(tmp_path / "l" / "runs" / "x" / "x-a1")
        books_agree(results, one)
        assert "interrupted by SIGINT" in results.summary["verdict"]["reasons"]
        assert not (results.folder.parent / "x-a2").exists()
        assert "SIGINT: 1 of 3 runs were begun" in process.out
