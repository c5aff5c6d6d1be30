"""`export`: one file or text, whole or not at all, in one line what is wrong."""

from __future__ import annotations

import csv
import gzip
import json

import pytest

from record.directories import write_run
from record.outcomes import outcome, record
from sagellm_benchmark.cli.main import main

SYSTEM = """\
hardware: {vendor: AMD, chip_model: MI300X, chip_count: 8, intra_node_interconnect: xGMI}
model: {parameters: 7B, precision: FP16}
versions: {sagellm: 0.5.4, protocol: 0.5.4, backend: N/A, core: N/A}
environment: {os: Debian 12, python_version: "3.11"}
workload: {input_length: 10}
metrics: {peak_mem_mb: 1}
submission: {submitter: ada}
"""


@pytest.fixture
def run(tmp_path):
    """A run's directory of three requests."""
    return write_run(tmp_path / "r", [record(seq, outcome(output_tokens=3)) for seq in range(3)])


@pytest.fixture
def system(tmp_path):
    """A declaration that has all that an entry needs."""
    path = tmp_path / "system.yaml"
    path.write_text(SYSTEM)
    return str(path)


def export(run, kind, out, *more):
    """The exit code."""
    return main(["export", "--to", kind, "--out", str(out), *more, str(run)])


def test_records_as_they_are(run, tmp_path, capsys):
    """JSONL has the lines of the run's files."""
    out = tmp_path / "o.jsonl"
    assert export(run, "jsonl", out) == 0
    assert out.read_bytes() == (run / "records" / "local.jsonl").read_bytes()
    assert capsys.readouterr().out == f"{out}: the records of r\n"


def test_csv_packed(run, tmp_path):
    """A line a record behind the head, gzipped where the name says so."""
    out = tmp_path / "o.csv.gz"
    assert export(run, "csv", out) == 0
    with gzip.open(out, "rt", newline="") as file:
        assert [line["seq"] for line in csv.DictReader(file)] == ["0", "1", "2"]


def test_parquet(run, tmp_path):
    """A table that Parquet's readers open."""
    pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    assert export(run, "parquet", tmp_path / "o.parquet") == 0
    table = pq.read_table(tmp_path / "o.parquet")
    assert table.column("seq").to_pylist() == [0, 1, 2]
    assert table.schema.metadata[b"run_id"] == b"r"


def test_an_entry(run, system, tmp_path):
    """One JSON object, of what the run measured and the file declares."""
    out = tmp_path / "o.json"
    assert export(run, "leaderboard", out, "--system", system) == 0
    entry = json.loads(out.read_text())
    assert entry["config_type"] == "multi_gpu"
    assert entry["hardware"]["intra_node_interconnect"] == "xGMI"
    assert "interconnect" not in entry["hardware"]
    assert entry["metadata"]["submitted_at"].endswith("Z")


def test_to_standard_output(run, system, capfdbinary):
    """Text goes where it is asked for, and nothing else with it."""
    assert export(run, "leaderboard", "-", "--system", system) == 0
    out, err = capfdbinary.readouterr()
    assert json.loads(out)["metadata"]["verified"] is False
    assert err == b"standard output: the entry of r, not verified\n"
    assert export(run, "jsonl", "-") == 0
    assert capfdbinary.readouterr().out == (run / "records" / "local.jsonl").read_bytes()


def test_a_torn_record_is_told(run, tmp_path, capsys):
    """What a killed process left unfinished is left out, and said so."""
    path = run / "records" / "local.jsonl"
    path.write_bytes(path.read_bytes()[:-9])
    assert export(run, "csv", tmp_path / "o.csv") == 0
    assert "; 1 lines torn off at a file's end are left out" in capsys.readouterr().out


def test_a_file_is_not_written_over(run, tmp_path, capsys):
    """Only with --force; what fails leaves the old one as it was."""
    out = tmp_path / "o.csv"
    out.write_text("mine")
    assert export(run, "csv", out) == 2
    assert "exists; choose another name, or write over it with --force" in capsys.readouterr().err
    path = run / "records" / "local.jsonl"
    whole = path.read_bytes()
    path.write_bytes(b"{}\n" + whole)
    assert export(run, "csv", out, "--force") == 2
    assert "local.jsonl:1: no record" in capsys.readouterr().err
    assert out.read_text() == "mine"
    path.write_bytes(whole)
    assert export(run, "csv", out, "--force") == 0
    assert out.read_text().startswith("schema,seq,")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["o.csv", "r"]


def test_an_invalid_run(run, system, tmp_path, capsys):
    """No entry is made of it, exit code 3; its records are data like any other."""
    path = run / "summary.json"
    summary = json.loads(path.read_text())
    summary["verdict"].update(state="invalid", valid=False, reasons=["read lag p99 9 ms"])
    path.write_text(json.dumps(summary))
    assert export(run, "leaderboard", tmp_path / "o.json", "--system", system) == 3
    said = capsys.readouterr().err
    assert "the run is invalid (read lag p99 9 ms): no entry is made of it" in said
    assert said.count("\n") == 1
    assert not (tmp_path / "o.json").exists()
    assert export(run, "csv", tmp_path / "o.csv") == 0


def test_a_declaration_adds_to_the_runs_own(tmp_path, capsys):
    """Keys that the run was made without come from the file; other values are refused."""
    own = {"hardware": {"chip_count": 8}, "model": None}
    run = write_run(tmp_path / "r", [record(0, outcome(output_tokens=3))], system_declared=own)
    file = tmp_path / "s.yaml"
    file.write_text(SYSTEM)
    assert export(run, "leaderboard", tmp_path / "o.json", "--system", str(file)) == 0
    file.write_text(SYSTEM.replace("chip_count: 8", "chip_count: 4"))
    assert export(run, "leaderboard", tmp_path / "p.json", "--system", str(file)) == 2
    assert "hardware.chip_count is 4, and 8 was declared when the run was made" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("parquet", "-"), "--out -: Parquet is no text: name a file"),
        (("csv", "-", "--system", "s"), "--system goes with --to leaderboard"),
        (("leaderboard", "-"), "--system FILE.yaml lacks 15 keys of an entry: write {hardware: {"),
        (("leaderboard", "-", "--system", "none"), "none: --system cannot be read"),
    ],
    ids=["parquet", "system", "nothing", "none"],
)
def test_what_is_refused(run, arguments, words, capsys):
    """One line, exit code 2, nothing on standard output."""
    kind, *more = arguments
    assert export(run, kind, *more) == 2
    out, err = capsys.readouterr()
    assert words in err
    assert (err.count("\n"), out) == (1, "")


def test_a_kind_that_is_none(run, capsys):
    """The kinds there are, are named."""
    with pytest.raises(SystemExit, match="2"):
        export(run, "xls", "-")
    said = capsys.readouterr().err
    assert all(kind in said for kind in ("csv", "jsonl", "parquet", "leaderboard"))
