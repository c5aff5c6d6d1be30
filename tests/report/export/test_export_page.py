"""The page about exports shows commands that are taken, and every key that an entry needs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from sagellm_benchmark.cli import main as program
from sagellm_benchmark.report.export import leaderboard

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "export.md").read_text(encoding="utf-8")
FILES = (DOCS / "files.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ (sagellm-benchmark .*?)(?: \|.*)?$", PAGE + FILES, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_taken(command):
    """As they stand there; every kind of export is shown."""
    args = program._parser().parse_args(shlex.split(command)[1:])
    assert callable(args.run)
    assert {"csv", "jsonl", "parquet", "leaderboard"} == {
        shlex.split(each)[3] for each in COMMANDS if " export " in each
    }


@pytest.mark.parametrize("name", [*leaderboard._ALWAYS, *leaderboard._OF_A_CLUSTER])
def test_what_an_entry_needs(name):
    """Each key stands in the table, beside its section."""
    section, key = name.split(".")
    assert re.search(rf"^\|.*`{key}`.*\| `{section}` \|$", PAGE, re.MULTILINE)
