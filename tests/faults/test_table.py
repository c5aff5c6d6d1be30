"""docs/faults.md says what the tests prove."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.faults.cases import GROUPS
from tests.faults.proven import ROWS
from tests.faults.table import PAGE, page

TESTS = Path(__file__).parents[1]


def test_the_page_is_what_the_tables_say():
    """The committed page is the rendering; `python -m tests.faults.table` writes it anew."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_test_that_it_names_is_there():
    """A row that points to tests elsewhere points to tests that exist."""
    for name in {name for row in ROWS for name in row.tests}:
        path, _, function = name.partition("::")
        tree = ast.parse((TESTS / path).read_text(encoding="utf-8"))
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_names_are_given_once():
    """A test's name says which case it is."""
    for group in GROUPS:
        names = [fault.name for fault in group.faults]
        assert len(set(names)) == len(names)
