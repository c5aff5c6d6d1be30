"""Inputs that are wrong end in one complaint and exit code 2, before anything is sent."""

from __future__ import annotations

import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.faults.inputs import REFUSALS, lay_out
from tests.load.processes import clean_environment

RUN = (sys.executable, "-m", "sagellm_benchmark", "run")


def run(folder, *options):
    """`sagellm-benchmark run` in a folder: exit code, standard output, standard error."""
    done = subprocess.run(
        [*RUN, "--model", "m", *map(str, options)],
        capture_output=True,
        text=True,
        timeout=100,
        cwd=folder,
        env=clean_environment(),
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def refusals(tmp_path_factory):
    """What each case said and left behind; the target they name was never spoken to."""
    folder = tmp_path_factory.mktemp("inputs")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        host = ("--host", f"http://127.0.0.1:{listening.getsockname()[1]}")

        def attempt(case):
            place = folder / case.name
            place.mkdir()
            lay_out(case, place)
            before = {path.name for path in place.iterdir()}
            told = run(place, *host, *case.options)
            return *told, {path.name for path in place.iterdir()} - before

        with ThreadPoolExecutor(2) as pool:
            found = dict(zip((c.name for c in REFUSALS), pool.map(attempt, REFUSALS), strict=True))
        with pytest.raises(BlockingIOError):
            listening.accept()
    found["beside"] = {path.name for path in folder.iterdir()}
    return found


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
