"""`check` against the real gateway in both of its modes, and against both simulated dialects."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.sim.processes import simulator, start

from .gateways import LIFE_S, free_port, running_gateway
from .runs import FAST, PROGRAM, engine, forwarded

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


def checked(url: str, model: str, *options: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, the object, and what standard error says; the same code for a person."""
    command = [*PROGRAM, "check", "--host", url, "--model", model, *options]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr
    found = json.loads(done.stdout) if done.stdout else {}
    return done.returncode, found, done.stderr


def states(found: dict[str, Any], how: str) -> dict[str, str]:
    """The parameters' states that were measured, or are known."""
    parameters = found["server"]["parameters"]
    return {name: each["state"] for name, each in parameters.items() if each["how"] == how}


def test_control_plane(gateway: str, tmp_path: Path) -> None:
    """All that can be told of the default mode, and few requests for it."""
    log = tmp_path / "engine.jsonl"
    with engine(gateway, "model-check", log, *FAST):
        code, found, errors = checked(gateway, "model-check")
    assert (code, errors) == (0, "")
    server = found["server"]
    assert (server["dialect"], server["name"]) == ("sagellm", "sageLLM Gateway")
    assert server["cap"]["streams"] == 100
    mine = [each for each in server["engines"] if each["model"] == "model-check"]
    assert [(each["state"], each["healthy"]) for each in mine] == [("READY", True)]
    assert server["usage"] == {"whole": True, "stream": False}
    assert (server["tokens"]["per_word"], server["tokens"]["source"]) == (1.0, "fitted")
    assert (server["context_tokens"], server["cut_reason"]) == (None, "stop")
    assert (server["hides_failures"], server["echoes_request_id"]) == (True, True)
    assert server["sample"]["chunks"] == 16
    assert 0 < server["sample"]["ttft_ms"] < 5000
    measured = {"max_tokens": "honoured"} | dict.fromkeys(
        ("stop", "n", "seed", "stream_options"), "dropped"
    )
    assert states(found, "measured") == measured
    assert states(found, "known")["min_tokens"] == "dropped"
    assert len(forwarded(log)) == server["requests"] - 1 <= 11, "one was for a model nobody has"


def test_direct_proxy(gateway_bin: str, tmp_path: Path) -> None:
    """Without its control plane the engine shows through, and a dead engine is found out."""
    dying = start("--dialect", "openai", "--model", "m", *FAST, "--max-seconds", LIFE_S)
    port = dying.stdout.readline().split()[3].rpartition(":")[2]
    behind = {"HOST": "127.0.0.1", "PORT": port, "MODEL": "m", "ID": "mine"}
    settings = {f"SAGELLM_ENGINE_{name}": value for name, value in behind.items()}
    try:
        with running_gateway(gateway_bin, tmp_path / "log", **settings) as url:
            code, found, errors = checked(url, "m")
            dying.kill()
            dying.communicate()
            first, second = checked(url, "m"), checked(url, "m")
    finally:
        dying.kill()
        dying.communicate()
    assert (code, errors) == (0, "")
    server = found["server"]
    assert (server["dialect"], server["cap"]["streams"]) == ("sagellm-proxy", None)
    assert (server["cut_reason"], server["hides_failures"]) == ("length", False)
    assert server["tokens"]["source"] == "fitted"
    assert states(found, "measured")["stream_options"] == "dropped"
    assert first[0] == second[0] == 2
    assert "a first small request to m fails, http_error: HTTP 500" in first[2]
    assert "has no healthy engine (1 registered): one failed request marks it so" in second[2]


def test_no_engine(gateway_bin: str, tmp_path: Path) -> None:
    """It would answer 200 to every stream; asked, it gives itself away, and nothing is sent."""
    with running_gateway(gateway_bin, tmp_path / "log") as url:
        code, found, errors = checked(url, "m")
    assert code == 2
    assert "this sageLLM gateway has no healthy engine (0 registered)" in errors
    assert (found["ready"], found["server"]["engines"], found["server"]["requests"]) == (
        *(False, []),
        0,
    )


def test_dead_engine(gateway: str, tmp_path: Path) -> None:
    """One that the gateway still takes for healthy is found by the first request."""
    model, log = "model-dead", tmp_path / "engine.jsonl"
    behind = ("--dialect", "openai", "--model", model, "--register", gateway)
    killed = start(*behind, "--send-log", log, "--max-seconds", LIFE_S)
    try:
        assert killed.stdout.readline()
    finally:
        killed.kill()
        killed.communicate()
    code, found, errors = checked(gateway, model)
    assert code == 2
    assert "a first small request to model-dead fails, http_error: HTTP 500" in errors
    assert "Connection failed" in errors
    assert found["server"]["dialect"] == "sagellm"
    assert found["server"]["seconds"] < 15


@pytest.mark.parametrize("dialect", ["sagellm", "openai"])
def test_simulated(dialect: str) -> None:
    """The simulated dialects show what the real ones show."""
    with simulator("--dialect", dialect, *FAST) as port:
        code, found, errors = checked(f"http://127.0.0.1:{port}", "sim-llm")
    assert (code, errors) == (0, "")
    server = found["server"]
    gateway = dialect == "sagellm"
    assert server["dialect"] == dialect
    assert server["hides_failures"] == gateway
    assert server["usage"] == {"whole": True, "stream": not gateway}
    assert server["cut_reason"] == ("stop" if gateway else "length")


def test_nobody_there() -> None:
    """A closed port is one line."""
    url = f"http://127.0.0.1:{free_port()}"
    code, found, errors = checked(url, "m")
    assert (code, found) == (2, {})
    assert errors == f"error: --host {url}: GET /v1/models failed: Connection refused\n"


def test_it_waits_for_nobody_long() -> None:
    """An engine that never answers is given up within fifteen seconds."""
    with simulator("--dialect", "openai", "--model", "model-hung", "--ttft-ms", 60_000) as port:
        url = f"http://127.0.0.1:{port}"
        code, found, errors = checked(url, "model-hung")
    assert code == 2
    assert "fails, timeout: no answer in 7 s" in errors
    assert found["server"]["seconds"] < 15
