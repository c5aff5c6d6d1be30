"""Promises of `sagellm-benchmark run` about its command line; nothing here sends a request."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from sagellm_benchmark.cli.main import main

TRACE = str(Path(__file__).parents[2] / "traces" / "azure_lookalike.csv")
TARGET = ("--host", "http://127.0.0.1:9", "--model", "m")
MADE = ("--input-tokens", "5", "--output-tokens", "2", "--requests", "3", "--rate", "1")
LOCUSTS = ("--run-time", "60s", "--only-summary")


def plan(*arguments, env=None, cwd=None):
    """What `run --plan` says: exit code, standard output, standard error."""
    ours = ("SAGELLM_", "LOCUST_", "COLUMNS")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    done = subprocess.run(
        [sys.executable, "-m", "sagellm_benchmark", "run", *arguments, "--plan"],
        capture_output=True,
        text=True,
        timeout=60,
        env={**clean, **(env or {})},
        cwd=cwd,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("arguments", "rows"),
    [
        ((TRACE, *TARGET, *LOCUSTS), 150),
        ((*TARGET, TRACE, *LOCUSTS), 150),
        ((*TARGET, *LOCUSTS, "--trace", TRACE), 150),
        ((*LOCUSTS, *TARGET, *MADE), 3),
    ],
    ids=["first", "between", "option", "made"],
)
def test_the_value_of_a_locust_option_is_no_trace(arguments, rows):
    """TRACE may stand anywhere before Locust's options, whose values are left to Locust."""
    code, said, complaints = plan(*arguments)
    assert (code, complaints) == (0, "")
    assert f"{rows} requests" in said


def test_a_trace_named_twice_is_refused():
    """Which of two traces is meant is not guessed."""
    code, _, complaints = plan(TRACE, *TARGET, "--trace", TRACE)
    assert (code, complaints) == (2, "error: the trace is named twice: as TRACE and with --trace\n")


# With Locust


CONF = """
trace = {trace}
model = conf-model
host = http://127.0.0.1:7
no-stream = true
slo = [error_rate<=0.5, ttft_ms<=9]
"""
LOCUST_CONF = "users = 50\nhost = http://elsewhere\nmodel = implicit\nrun-time = 1s\n"
TOML = '[tool.locust]\nusers = 7\nhost = "http://toml"\nmodel = "implicit"\n'


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What `run --plan` says from each source of options, the runs side by side."""
    folder = tmp_path_factory.mktemp("plans")
    (folder / "locust.conf").write_text(LOCUST_CONF)
    (folder / "pyproject.toml").write_text(TOML)
    (folder / "mine.conf").write_text(CONF.format(trace=TRACE))
    env = {"SAGELLM_BENCHMARK_MODEL": "env-model", "LOCUST_HOST": "http://127.0.0.1:8"}
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.setblocking(False)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        cases = {
            "implicit": ((*TARGET, *MADE), {}),
            "environment": (MADE, env),
            "both": ((*TARGET, *MADE), env),
            "file": (("--config", "mine.conf"), {}),
            "all": (("--config=mine.conf", "--host", "http://127.0.0.1:9"), env),
            "unknown": ((*TARGET, *MADE, "--modle", "x"), {}),
            "target": (("--host", url, "--model", "m", *MADE), {}),
        }
        with ThreadPoolExecutor(2) as pool:
            found = pool.map(lambda case: plan(*case[0], env=case[1], cwd=folder), cases.values())
            results = dict(zip(cases, found, strict=True))
        with pytest.raises(BlockingIOError):
            listening.accept()
    results["left"] = sorted(path.name for path in folder.iterdir())
    return results


def settings(output):
    """The options of a plan that somebody set, as it prints them."""
    block = output.partition("you set")[2].partition("defaults")[0]
    return " ".join(block.split())


def test_no_implicit_configuration(said):
    """locust.conf and [tool.locust] of the current directory have no say."""
    code, out, complaints = said["implicit"]
    assert (code, complaints) == (0, "")
    assert "--host http://127.0.0.1:9" in settings(out)
    assert "(file)" not in out
    assert "implicit" not in out


def test_the_environment(said):
    """Options come from the environment too; the command line wins over it."""
    code, out, complaints = said["environment"]
    assert (code, complaints) == (0, "")
    assert "--model env-model (env)" in settings(out)
    assert "--host http://127.0.0.1:8 (env)" in settings(out)
    assert "--model m " in settings(said["both"][1])
    assert "--host http://127.0.0.1:9" in settings(said["both"][1])
    assert "(env)" not in said["both"][1]


def test_a_configuration_that_is_named(said):
    """`--config FILE` says what the command line and the environment do not."""
    code, out, complaints = said["file"]
    assert (code, complaints) == (0, "")
    assert "--model conf-model (file)" in settings(out)
    assert "--slo error_rate<=0.5 --slo ttft_ms<=9 (file)" in settings(out)
    assert "150 requests" in out
    set_ = settings(said["all"][1])
    assert "--model env-model (env)" in set_
    assert "--host http://127.0.0.1:9" in set_
    assert "http://127.0.0.1:9 (" not in set_


def test_an_option_that_nobody_knows(said):
    """What neither we nor Locust know ends with exit code 2 before anything is sent."""
    code, out, complaints = said["unknown"]
    assert code == 2
    assert "--modle" in complaints
    assert "Traceback" not in complaints
    assert "What will happen" not in out


def test_a_plan_sends_nothing(said):
    """`--plan` speaks to nobody, not even the preflight, and leaves nothing behind."""
    code, out, complaints = said["target"]
    assert (code, complaints) == (0, "")
    assert "What will happen" in out
    assert said["left"] == ["locust.conf", "mine.conf", "pyproject.toml"]


# Without Locust


@pytest.fixture
def handed(monkeypatch):
    """What would be handed to Locust: its arguments, and whether its page is wanted."""
    calls = []

    def replay(argv, *, web):
        calls.append((argv, web))
        return 0

    files = {"mine.conf": {"model": "conf", "concurrency": "3", "slo": ["a<=1", "b<=2"]}}
    launch = SimpleNamespace(replay=replay, configured=files.__getitem__)
    monkeypatch.setitem(sys.modules, "sagellm_benchmark.load.launch", launch)
    for name in [name for name in os.environ if name.startswith(("SAGELLM_", "LOCUST_"))]:
        monkeypatch.delenv(name)
    return calls


def test_what_is_passed_on(handed):
    """Our options as they were written, Locust's own behind them and untouched."""
    ours = ("--header", "X=a b", "--header=Y=", "--salt=-x", "--skip-bad", "--slo", "a b<=1")
    locusts = ("--run-time", "60s", "--csv", "out", "--stop-timeout=5")
    assert main(["run", TRACE, *TARGET, *ours, *locusts]) == 0
    ((argv, web),) = handed
    assert not web
    assert argv[0] == "-f" and argv[1].endswith("replay.py")
    assert argv[-len(locusts) :] == list(locusts)
    for word in (
        *(f"--trace={TRACE}", "--header=X=a b", "--header=Y=", "--salt=-x", "--skip-bad"),
        *("--slo=a b<=1", "--model=m", "--headless"),
    ):
        assert argv.count(word) == 1
    assert argv[argv.index("--host") + 1] == "http://127.0.0.1:9"


