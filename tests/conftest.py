"""What holds for all tests: helpers that assert, and tests that measure speed."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.load.processes", "tests.faults.program")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what measures speed while coverage watches every line."""
    if not config.getoption("cov_source", None):
        return
    watched = pytest.mark.skip(reason="coverage watches, and what code costs cannot be measured")
    for item in items:
        if item.get_closest_marker("speed"):
            item.add_marker(watched)
