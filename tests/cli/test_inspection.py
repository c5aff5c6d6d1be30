"""`trace inspect` of two traces and of runs, and `trace plot`, as a user meets them."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest
from tests.record.outcomes import record

from sagellm_benchmark.cli import trace
from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.record.segments import SegmentWriter

TRACES = Path(__file__).parents[2] / "traces"
MOONCAKE = str(TRACES / "mooncake_lookalike.jsonl")
AZURE = str(TRACES / "azure_lookalike.csv")


def _run(*arguments):
    parser = argparse.ArgumentParser()
    trace.add_parser(parser.add_subparsers(required=True))
    args = parser.parse_args(["trace", *map(str, arguments)])
    return args.run(args)


@pytest.fixture
def a_run(tmp_path):
    """The directory of a run of three requests."""
    writer = SegmentWriter(tmp_path / "run" / "records", "local")
    for seq in range(3):
        writer.append(record(seq))
    writer.close()
    return tmp_path / "run"


def test_two_traces_are_compared(capsys):
    """Both stand side by side; --json has both, their distances and what differs in words."""
    assert _run("inspect", MOONCAKE, AZURE) == 0
    out = capsys.readouterr().out
    assert f"A  {MOONCAKE}\nB  {AZURE}\n" in out
    assert "Input lengths differ: KS " in out
    assert _run("inspect", MOONCAKE, AZURE, "--json") == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures.keys() == {"a", "b", "distance", "differs", "unknown"}
    assert (figures["a"]["format"], figures["b"]["format"]) == ("mooncake", "azure")
    assert 0 < figures["distance"]["input_tokens"]["ks"] <= 1
    assert "B tells nothing of prefix blocks" in figures["unknown"]


def test_a_trace_is_compared_with_a_run(a_run, capsys):
    """A run's directory stands for what it sent."""
    assert _run("inspect", MOONCAKE, a_run, "--json") == 0
    figures = json.loads(capsys.readouterr().out)
    assert (figures["b"]["format"], figures["b"]["rows"]) == ("run", 3)
    assert figures["distance"]["same_gap_s"] == 0.001


def test_caches_are_as_large_as_asked(capsys):
    """--cache-tokens names the caches, in ascending order and once each."""
    sizes = ("--cache-tokens", 5000, "--cache-tokens", 600, "--cache-tokens", 5000)
    assert _run("inspect", MOONCAKE, *sizes, "--json") == 0
    cache = json.loads(capsys.readouterr().out)["prefix_cache"]
    assert [(each["tokens"], each["blocks"]) for each in cache["lru"]] == [(600, 1), (5000, 9)]
    for wrong in ("0", "-5", "1e6", "many"):
        with pytest.raises(SystemExit):
            _run("inspect", MOONCAKE, "--cache-tokens", wrong)
        assert "give a whole number of tokens, 1 or more" in capsys.readouterr().err


def test_a_third_trace_is_refused():
    """Three traces are one too many."""
    with pytest.raises(UsageError, match="one trace, or two, and no third"):
        _run("inspect", MOONCAKE, AZURE, AZURE)


@pytest.mark.parametrize("second", [(), (AZURE,)])
def test_plot_writes_one_page(tmp_path, capsys, second):
    """One HTML file is written, with nothing beside it, the same each time."""
    pages = [tmp_path / name for name in ("one.html", "again.html")]
    for page in pages:
        assert _run("plot", MOONCAKE, *second, "-o", page) == 0
        assert capsys.readouterr().out == f"{page}: open it in a browser\n"
    assert sorted(tmp_path.iterdir()) == sorted(pages)
    assert pages[0].read_bytes() == pages[1].read_bytes()
    assert pages[0].read_text(encoding="utf-8").count("</html>") == 1


def test_plot_says_what_it_cannot_write(tmp_path):
    """Another kind of picture, a file that exists and no folder are each one line."""
    with pytest.raises(UsageError, match=r"out\.png: .* name it \.html"):
        _run("plot", MOONCAKE, "-o", tmp_path / "out.png")
    (tmp_path / "mine.html").write_text("mine")
    with pytest.raises(UsageError, match=r"mine\.html: exists"):
        _run("plot", MOONCAKE, "-o", tmp_path / "mine.html")
    with pytest.raises(UsageError, match=r"cannot be written"):
        _run("plot", MOONCAKE, "-o", tmp_path / "none" / "out.html")
    assert (tmp_path / "mine.html").read_text() == "mine"


def test_a_bad_trace_leaves_no_page(tmp_path):
    """Where a row is bad, nothing is written."""
    source = tmp_path / "a.csv"
    source.write_bytes(Path(AZURE).read_bytes() + b"\r\nbroken,1,1")
    with pytest.raises(UsageError, match=r"a\.csv:152: TIMESTAMP"):
        _run("plot", source, "-o", tmp_path / "out.html")
    assert list(tmp_path.iterdir()) == [source]
