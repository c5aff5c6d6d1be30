"""The demo starts its own gateway, and takes it along when it ends."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from contextlib import suppress
from types import SimpleNamespace
from urllib.error import URLError

import pytest

from sagellm_benchmark.cli import demo
from sagellm_benchmark.cli.main import main
from sagellm_benchmark.errors import UsageError


def answers(url):
    """Whether somebody answers there."""
    with suppress(URLError), urllib.request.urlopen(f"{url}/health", timeout=5) as reply:
        return reply.status == 200
    return False


@pytest.fixture
def replayed(monkeypatch):
    """Stands for Locust; keeps its arguments, whether the gateway answered, and how it ended."""
    found = SimpleNamespace(argv=None, answered=None, ends=None)

    def replay(argv):
        found.argv = argv
        found.url = argv[argv.index("--host") + 1]
        found.answered = answers(found.url)
        if found.ends is not None:
            raise found.ends
        return 0

    launch = SimpleNamespace(replay=replay)
    monkeypatch.setitem(sys.modules, "sagellm_benchmark.load.launch", launch)
    return found


@pytest.mark.parametrize("ends", [None, SystemExit(1), SystemExit(3), KeyboardInterrupt()])
def test_the_gateway_lives_as_long_as_the_demo(ends, replayed, tmp_path, capsys):
    """It serves while the replay runs, and is gone however the replay ends."""
    replayed.ends = ends
    arguments = ["demo", "--out", str(tmp_path)]
    if isinstance(ends, SystemExit):
        with pytest.raises(SystemExit) as left:
            main(arguments)
        assert left.value.code == ends.code
    else:
        assert main(arguments) == (0 if ends is None else 130)
    assert replayed.answered
    assert not answers(replayed.url)
    assert replayed.argv[replayed.argv.index("--out") + 1] == str(tmp_path)
    assert replayed.url.startswith("http://127.0.0.1:")
    assert "Nothing leaves this machine" in capsys.readouterr().out


def test_a_gateway_that_does_not_start(monkeypatch, replayed, capsys):
    """One line with its exit code; nothing is replayed."""

    def broken(ready):
        return subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"])

    monkeypatch.setattr(demo, "_start_gateway", broken)
    assert main(["demo"]) == 2
    assert capsys.readouterr().err == "error: the simulated gateway ended with exit code 7\n"
    assert replayed.argv is None


def test_a_gateway_that_takes_too_long(monkeypatch, tmp_path):
    """It is not waited for for ever, nor is an address that is only half written taken."""
    ready = tmp_path / "ready"
    ready.write_text("\n")
    monkeypatch.setattr(demo, "_READY_S", 0.2)
    running = SimpleNamespace(poll=lambda: None)
    with pytest.raises(UsageError, match=r"did not start within 0\.2 s"):
        demo._wait_for(ready, running)
