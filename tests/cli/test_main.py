"""The command line's edge: light to start, one line for what is wrong, no traceback."""

from __future__ import annotations

import builtins
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from record.directories import write_run
from record.outcomes import record
from sagellm_benchmark import __main__ as entry
from sagellm_benchmark import __version__
from sagellm_benchmark.cli import main as module
from sagellm_benchmark.cli.main import main
from sagellm_benchmark.errors import InputError

COMMANDS = (
    *((), ("demo",), ("check",), ("run",), ("gate",), ("locustfile",), ("sim",)),
    *(("trace",), ("trace", "inspect"), ("trace", "convert")),
    *(("export",), ("merge",), ("compare",)),
)
HEAVY = ("locust", "gevent", "numpy", "pydantic", "rich", "yaml", "asyncio", "requests", "jinja2")
TRACE = str(Path(__file__).parents[2] / "traces" / "azure_lookalike.csv")
STARTED = """
import sys, time
from sagellm_benchmark.cli.main import main
try:
    main(sys.argv[1:])
finally:
    loaded = {name.partition(".")[0] for name in sys.modules}
    print("\\n", time.process_time(), *loaded)
"""


def ended(arguments, capsys):
    """What a command line that argparse ends says: exit code and standard error."""
    with pytest.raises(SystemExit) as left:
        main(arguments)
    return left.value.code, capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_is_quick(command):
    """`--help` costs under 0.4 s of CPU and loads neither Locust nor anything else heavy."""
    done = subprocess.run(
        [sys.executable, "-c", STARTED, *command, "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    seconds, *loaded = done.stdout.splitlines()[-1].split()
    assert float(seconds) < 0.4
    assert not set(HEAVY) & set(loaded)
    assert done.stdout.startswith("usage: sagellm-benchmark")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["fly"], "invalid choice: 'fly'"),
        (["--nope"], "required: COMMAND"),
        (["demo", "--fast"], "unrecognized arguments: --fast"),
        (["demo", "extra"], "unrecognized arguments: extra"),
        (["trace"], "required: COMMAND"),
        (["trace", "inspect"], "required: TRACE"),
        (["trace", "inspect", "a", "--js"], "unrecognized arguments: --js"),
        (["locustfile", "sonnet"], "invalid choice: 'sonnet'"),
        (["sim", "--port", "high"], "argument --port: invalid int value: 'high'"),
        (["sim", "--por", "0"], "unrecognized arguments: --por 0"),
        (["run", "--host"], "argument --host: expected one argument"),
        (["--vers"], "required: COMMAND"),
    ],
    ids=" ".join,
)
def test_what_nobody_knows(arguments, words, capsys):
    """An unknown command or option, or half of one's name: one line, exit code 2, where to look."""
    code, said = ended(arguments, capsys)
    assert code == 2
    assert said.startswith("error: ")
    assert words in said
    assert said.count("\n") == 1
    assert "--help)" in said


def test_where_to_read_on(capsys):
    """Of an option that a command does not know the help of that command is named."""
    assert ended(["trace", "convert", "a", "-o", "b"], capsys) == (
        2,
        "error: unrecognized arguments: -o (see sagellm-benchmark trace convert --help)\n",
    )


def test_the_version(capsys):
    """`--version` names the program and its version."""
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out == f"sagellm-benchmark {__version__}\n"


def test_as_a_module():
    """`python -m sagellm_benchmark` is the same program."""
    done = subprocess.run(
        [sys.executable, "-m", "sagellm_benchmark", "locustfile", "replay"], capture_output=True
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"ReplayUser" in done.stdout


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (InputError("is no trace", "t.jsonl", 3), 2, "error: t.jsonl:3: is no trace\n"),
        (PermissionError(13, "Permission denied", "a/b"), 2, "error: a/b: Permission denied\n"),
        (BrokenPipeError(), 2, ""),
        (KeyboardInterrupt(), 130, ""),
    ],
    ids=["wrong", "locked", "pipe", "interrupt"],
)
def test_what_a_command_raises(raised, code, said, monkeypatch, capsys):
    """One line for what a user did wrong, none for a reader that left or an interrupt."""

    def run(args):
        raise raised

    monkeypatch.setattr(module.locustfile, "run", run)
    assert main(["locustfile"]) == code
    assert capsys.readouterr().err == said


