"""The targets of the load tests."""

from __future__ import annotations

from tests.load.conftest import fast

__all__ = ["fast"]
