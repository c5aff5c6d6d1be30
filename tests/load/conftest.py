"""Targets that several tests share; each run is told apart by its name."""

from __future__ import annotations

import os

import pytest

# Locust patches the standard library when it is imported; in this process it must not.
os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"
import locust  # noqa: F401

del os.environ["LOCUST_SKIP_MONKEY_PATCH"]

pytest.register_assert_rewrite("tests.load.processes")
from tests.load.processes import target  # noqa: E402


@pytest.fixture(scope="session")
def fast(tmp_path_factory):
    """A gateway whose replies of 5 tokens take 28 ms."""
    with target(
        tmp_path_factory.mktemp("fast"), "--fixed", "--ttft-ms", 20, "--itl-ms", 2
    ) as found:
        yield found


@pytest.fixture(scope="session")
def slow(tmp_path_factory):
    """A gateway whose replies of 5 tokens take 0.7 s, of 50 tokens 5.2 s."""
    options = ("--fixed", "--ttft-ms", 300, "--itl-ms", 100)
    with target(tmp_path_factory.mktemp("slow"), *options) as found:
        yield found