def test_a_mistake_of_ours_is_not_hidden(monkeypatch):
    """What is no user's error stays a traceback."""

    def run(args):
        raise RuntimeError("ours")

    monkeypatch.setattr(module.locustfile, "run", run)
    with pytest.raises(RuntimeError, match="ours"):
        main(["locustfile"])


def to(output, *arguments):
    """Exit code and standard error of a command whose output goes there, buffered as usual."""
    env = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        [sys.executable, "-m", "sagellm_benchmark", *arguments],
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
    )
    return done.returncode, done.stderr


PRINTING = (("--help",), ("trace", "inspect", TRACE), ("locustfile",))


@pytest.mark.parametrize("arguments", PRINTING, ids=lambda arguments: arguments[0])
def test_a_reader_that_left(arguments):
    """`… | head` leaves no complaint of Python's behind."""
    read, write = os.pipe()
    os.close(read)
    with closing(os.fdopen(write, "wb")) as pipe:
        assert to(pipe, *arguments) == (2, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_an_output_that_cannot_be_written():
    """A full disk under our output is an error, told in one line."""
    words = "error: standard output cannot be written: No space left on device\n"
    with Path("/dev/full").open("wb") as full:
        assert to(full, *PRINTING[1]) == (2, words)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device on this system")
def test_a_full_disk_is_one_line_whatever_the_length():
    """More text than a buffer holds, on a full disk: exit code 2, no traceback, no failed gate."""
    program = (
        "import sys; from sagellm_benchmark.cli import main as edge;"
        "edge._command = lambda argv: sys.stdout.write('x' * 100_000); sys.exit(edge.main([]))"
    )
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([sys.executable, "-c", program], stdout=full, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
    assert done.stderr.startswith(b"error: ") and b"No space left" in done.stderr


def test_a_terminal_of_ascii_takes_all():
    """Where the locale's encoding lacks a sign it is written as its number."""
    program = (
        "import sys; from sagellm_benchmark.cli import main as edge;"
        "edge._command = lambda argv: print('\\u26a0'); sys.exit(edge.main([]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"\\u26a0\n", b"")


def test_standard_output_may_be_closed():
    """Who closes it wants no text: what a command does is done, and its exit code stands."""
    program = (
        "import sys; from sagellm_benchmark.cli import main as edge;"
        "edge._command = lambda argv: sys.stdout.write('said') and 3; sys.exit(edge.main([]))"
    )
    done = subprocess.run(
        ["/bin/sh", "-c", '"$0" -c "$1" >&-', sys.executable, program], stderr=subprocess.PIPE
    )
    assert (done.returncode, done.stderr) == (3, b"")


@pytest.mark.parametrize(
    "words",
    [
        ("gate", ""),
        ("gate", "a", "--baseline", ""),
        ("compare", "", "a"),
        ("report", ""),
        ("merge", ""),
        ("export", "", "--to", "csv", "--out", "-"),
        ("trace", "inspect", ""),
    ],
    ids=" ".join,
)
def test_no_name_is_not_the_directory_worked_in(words, tmp_path, monkeypatch, capsys):
    """A variable that is not set must not gate whatever runs lie about."""
    write_run(tmp_path / "a", [record(0)])
    monkeypatch.chdir(tmp_path)
    assert main(list(words)) == 2
    assert "name" in capsys.readouterr().err


def test_an_interrupt_while_the_program_is_loaded(monkeypatch):
    """Ctrl-C in the first moments ends it as later ones do, without a traceback."""
    imported = builtins.__import__

    def interrupted(name, *args, **kwargs):
        if name == "sagellm_benchmark.cli.main":
            raise KeyboardInterrupt
        return imported(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", interrupted)
    assert entry.main() == 130
