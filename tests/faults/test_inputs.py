"""Inputs that are wrong end in one complaint and exit code 2, before anything is sent."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.faults.inputs import REFUSALS, TRACE, lay_out, rows
from tests.faults.program import program
from tests.load.processes import books_agree, came_out, clean_environment, to

RUN = (sys.executable, "-m", "sagellm_benchmark", "run")


def run(folder, *options):
    """`sagellm-benchmark run` in a folder: exit code, standard output, standard error."""
    done = subprocess.run(
        [*RUN, *map(str, options)],
        capture_output=True,
        text=True,
        timeout=100,
        cwd=folder,
        env=clean_environment(),
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def refusals(sound, tmp_path_factory):
    """What each case said and left behind; the target that they name got no load."""
    folder = tmp_path_factory.mktemp("inputs")
    host = ("--host", sound.url, "--model", "sim-llm")

    def attempt(case):
        place = folder / case.name
        place.mkdir()
        lay_out(case, place)
        before = {path.name for path in place.iterdir()}
        told = run(place, *host, *case.options)
        return *told, {path.name for path in place.iterdir()} - before

    load = [line for line in sound.posts() if not is_probe(line)]
    with ThreadPoolExecutor(2) as pool:
        found = dict(zip((c.name for c in REFUSALS), pool.map(attempt, REFUSALS), strict=True))
    assert [line for line in sound.posts() if not is_probe(line)] == load
    found["beside"] = {path.name for path in folder.iterdir()}
    return found


def is_probe(line):
    """Whether a request only asked what the target is."""
    return (line.request_id or "").startswith("preflight-")


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case.name)
def test_a_wrong_input_is_refused(refusals, case):
    """One complaint that says what is wrong and where, exit code 2, nothing left behind."""
    code, out, complaint, left = refusals[case.name]
    assert code == 2, complaint
    assert complaint.startswith("error: ")
    assert complaint.count("\n") == case.lines
    assert case.says in complaint
    assert "What will happen" not in out
    assert left == set()


def test_nothing_lands_elsewhere(refusals):
    """A name with a path in it leaves nothing beside the working directory either."""
    assert refusals["beside"] == {case.name for case in REFUSALS}


TRICKS = {"../../up", "/etc/passwd", "a\\b", ".."}
SYSTEM = b"other:\n  country: NO\n  start: 1:30\n"


@pytest.fixture(scope="module")
def mended(sound, tmp_path_factory):
    """A run whose trace has bad rows to leave out, ids like paths, and a plain declaration."""
    folder = tmp_path_factory.mktemp("mended")
    odd = [{"input_tokens": -1}, {"output_tokens": "x"}, {"arrival_time_s": -1}]
    odd += [{"request_id": "a\nb"}, {"input_tokens": -1}]
    tricks = [{"request_id": name} for name in TRICKS]
    (folder / "trace").write_bytes(rows(*odd, *tricks, count=12))
    (folder / "system.yaml").write_bytes(SYSTEM)
    options = (*TRACE, "--skip-bad", "--system", "system.yaml", *to(sound, "mended"))
    with program(folder, *options) as run:
        came_out(run, 0)
        yield run


def test_skipped_rows_are_counted_by_reason(mended, sound):
    """With `--skip-bad` the rest is sent, and the plan and run.json say what was left out."""
    books_agree(mended.run, sound)
    assert mended.run.states == {"ok": 7}
    drops = mended.run.manifest["trace"]["drops"]
    bad = ("arrival_time_s", "output_tokens", "request_id")
    assert drops == {"bad_input_tokens": 2, **{f"bad_{field}": 1 for field in bad}}
    assert "left out: 5" in mended.out


def test_ids_that_look_like_paths_are_ids(mended):
    """An id of the trace names no file: all that is written lies in the run's directory."""
    ids = {record.row_id for record in mended.run.records}
    assert ids > TRICKS
    ours = {"locustfile.py", "runs", "stderr", "stdout", "system.yaml", "trace"}
    assert {path.name for path in mended.folder.iterdir()} == ours
    assert {path.name for path in (mended.folder / "runs").iterdir()} == {"latest", "mended"}


def test_text_that_yaml_would_turn_into_something_else(mended):
    """`NO` is no boolean and `1:30` no number: they stay the text that stands there."""
    declared = mended.run.manifest["system_declared"]
    assert declared == {"other": {"country": "NO", "start": "1:30"}}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("1:30", "seconds"),
        ("NO", "seconds"),
        ("!!float 1", "tags are refused"),
        ("*a", "aliases are refused"),
        ("1, seconds: 2", "stands twice"),
    ],
)
def test_a_fault_script_takes_no_tricks(tmp_path, value, words):
    """What YAML would make a number, a boolean or an object of is refused, with file and rule."""
    script = tmp_path / "faults.yaml"
    script.write_text(f"faults:\n  - {{do: stall, all: true, seconds: {value}}}\n")
    done = subprocess.run(
        [sys.executable, "-m", "sagellm_benchmark", "sim", "--faults", str(script)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {script}:2: ")
    assert done.stderr.count("\n") == 1
    assert words in done.stderr
