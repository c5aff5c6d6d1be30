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


def test_convert_changes_a_trace_in_one_order(tmp_path, capsys):
    """However they are written, changes are applied in one order, and the header lists them."""
    out = tmp_path / "out.jsonl"
    curve = tmp_path / "curve.yaml"
    curve.write_text("points: [[0, 5]]\n")
    options = ("--rate-curve", curve, "--cap-output", 50, "--clone", 2, "--thin", 0.8, "--seed", 3)
    options += ("--limit", 200, "--where", "input_tokens<=9000", "--merge", AZURE, "--spread-ties")
    assert _run("convert", MOONCAKE, out, *options) == 0
    header = open_trace(out).header
    assert [each["op"] for each in header.transforms] == [
        *("spread_ties", "merge", "where", "select", "thin", "clone", "cap", "rate_curve")
    ]
    assert {each["seed"] for each in header.transforms if "seed" in each} == {3}
    added = header.added["clone"]
    assert header.rows_read + added == header.rows_emitted + sum(header.drops.values())
    assert f"of {header.rows_read} read and {added} added (clone)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--rate-curve", "c.yaml", "--speed", 2), "--rate-curve: excludes --speed and --rate"),
        (("--thin", 2), "--thin: 2.0 is not above 0"),
        (("--clone", 1), "--clone: 1 is not 2"),
        (("--cap-input", 0), "--cap-input: 0 is not 1"),
        (("--seed", -1), "--seed: -1 is not 0"),
        (("--merge", "none.csv"), "none.csv: cannot be read"),
        (("--where", "colour=red"), "--where 'colour=red'"),
    ],
)
def test_changes_that_make_no_sense(tmp_path, options, problem):
    """Each is refused in one line, and nothing is written."""
    with pytest.raises(UsageError, match=problem):
        _run("convert", AZURE, tmp_path / "out.jsonl", *options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["chat.jsonl", "chat.jsonl.gz"])
def test_synth_writes_what_inspect_sees(tmp_path, capsys, name):
    """A made trace is written row by row, and is the one that the specification gives anywhere."""
    out = tmp_path / name
    assert _run("synth", TRACES / "chat.yaml", "-o", out) == 0
    assert "2,853 rows made" in capsys.readouterr().out
    figures = []
    for path in (TRACES / "chat.yaml", out):
        assert _run("inspect", path, "--json") == 0
        figures.append(json.loads(capsys.readouterr().out))
    same = set(figures[0]) - {"format"}
    assert {key: figures[0][key] for key in same} == {key: figures[1][key] for key in same}


def test_synth_takes_a_seed(tmp_path):
    """`--seed` takes the place of the specification's."""
    for seed in (1, 2):
        options = ("-o", tmp_path / f"{seed}.jsonl", "--seed", seed)
        assert _run("synth", TRACES / "servegen_lookalike.yaml", *options) == 0
    one, two = ((tmp_path / f"{seed}.jsonl").read_bytes() for seed in (1, 2))
    assert one != two


def test_synth_wants_a_specification(tmp_path):
    """A recorded trace is none; a seed is not negative."""
    with pytest.raises(UsageError, match="no specification; its name must end in"):
        _run("synth", AZURE, "-o", tmp_path / "o.jsonl")
    with pytest.raises(UsageError, match="--seed: -1"):
        _run("synth", "Q1", "-o", tmp_path / "o.jsonl", "--seed", -1)
