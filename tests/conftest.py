"""Helpers that assert are rewritten by pytest before any folder's tests import them."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.load.processes", "tests.faults.program")
