"""docs/inspect.md says what the commands that look at traces do."""

from __future__ import annotations

import re
import shlex

from files import REPOSITORY, TRACES

from sagellm_benchmark.cli.main import main
from sagellm_benchmark.report import differences
from sagellm_benchmark.trace import comparison
from sagellm_benchmark.trace.source import open_trace
from sagellm_benchmark.trace.statistics import CACHE_TOKENS, inspect

PAGE = (REPOSITORY / "docs/inspect.md").read_text(encoding="utf-8")


def test_every_figure_stands_on_the_page():
    """The table names every key of --json, and no other."""
    figures = inspect(open_trace(TRACES / "mooncake_lookalike.jsonl"))
    table = PAGE.partition("## The figures")[2].partition("\n\nWhat")[0]
    told = [name for line in table.splitlines()[3:] for name in
            re.findall(r"`(\w+)`", line.split("|")[1])]  # fmt: skip
    assert sorted(told) == sorted(figures)


def test_the_bounds_on_the_page_are_those_of_the_code():
    """What is called noticeable is what the program calls so."""
    text = " ".join(PAGE.split())
    assert f"a KS of over {comparison.TRIFLE:g}" in text
    assert f"ties by over {100 * comparison.TRIFLE:g} points" in text
    assert f"a rate by over {100 * differences.RATE - 100:g} %" in text
    assert f"a factor of over {differences.DISPERSION:g}" in text
    assert f"prefix hits by over {100 * differences.HIT:g} points" in text
    assert f"times within {1000 * comparison.SAME_GAP_S:g} ms are the same" in text
    assert all(f"{tokens:,}" in text for tokens in CACHE_TOKENS)


def test_the_commands_on_the_page_work(tmp_path, monkeypatch, capsys):
    """What the page tells people to type works as it stands there."""
    (tmp_path / "traces").symlink_to(TRACES)
    monkeypatch.chdir(tmp_path)
    block = PAGE.partition("```console\n")[2].partition("```")[0]
    commands = [shlex.split(line[2:])[1:] for line in block.splitlines()]
    assert len(commands) == 4
    for command in commands:
        assert main(command) == 0
        assert capsys.readouterr().out
