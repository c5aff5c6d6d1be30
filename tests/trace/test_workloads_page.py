"""docs/workloads.md says what specifications and changes do."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys

import pytest
from files import REPOSITORY, TRACES

from sagellm_benchmark.cli.main import main
from sagellm_benchmark.trace.changes.curves import read_curve
from sagellm_benchmark.trace.library import find
from sagellm_benchmark.trace.statistics import inspect
from sagellm_benchmark.trace.workload import laws, rates, spec

PAGE = (REPOSITORY / "docs/workloads.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = re.findall(r"^\$ sagellm-benchmark (.*)$", PAGE, re.MULTILINE)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A directory with the files that the page speaks of."""
    shutil.copytree(TRACES, tmp_path / "traces")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_there_is_something_to_try():
    """The page shows commands and specifications, and nothing here passes for want of them."""
    assert len(COMMANDS) >= 7
    assert len(BLOCKS) == 3


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("trace ")])
def test_every_trace_command_works(folder, command, capsys):
    """Each command that looks at, makes or changes a trace does it."""
    assert main(shlex.split(command)) == 0
    assert "rows" in capsys.readouterr().out


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("run ")])
def test_every_run_has_a_plan(folder, command):
    """Each run is accepted as written; --plan keeps it from looking for the server."""
    program = (sys.executable, "-m", "sagellm_benchmark", *shlex.split(command), "--plan")
    done = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("What will happen")


@pytest.mark.parametrize("text", BLOCKS)
def test_every_block_is_what_it_says(folder, text):
    """Each specification gives a trace, and the curve is one."""
    path = folder / "traces" / "w.yaml"
    path.write_text(text)
    if "schema" in text:
        assert inspect(find(str(path)))["rows"] > 100
    else:
        assert read_curve(path).window_s == 60


def test_every_key_is_explained():
    """No key of a specification is missing from the page, and the laws are all there."""
    kinds = (spec.Workload, spec.Client, spec.Level, spec.Sessions, spec.Pool, spec.Ranked,
             laws.Lognormal, laws.Pareto, laws.Zipf, rates.Rate, rates.Diurnal)  # fmt: skip
    keys = {key for kind in kinds for key in kind.__struct_encode_fields__} | set(laws.KINDS)
    assert {key for key in keys if not re.search(rf"\b{key}\b", PAGE)} == set()


def test_every_option_is_explained(capsys):
    """No option of `trace convert` that changes a trace is missing from the page."""
    with pytest.raises(SystemExit):
        main(["trace", "convert", "--help"])
    options = set(re.findall(r"--[a-z-]+", capsys.readouterr().out.partition("changes:")[2]))
    assert {option for option in options if option not in PAGE} == {"--cut-sessions"}


def test_the_table_of_workloads():
    """Q1 to Q8 are what the page says of them."""
    rows = re.findall(r"^\| (Q\d) \| (\d+) \| (\d+) \| (\d+) \| (.*) \|$", PAGE, re.MULTILINE)
    assert len(rows) == 8
    for name, inputs, outputs, requests, sent in rows:
        made = list(find(name).rows())
        assert {(row.input_tokens, row.output_tokens) for row in made} == {
            (int(inputs), int(outputs))
        }
        assert len(made) == int(requests)
        told = find(name).header.transforms[0]["spec"]["concurrency"]
        assert told == (1 if sent == "one after the other" else len(made))
