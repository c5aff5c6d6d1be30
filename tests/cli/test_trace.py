"""`trace inspect` and `trace convert` as a user meets them."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from sagellm_benchmark.cli import trace
from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.source import open_trace

TRACES = Path(__file__).parents[2] / "traces"
MOONCAKE = str(TRACES / "mooncake_lookalike.jsonl")
AZURE = str(TRACES / "azure_lookalike.csv")


def _run(*arguments):
    parser = argparse.ArgumentParser()
    trace.add_parser(parser.add_subparsers(required=True))
    args = parser.parse_args(["trace", *map(str, arguments)])
    return args.run(args)


def test_inspect_prints_one_json_object(capsys):
    """--json gives exactly one object with the documented keys."""
    assert _run("inspect", MOONCAKE, "--json") == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["format"] == "mooncake"
    assert figures["rows"] == figures["rows_read"] == 120
    assert {
        *("drops", "span_s", "rate_per_s", "input_tokens", "output_tokens"),
        *("iat", "idc", "sessions", "prefix_hit"),
    } <= figures.keys()


def test_inspect_prints_an_aligned_table(capsys):
    """Without --json a person gets one aligned line a figure."""
    assert _run("inspect", MOONCAKE) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("(mooncake)")
    assert "120 of 120 read" in lines[1]
    assert len({len(line) - len(line[15:].lstrip()) for line in lines}) == 1
    assert any("grid of 3" in line for line in lines)


def test_inspect_takes_columns(tmp_path, capsys):
    """Any table is described by its columns; skipped rows show up with their reason."""
    path = tmp_path / "t.csv"
    path.write_text("ts,p\n1,5\nx,5\n3,7\n")
    options = ("--format", "columns", "--map", "arrival=ts,input_tokens=p", "--time-unit", "s")
    assert _run("inspect", path, *options, "--skip-bad") == 0
    out = capsys.readouterr().out
    assert "2 of 3 read; 1 dropped: bad_arrival" in out
    with pytest.raises(UsageError, match=r"t\.csv:3: arrival"):
        _run("inspect", path, *options)


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz"])
def test_convert_writes_a_native_trace(tmp_path, capsys, name):
    """The selected rows are written, and the header tells what was done."""
    out = tmp_path / name
    assert _run("convert", AZURE, out, "--start", 5, "--limit", 10, "--speed", 2) == 0
    assert "10 rows of 150 read" in capsys.readouterr().out
    written = open_trace(out)
    assert (written.format, len(list(written.rows()))) == ("native", 10)
    assert [each["op"] for each in written.header.transforms] == ["select", "speed"]
    assert list(tmp_path.iterdir()) == [out]


def test_convert_never_overwrites(tmp_path):
    """An existing file is left alone, and a name that says nothing of the form is refused."""
    out = tmp_path / "out.jsonl"
    out.write_text("mine")
    with pytest.raises(UsageError, match=r"out\.jsonl: exists"):
        _run("convert", AZURE, out)
    assert out.read_text() == "mine"
    with pytest.raises(UsageError, match=r"name it \.jsonl or \.jsonl\.gz"):
        _run("convert", AZURE, tmp_path / "out.csv")


def test_a_failed_convert_leaves_nothing(tmp_path):
    """A bad row far down the file leaves no output behind."""
    source = tmp_path / "a.csv"
    source.write_bytes(Path(AZURE).read_bytes() + b"\r\nbroken,1,1")
    out = tmp_path / "out.jsonl"
    with pytest.raises(UsageError, match=r"a\.csv:152: TIMESTAMP"):
        _run("convert", source, out)
    assert list(tmp_path.iterdir()) == [source]
