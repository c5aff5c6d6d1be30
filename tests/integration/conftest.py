"""One real gateway for all tests; each puts an engine of its own, with its own model, behind it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .gateways import gateway_program, running_gateway


@pytest.fixture(scope="session")
def gateway_bin(request: pytest.FixtureRequest) -> str:
    """The program."""
    return gateway_program(Path(request.config.cache.mkdir("gateway")))


@pytest.fixture(scope="session")
def gateway(gateway_bin: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a running gateway."""
    log = tmp_path_factory.mktemp("gateway") / "log"
    with running_gateway(gateway_bin, log) as url:
        yield url
