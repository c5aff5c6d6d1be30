"""A scratch repository for each test."""

from __future__ import annotations

import pytest
from tests.rules.repository import Repository


@pytest.fixture
def repository(tmp_path) -> Repository:
    """One commit, pushed; nothing else."""
    return Repository(tmp_path)