def test_the_page_is_asked_for(handed):
    """`--web` is not headless, and Locust is told."""
    assert main(["run", TRACE, *TARGET, "--web", "--web-port", "0"]) == 0
    ((argv, web),) = handed
    assert web
    assert "--headless" not in argv
    assert argv[-2:] == ["--web-port", "0"]


@pytest.mark.parametrize(
    ("arguments", "env", "kind"),
    [
        ((TRACE, *TARGET), {}, "replay"),
        ((TRACE, *TARGET, "--concurrency", "2"), {}, "closed"),
        ((TRACE, *TARGET), {"SAGELLM_BENCHMARK_CONCURRENCY": "2"}, "closed"),
        ((TRACE, *TARGET, "--config", "mine.conf"), {}, "closed"),
    ],
    ids=["open", "option", "environment", "file"],
)
def test_which_loop_it_is(arguments, env, kind, handed, monkeypatch):
    """`--concurrency` makes a closed loop, wherever it stands."""
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert main(["run", *arguments]) == 0
    assert handed[0][0][1].endswith(f"{kind}.py")


@pytest.mark.parametrize("text", ["X=1", "[X=1, Y=2]", '["X=1,2", "Y=2"]'])
def test_several_values_in_the_environment(text, handed, monkeypatch):
    """A repeatable option takes one value, or a list as Locust reads it; Locust reads it itself."""
    monkeypatch.setenv("SAGELLM_BENCHMARK_HEADER", text)
    assert main(["run", TRACE, *TARGET]) == 0
    assert not any("header" in word for word in handed[0][0])


@pytest.mark.parametrize(
    ("arguments", "env", "words"),
    [
        ((), {}, "--host is missing"),
        (TARGET, {}, "no trace: name one with --trace FILE"),
        ((TRACE, "--host", "h"), {}, "--host h: write http://"),
        ((TRACE, *TARGET, "--limit", "x"), {}, "--limit must be a whole number"),
        ((TRACE, *TARGET), {"SAGELLM_BENCHMARK_SPEED": "-1"}, "--speed must be above 0"),
        ((TRACE, *TARGET), {"SAGELLM_BENCHMARK_HEADER": "[X=1,Y]"}, "--header must be NAME=VALUE"),
        ((TRACE, *TARGET), {"SAGELLM_BENCHMARK_NO_STREAM": "so"}, "--no-stream is a switch"),
        ((TRACE, *TARGET, "--rate", "2"), {"SAGELLM_BENCHMARK_SPEED": "2"}, "--speed and --rate"),
    ],
    ids=lambda part: str(part)[-40:],
)
def test_what_is_refused_without_locust(arguments, env, words, handed, monkeypatch, capsys):
    """Wrong options end in one line and exit code 2, whatever source they came from."""
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert main(["run", *arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {words}")
    assert said.count("\n") == 1
    assert handed == []
