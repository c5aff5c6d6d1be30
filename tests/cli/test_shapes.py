"""Of run.json and summary.json any shape that is none ends in one line, never in a traceback."""

from __future__ import annotations

import copy
import json
from itertools import cycle, islice

import pytest

from record.directories import write_run
from record.outcomes import outcome, record
from sagellm_benchmark.cli.main import main
from sagellm_benchmark.errors import InputError
from sagellm_benchmark.record.archive import open_archive
from sagellm_benchmark.record.builder import Warmup
from sagellm_benchmark.wire.states import Status

from .test_export import SYSTEM

COMMANDS = (
    ("report", "a", "--html", "a.html", "--md", "-"),
    ("compare", "a", "b", "--json"),
    ("compare", "a", "b", "--html", "c.html", "--md", "-"),
    ("compare", "a", "--definitions", "vllm"),
    ("compare", "a", "--definitions", "guidellm"),
    ("compare", "a", "--definitions", "aiperf", "--json"),
    ("compare", "a", "--definitions", "protocol"),
    ("gate", "a", "--contract", "year1", "--slo", "ttft_ms.p99<=500", "--json"),
    ("gate", "a", "--slo", "e2e_ms<=500", "--slo", "goodput.fraction>=0.5"),
    ("gate", "a", "--baseline", "b", "--junit", "j.xml"),
    ("export", "a", "--to", "leaderboard", "--system", "system.yaml", "--out", "-"),
    ("export", "a", "--to", "csv", "--out", "-"),
    ("merge", "a", "--out", "m"),
    ("trace", "inspect", "a"),
)
GIVEN = {
    "trace": "chat.jsonl",
    "model": "m",
    "speed": "2",
    "warmup": "1req",
    "patience": "20tok",
    "header": ["X-Team=a"],
    "body": '{"top_k": 5}',
    "slo": ["ttft_ms<=500", "error_rate<=0.5"],
}
ASIDE = ("report.html", "report.md", "a.html", "c.html", "j.xml")


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Two runs of every block that a summary can have, in the directory that is worked in."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "system.yaml").write_text(SYSTEM)
    warm = {"warmup": Warmup("req", 1)}
    for name in "ab":
        made = [record(seq, outcome(30.0 * seq, 30.0 * seq), **warm) for seq in range(40)]
        made.append(record(40, outcome(1200, 1200, status=Status.TIMEOUT)))
        write_run(tmp_path / name, made, run_id=name, options=GIVEN)
    return tmp_path


def _clear(runs):
    for name in ASIDE:
        (runs / name).unlink(missing_ok=True)
    for path in sorted((runs / "m").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    if (runs / "m").exists():
        (runs / "m").rmdir()


def _ends_well(runs, command, capsys, why):
    """Run it; what it prints where it refuses."""
    code = main(list(command))
    error = capsys.readouterr().err
    assert code in (0, 1, 2, 3), (command, why)
    assert code != 2 or (error.startswith("error: ") and error.count("\n") == 1), (command, why)
    _clear(runs)
    return code, error


def _paths(value, path=()):
    """Every place of a document; of lists the first item."""
    items = value.items() if isinstance(value, dict) else enumerate(value[:1])
    for key, held in items:
        yield (*path, key)
        if isinstance(held, dict | list):
            yield from _paths(held, (*path, key))


def _changed(document):
    """The document with each key away, null, and of another type."""
    for path in _paths(document):
        for change in ("gone", None, "text", [5]):
            made = copy.deepcopy(document)
            held = made
            for key in path[:-1]:
                held = held[key]
            if change != "gone":
                held[path[-1]] = change
            elif isinstance(held, dict):
                del held[path[-1]]
            else:
                continue
            yield (".".join(map(str, path)), change), made


def _worth(path):
    """One of each kind: latencies, groups and settings are many and alike."""
    parts = path.split(".")
    if parts[0] == "settings" and len(parts) > 1:
        return parts[1] in (*GIVEN, "loop", "salt", "keep_content") and parts[-1] != "source"
    alike = ("groups", "steady", "latency", "counts", "warmup", "fidelity", "thresholds")
    return parts[0] not in alike or len(parts) < 3 or "ttft_ms" in parts


@pytest.mark.parametrize("name", ["run.json", "summary.json"])
def test_no_shape_is_a_traceback(runs, capsys, name):
    """Whatever key is gone, null or of another type: exit code 0 to 3, and 2 names the file."""
    path = runs / "a" / name
    whole = json.loads(path.read_text())
    turn = cycle(COMMANDS)
    refused = 0
    for why, made in _changed(whole):
        if not _worth(why[0]):
            continue
        path.write_text(json.dumps(made))
        try:
            open_archive(runs / "a")
        except InputError as error:
            assert f"a/{name}: " in str(error) and "\n" not in str(error), why
            assert any(place in str(error) for place in ("`$", "field `", "schema ")), why
            refused += 1
            if refused % 50:
                continue
            for command in COMMANDS[:-1]:
                code, said = _ends_well(runs, command, capsys, why)
                assert code == 2 and f"a/{name}: " in said, (command, why)
            continue
        for command in islice(turn, 1):
            _ends_well(runs, command, capsys, why)
    assert refused > 100


@pytest.mark.parametrize("name", ["run.json", "summary.json"])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no JSON"),
        ('{"schema": "sagellm.', "no JSON"),
        ("[]", "schema None, expected 'sagellm."),
        ("null", "schema None"),
        ("\xff\xfe", "no JSON"),
        ('{"schema": "sagellm.run/2"}', "schema 'sagellm.run/2', expected"),
        ('{"schema": ["sagellm.run/1"]}', "expected 'sagellm."),
    ],
    ids=["empty", "cut", "list", "null", "bytes", "newer", "odd"],
)
def test_what_is_no_such_file_is_one_line(runs, capsys, name, text, words):
    """Cut, of another version, or something else: every command names the file."""
    (runs / "a" / name).write_text(text, encoding="latin-1")
    for command in COMMANDS[:-1]:
        code, error = _ends_well(runs, command, capsys, name)
        assert code == 2 and words in error and f"a/{name}: " in error, command


def test_every_command_takes_the_run_as_it_is(runs, capsys):
    """So that what the others prove is not proven of runs that nobody takes."""
    for command in COMMANDS:
        assert _ends_well(runs, command, capsys, "whole")[0] in (0, 1, 3), command
