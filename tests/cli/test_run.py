"""Promises of `sagellm-benchmark run` about its command line; nothing here sends a request."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TRACE = str(Path(__file__).parents[2] / "traces" / "azure_lookalike.csv")
TARGET = ("--host", "http://127.0.0.1:9", "--model", "m")
MADE = ("--input-tokens", "5", "--output-tokens", "2", "--requests", "3", "--rate", "1")
LOCUSTS = ("--run-time", "60s", "--only-summary")


def plan(*arguments):
    """What `run --plan` says: exit code, standard output, standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "sagellm_benchmark", "run", *arguments, "--plan"],
        capture_output=True,
        text=True,
        timeout=60,
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
