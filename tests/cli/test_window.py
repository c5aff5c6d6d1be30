"""Text is as wide as its reader says."""

from __future__ import annotations

import subprocess
import sys

import pytest

from report.comparison.runs import replies, several
from sagellm_benchmark.cli.window import LEAST, window


@pytest.mark.parametrize(
    ("columns", "width"),
    [(None, 110), ("", 110), ("60", 60), ("300", 300), ("0", 110), ("x", 110), ("1", LEAST)],
)
def test_a_pipe_is_as_wide_as_columns_says(monkeypatch, columns, width):
    """COLUMNS counts without a terminal too; nonsense is none, and no colours go into a file."""
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    assert window(110) == (width, False)


@pytest.mark.parametrize("command", [["compare", "runs/x-a", "runs/x-b"], ["gate", "runs/x-a"]])
def test_piped_tables_keep_to_it(tmp_path, command):
    """`compare` and `gate` fit their tables into COLUMNS when they are piped."""
    several(tmp_path / "runs", "x-a", (1.0, 1.01), records=replies(3))
    several(tmp_path / "runs", "x-b", (1.1, 1.11), first=60, records=replies(3))
    words = [sys.executable, "-m", "sagellm_benchmark", *command]

    def widest(columns):
        done = subprocess.run(
            words, capture_output=True, text=True, cwd=tmp_path, env={"COLUMNS": columns}
        )
        assert done.returncode in (0, 1), done.stderr
        return max(map(len, done.stdout.splitlines()))

    assert widest("64") <= 64 < widest("200")
