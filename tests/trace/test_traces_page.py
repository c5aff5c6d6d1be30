"""docs/traces.md says what the readers do."""

from __future__ import annotations

import re
import shlex

from files import REPOSITORY, TRACES

from sagellm_benchmark.cli.main import main
from sagellm_benchmark.trace.formats import registry
from sagellm_benchmark.trace.row import Row

PAGE = (REPOSITORY / "docs/traces.md").read_text(encoding="utf-8")
READERS = REPOSITORY / "src/sagellm_benchmark/trace"


def test_every_format_stands_on_the_page():
    """Each format has a row in the table and a paragraph on its fields."""
    for each in registry.FORMATS:
        assert f"\n| `{each.name}` |" in PAGE
        assert each.name == "native" or f"\n**{each.name}**: " in PAGE


def test_every_drop_reason_stands_on_the_page():
    """The reasons in the readers and the reasons in the table are the same."""
    sources = "".join(path.read_text() for path in READERS.rglob("*.py"))
    reasons = set(re.findall(r'DroppedError\(\s*"(\w+)"', sources))
    table = PAGE.partition("## Drops")[2].partition("\n## ")[0]
    told = {name for line in table.splitlines()[4:] for name in
            re.findall(r"`(\w+)`", line.split("|")[1])}  # fmt: skip
    assert len(reasons) > 8
    assert told == reasons


NOT_SENT = {"clone_of", "clone_index", "phase"}


def test_every_field_of_a_row_stands_on_the_page():
    """The table of the native format has every field but those that changes to a trace set."""
    told = set(re.findall(r"`(\w+)`", PAGE.partition("## The native format")[2]))
    assert set(Row.__struct_fields__) - NOT_SENT <= told


def test_the_commands_on_the_page_work(tmp_path, monkeypatch, capsys):
    """What the page tells people to type works as it stands there."""
    (tmp_path / "traces").symlink_to(TRACES)
    monkeypatch.chdir(tmp_path)
    block = PAGE.partition("```console\n")[2].partition("```")[0]
    commands = [shlex.split(line[2:])[1:] for line in block.splitlines()]
    assert len(commands) == 3
    for command in commands:
        assert main(command) == 0
        assert capsys.readouterr().out
