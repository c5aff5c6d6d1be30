"""Simulators that several tests share; no test leaves a trace that another would see."""

from __future__ import annotations

import pytest
from tests.sim.faulty import faulty
from tests.sim.processes import simulator

FAST = ("--fixed", "--ttft-ms", 5, "--itl-ms", 1)


@pytest.fixture(scope="session")
def sagellm():
    """Port of a fast gateway."""
    with simulator(*FAST) as port:
        yield port


@pytest.fixture(scope="session")
def openai():
    """Port of a fast engine."""
    with simulator(*FAST, "--dialect", "openai") as port:
        yield port


@pytest.fixture(scope="session", params=["sagellm", "openai"])
def faulty_server(request, tmp_path_factory):
    """A server of each dialect that meets every case of `tests.sim.faulty`."""
    with faulty(tmp_path_factory.mktemp("faulty"), request.param) as server:
        yield server
