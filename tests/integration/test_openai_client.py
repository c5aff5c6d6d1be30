"""The official OpenAI client against the openai dialect: what it reads is what was sent.

The client comes from the package index, once, into an environment that stays in pytest's cache
(`--cache-clear` renews it).
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.sim.faulty import faulty

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

INSTALL_S = 240
CALLS = Path(__file__).with_name("openai_calls.py")
CASES = {
    "tool": {"do": "tool_calls"},
    "short": {"do": "short", "tokens": 2},
    "lines": {
        "do": "line_ending",
        "ending": "crlf",
        "space": False,
        "fields": True,
        "multiline": True,
    },
    "gzip": {"do": "gzip"},
    "in-band": {"do": "error_frame", "after_tokens": 2, "code": "engine_dead"},
    "event": {"do": "error_frame", "form": "event"},
    "429": {"do": "status", "code": 429, "retry_after": 1},
}


@pytest.fixture(scope="module")
def client_python(request: pytest.FixtureRequest) -> Path:
    """A Python that has the client."""
    folder = Path(request.config.cache.mkdir("openai"))
    python, complete = folder / "bin" / "python", folder / "complete"
    if not complete.exists():
        run(sys.executable, "-m", "venv", "--clear", folder)
        run(python, "-m", "pip", "install", "--quiet", "--no-input", "openai")
        complete.touch()
    return python


@pytest.fixture(scope="module")
def seen(client_python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What the client made of each call."""
    with faulty(tmp_path_factory.mktemp("openai"), "openai", CASES) as server:
        return json.loads(run(client_python, CALLS, f"http://127.0.0.1:{server.port}/v1"))


def run(*command: str | Path) -> str:
    """Run a program to its end and return what it wrote; a failure fails the test."""
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=INSTALL_S, check=False
    )
    if done.returncode:
        pytest.fail(f"{command}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def test_whole_replies(seen):
    """Text, usage and finish reason of chat and text completions."""
    for call in ("chat", "completion"):
        assert len(seen[call]["text"].split()) == 5
        assert (seen[call]["finish"], seen[call]["usage"]) == ("length", [3, 5, 8])
    assert (seen["chat free"]["finish"], seen["chat free"]["usage"]) == ("stop", [3, 64, 67])
    assert seen["models"] == ["sim-llm"]


def test_streams(seen):
    """A piece a token, the finish reason, and usage where it was asked for, and only there."""
    for call in ("chat stream", "chat stream usage", "completion stream"):
        assert len(seen[call]["pieces"]) == 5
        assert seen[call]["finish"] == "length"
    assert seen["chat stream"]["usage"] is None
    assert seen["chat stream usage"]["usage"] == [3, 5, 8]
    assert seen["completion stream"]["usage"] == [3, 5, 8]


def test_embeddings(seen):
    """Vectors come through base64 as they do through JSON, to a float's precision."""
    assert seen["embeddings"]["usage"] == 3
    for packed, plain in zip(
        seen["embeddings"]["vectors"], seen["embeddings float"]["vectors"], strict=True
    ):
        assert packed == pytest.approx(plain, abs=1e-6)


def test_tool_calls(seen):
    """Name and arguments, which are JSON when put together."""
    assert seen["tool call"]["name"] == "lookup"
    assert len(json.loads(seen["tool call"]["arguments"])["text"].split()) == 4


def test_odd_but_sound_replies_are_read(seen):
    """A short reply, other line ends and fields, gzip: nothing is lost."""
    assert len(seen["short"]["pieces"]) == 2
    assert (seen["short"]["finish"], seen["short"]["usage"]) == ("stop", [3, 2, 5])
    for call in ("lines", "gzip"):
        assert (len(seen[call]["pieces"]), seen[call]["finish"]) == (5, "length")


def test_errors_are_raised(seen):
    """An unknown model, a 429, and errors within a stream of status 200."""
    assert (seen["unknown model"]["type"], seen["unknown model"]["status"]) == (
        "NotFoundError",
        404,
    )
    assert seen["unknown model"]["code"] == "model_not_found"
    assert (seen["429"]["type"], seen["429"]["status"]) == ("RateLimitError", 429)
    for call in ("in band", "error event"):
        assert seen[call]["type"] == "APIError"
        assert seen[call]["message"] == "The simulated engine failed."
    assert seen["in band"]["code"] == "engine_dead"
