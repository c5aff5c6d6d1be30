"""A target that answers as it should; each run is told apart by its name."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.load.processes", "tests.faults.program")
from tests.load.processes import target  # noqa: E402


@pytest.fixture(scope="session")
def sound(tmp_path_factory):
    """A gateway whose replies of 5 tokens take 28 ms."""
    folder = tmp_path_factory.mktemp("sound")
    with target(folder, "--fixed", "--ttft-ms", 20, "--itl-ms", 2) as found:
        yield found
