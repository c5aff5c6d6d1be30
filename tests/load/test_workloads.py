"""Workloads run by their names, on the whole program."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.load.processes import Load, books_agree, came_out, to
from tests.load.test_closed_loop import most_at_once


class Run(Load):
    """`sagellm-benchmark run` in place of Locust's own command."""

    def program(self, locustfile):
        """What is run, as Python's `-m` takes it."""
        return ["sagellm_benchmark", "run"]


@pytest.mark.integration
@pytest.mark.parametrize(("name", "requests", "at_once"), [("Q5", 10, 10), ("Q1", 5, 1)])
def test_a_workload_runs_by_its_name(fast, tmp_path, name, requests, at_once):
    """Q5 sends its ten requests all at once, Q1 its five one after the other; run.json says why."""
    done = Run(tmp_path, name, *to(fast, name))
    try:
        came_out(done, 0)
        books_agree(done.run, fast)
    finally:
        done.close()
    assert done.run.states == {"ok": requests}
    assert most_at_once(fast.posts(name)) == at_once
    asked = {(each.asked.input_tokens, each.asked.output_tokens) for each in done.run.records}
    assert asked == {(32, 64)}
    told = done.run.manifest["settings"]["concurrency"]
    assert told == {"value": at_once, "source": "workload"}


@pytest.mark.parametrize(
    ("options", "said", "not_said"),
    [
        ((), "ties spread over the 3 s of the trace's clock", "coarse grid"),
        (("--no-spread-ties",), "coarse grid", "ties spread"),
        (("--concurrency", "2"), "2 at once", "ties spread"),
    ],
)
def test_ties_of_a_coarse_clock_are_spread(options, said, not_said):
    """A clock known to be coarse has its ties spread, and the plan says so, unless told not to."""
    trace = Path(__file__).parents[2] / "traces/mooncake_lookalike.jsonl"
    command = (sys.executable, "-m", "sagellm_benchmark", "run", str(trace), "--model", "m")
    command += ("--host", "http://127.0.0.1:1", "--plan", *options)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    text = " ".join(done.stdout.split())
    assert said in text
    assert not_said not in text
