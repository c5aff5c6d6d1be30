"""`sagellm-benchmark check` as a user types it: an exit code, lines or one object, no traceback."""

from __future__ import annotations

import json
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.load.model_server import model_server
from tests.load.processes import target

from sagellm_benchmark.cli.main import main

ROOT = Path(__file__).parents[2]
HEAVY = ("locust", "gevent", "numpy", "pydantic", "rich", "yaml", "asyncio", "requests", "jinja2")
LOADED = """
import sys, time
from sagellm_benchmark.cli.main import main
code = main(["check", *sys.argv[1:]])
loaded = {name.partition(".")[0] for name in sys.modules}
print("\\n", code, time.process_time(), *loaded)
"""
KEY = "sk-check-5b1f9c"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """A simulated gateway."""
    with target(tmp_path_factory.mktemp("gateway"), "--ttft-ms", 5, "--itl-ms", 1) as found:
        yield found


def checked(capsys, *arguments):
    """Exit code, standard output and standard error."""
    code = main(["check", *arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_good_server(capsys):
    """Exit code 0, the findings, and the command that comes next."""
    with model_server() as whom:
        code, out, err = checked(capsys, "--host", f"{whom.url}/v1", "--model", "m")
    assert (code, err) == (0, "")
    assert out.startswith("vLLM, OpenAI-compatible\n")
    assert out.endswith(
        f"A load can run: sagellm-benchmark run TRACE --host {whom.url} --model m\n"
    )


def test_it_is_light():
    """Neither Locust nor anything else heavy is loaded; the whole takes under 0.6 s of CPU."""
    with model_server() as whom:
        done = subprocess.run(
            [sys.executable, "-c", LOADED, "--host", whom.url, "--model", "m"],
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.stderr == ""
    code, seconds, *loaded = done.stdout.splitlines()[-1].split()
    assert code == "0"
    assert not set(HEAVY) & set(loaded)
    assert float(seconds) < 0.6


def documented():
    """The keys that docs/check.md tells of, each in a row of a table."""
    page = (ROOT / "docs" / "check.md").read_text(encoding="utf-8").partition("## The object")[2]
    rows = (line for line in page.splitlines() if line.startswith("| `"))
    named = (row.split("|")[1].replace("`", "").split(",") for row in rows)
    return {key.strip() for several in named for key in several}


def keys(value, path=""):
    """The paths of an object's keys, as the page writes them: `[]` for a list, `*` for any name."""
    if isinstance(value, list):
        value = [item for item in value if isinstance(item, dict)]
        return {path} | {each for item in value for each in keys(item, f"{path}[]")}
    if not isinstance(value, dict):
        return {path}
    found = {path} if path else set()
    for key, held in value.items():
        name = "*" if path == "server.parameters" else key
        found |= keys(held, f"{path}.{name}".lstrip("."))
    return found


@pytest.mark.parametrize("dialect", ["openai", "sagellm"])
def test_the_object_is_documented(dialect, gateway, capsys):
    """Every key that --json prints is in docs/check.md."""
    if dialect == "sagellm":
        code, out, _ = checked(capsys, "--host", gateway.url, "--model", "sim-llm", "--json")
    else:
        with model_server() as whom:
            code, out, _ = checked(capsys, "--host", whom.url, "--model", "m", "--json")
    found = json.loads(out)
    assert (code, found["schema"], found["ready"], found["reason"]) == (
        *(0, "sagellm.check/1", True),
        None,
    )
    known = documented()
    holders = {key[:at] for key in known for at, char in enumerate(key) if char in ".["}
    holders |= {f"{key}[]" for key in holders}
    assert keys(found) <= known | holders, keys(found) - known - holders


def test_every_documented_key_is_printed(gateway, capsys):
    """docs/check.md tells of nothing that is not there."""
    out = checked(capsys, "--host", gateway.url, "--model", "sim-llm", "--json")[1]
    printed = keys(json.loads(out))
    assert documented() <= printed, documented() - printed


def test_the_commands_of_the_pages(capsys):
    """What README and docs/check.md tell people to type works as it stands, but for the port."""
    pages = [(ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/check.md")]
    found = re.findall(r"^(?:\$ )?sagellm-benchmark (check .*)$", "\n".join(pages), re.MULTILINE)
    assert len(found) == 2
    with model_server(model="my-model") as whom:
        for command in found:
            _, *arguments = shlex.split(command.replace("http://127.0.0.1:8889", whom.url))
            assert checked(capsys, *arguments)[0] == 0


@pytest.mark.parametrize("as_json", [False, True])
def test_what_cannot_be_loaded(as_json, capsys):
    """Exit code 2, one line on standard error, and what was found before on standard output."""
    with model_server(model="other") as whom:
        options = ("--host", whom.url, "--model", "m", *(["--json"] if as_json else []))
        code, out, err = checked(capsys, *options)
    assert code == 2
    assert err.startswith("error: --model m: the target does not list it; it has other")
    assert err.count("\n") == 1
    if as_json:
        found = json.loads(out)
        assert (found["ready"], found["server"]["models"]) == (False, ["other"])
        assert f"error: {found['reason']}\n" == err
    else:
        assert "  models      other\n" in out
        assert "A load can run" not in out


def test_the_key(capsys, monkeypatch):
    """It comes from the variable that is named, or the environment's options, and is not shown."""
    monkeypatch.setenv("MINE", KEY)
    with model_server(key=KEY) as whom:
        where = ("--host", whom.url, "--model", "m")
        assert checked(capsys, *where)[0] == 2
        code, out, err = checked(capsys, *where, "--api-key-env", "MINE", "--json")
        monkeypatch.setenv("SAGELLM_BENCHMARK_API_KEY_ENV", "MINE")
        monkeypatch.setenv("SAGELLM_BENCHMARK_MODEL", "m")
        assert checked(capsys, "--host", whom.url)[0] == 0
    assert code == 0
    assert KEY not in out + err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "--host is missing"),
        (("--host", "gopher://x"), "write http://ADDRESS:PORT"),
        (("--host", "http://127.0.0.1:1", "--model", "m"), "failed: Connection refused"),
        (("--host", "http://no-such-host.invalid", "--model", "m"), "cannot be resolved"),
        (("--host", "http://x", "--endpoint", "chats"), "--endpoint must be one of"),
        (("--host", "http://127.0.0.1:1", "--api-key-env", "NOT_SET_AT_ALL"), "is not set"),
        (("--host", "https://127.0.0.1:1", "--cacert", "missing.pem"), "--cacert missing.pem"),
    ],
    ids=str,
)
def test_what_is_wrong_in_the_options(arguments, words, capsys):
    """One line that names the option."""
    code, out, err = checked(capsys, *arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert err.count("\n") == 1


def test_tls_to_a_server_that_has_none(capsys):
    """A wrong scheme is told as that."""
    with model_server() as whom:
        url = whom.url.replace("http://", "https://")
        code, _, err = checked(capsys, "--host", url, "--model", "m")
    assert code == 2
    assert "GET /v1/models failed: no TLS" in err


def test_ctrl_c():
    """It ends at once, with the code of an interrupt and no traceback, while a server hangs."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        silent.settimeout(20)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        process = subprocess.Popen(
            [sys.executable, "-m", "sagellm_benchmark", "check", "--host", url, "--model", "m"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=_hear_interrupts,
        )
        with silent.accept()[0] as peer:
            peer.recv(65536)
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (130, "", "")
    assert time.monotonic() - began < 4


def _hear_interrupts():
    """Whoever runs the tests in the background has told this process to ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
