"""What goes wrong behind, in and before the real gateway: seen, named, never taken for success."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.sim.processes import start, wait_for

from .gateways import LIFE_S, free_port, running_gateway
from .runs import (
    FAST,
    TRACES,
    begin,
    bench,
    check_all_ok,
    check_books,
    engine,
    finish,
    forwarded,
    replay,
)

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

TRACE = TRACES / "azure_lookalike.csv"
MADE = ("--input-tokens", 30, "--output-tokens", 20)
KEY = "sk-gw-7f3a9c1e5b2d"


def test_engine_that_dies_in_streams(gateway: str, tmp_path: Path) -> None:
    """The requests that failed are those that died in the engine, each and no other."""
    dying = (*FAST, "--die-every", 4, "--die-after-tokens", 5)
    run = replay(
        gateway, tmp_path / "dying", *MADE, "--requests", 80, "--rate", 20, engine_options=dying
    )
    ends = {sent.request_id: sent.end for sent in forwarded(run.folder / "engine.jsonl")}
    assert list(ends.values()).count("died") == 20
    for record in run.records:
        if ends[record["server_id"]] == "complete":
            assert (record["status"], record["error"], record["chunks"]) == ("ok", None, 20)
            continue
        # HTTP said 200, and the stream ended as all streams of this gateway end.
        assert (record["http_status"], record["finish_reason"]) == (200, "stop")
        assert (record["status"], record["reason"]) == ("stream_error", "in_band")
        assert record["error"]["code"] == "unavailable"
        assert record["error"]["message"].startswith("Stream execution failed")
        assert record["chunks"] == 5, "the error's text is no token"
        assert record["metrics"]["error_rate"] == 1.0
    assert run.code in (1, 3), run.told()
    assert run.summary["counts"]["stream_error"] == 20
    assert run.summary["protocol_metrics"]["error_rate"] == 0.25


@pytest.mark.parametrize("stream", [(), ("--no-stream",)], ids=["stream", "whole"])
def test_engine_killed_midway(gateway: str, tmp_path: Path, stream: tuple[str, ...]) -> None:
    """After a kill nothing is ok but what the engine had answered in full."""
    log, model = tmp_path / "engine.jsonl", f"killed-{tmp_path.name}"
    behind = ("--dialect", "openai", "--model", model, "--register", gateway)
    killed = start(*behind, "--send-log", log, "--max-seconds", LIFE_S, "--itl-ms", 30)
    try:
        assert killed.stdout.readline()
        target = ("--host", gateway, "--model", model)
        run = begin(tmp_path, *MADE, "--requests", 60, "--rate", 15, *target, *stream)
        wait_for(lambda: len(forwarded(log)) >= 17, 30)  # two of them the preflight's
    finally:
        killed.kill()
        killed.communicate()
    run = finish(run, tmp_path)
    check_books(run)
    answered = {sent.request_id for sent in forwarded(log) if sent.end == "complete"}
    ok = {record["server_id"] for record in run.records if record["status"] == "ok"}
    assert 15 <= len(ok) < len(run.records) == 60
    assert ok <= answered, run.told()
    for record in run.records:
        if record["status"] != "ok":
            assert record["status"] == ("http_error" if stream else "stream_error")
            assert record["error"]["code"] == "unavailable"
    assert run.code in (1, 3), run.told()


def test_gateway_without_an_engine(gateway_bin: str, tmp_path: Path) -> None:
    """It would answer 200 to every stream; asked before the load, it gives itself away."""
    with running_gateway(gateway_bin, tmp_path / "log") as url:
        refused(tmp_path, url, "m", f"--host {url}: this sageLLM gateway has no healthy engine")


def test_unknown_model(gateway: str, tmp_path: Path) -> None:
    """A model that no engine serves is refused, and those that are ready are named."""
    with engine(gateway, "model-ready", tmp_path / "engine.jsonl"):
        line = f"--model nope: no healthy engine serves it behind {gateway}; ready are "
        assert "model-ready" in refused(tmp_path, gateway, "nope", line)
    assert forwarded(tmp_path / "engine.jsonl") == []


def test_wrong_port(tmp_path: Path) -> None:
    """Where nothing listens no load is sent."""
    url = f"http://127.0.0.1:{free_port()}"
    refused(tmp_path, url, "m", f"--host {url}: GET /v1/models failed: Connection refused")


def refused(folder: Path, url: str, model: str, line: str) -> str:
    """Check that a run ends before any load, in one line that begins as said; give the line."""
    run = bench(folder, TRACE, "--host", url, "--model", model)
    assert run.code == 2, run.told()
    assert run.errors.startswith(f"error: {line}")
    assert run.errors.count("\n") == 1
    assert not (folder / "latest").exists()
    return run.errors


@pytest.fixture(scope="module")
def locked_gateway(gateway_bin: str, tmp_path_factory: pytest.TempPathFactory):
    """A gateway that serves nobody without the key."""
    log = tmp_path_factory.mktemp("locked") / "log"
    lock = {"API_KEY_ENABLED": "true", "API_KEYS": f"{KEY}:somebody"}
    settings = {f"SAGELLM_GATEWAY_{name}": value for name, value in lock.items()}
    with running_gateway(gateway_bin, log, **settings) as url:
        yield url


@pytest.mark.parametrize("given", [None, KEY[::-1]], ids=["missing", "wrong"])
def test_key_that_is_not_taken(locked_gateway: str, tmp_path: Path, given: str | None) -> None:
    """Its GET routes ask for no key: one small request finds out, and nobody else is sent."""
    log, model = tmp_path / "engine.jsonl", f"model-{given is None}"
    key = ("--api-key-env", "TEST_KEY") if given else ()
    target = ("--host", locked_gateway, "--model", model, *key)
    load = (*MADE, "--requests", 20, "--rate", 20)
    with engine(locked_gateway, model, log):
        refused = bench(tmp_path / "asked", *load, *target, TEST_KEY=given or "")
        run = bench(tmp_path / "sent", *load, *target, "--no-preflight", TEST_KEY=given or "")
    assert refused.code == 2, refused.told()
    assert "refuses us with HTTP 401" in refused.errors
    assert forwarded(log) == []
    check_books(run)
    assert run.summary["counts"]["http_error"] == 20
    assert run.code in (1, 3), run.told()
    for record in run.records:
        assert (record["http_status"], record["error"]["code"]) == (401, "invalid_argument")
        assert "API key" in record["error"]["message"]
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert given is None or not [p for p in written if given.encode() in p.read_bytes()]


def test_key_is_used_and_written_nowhere(locked_gateway: str, tmp_path: Path) -> None:
    """With the key all is ok, and no file and no line that comes of the run holds it."""
    folder = tmp_path / "key"
    options = (*MADE, "--requests", 20, "--rate", 20, "--api-key-env", "TEST_KEY")
    files = ("--html", folder / "page.html", "--csv", folder / "table", "--keep-content", "all")
    run = replay(locked_gateway, folder, *options, *files, TEST_KEY=KEY)
    check_all_ok(run)
    assert KEY not in run.output + run.errors
    written = [path for path in folder.rglob("*") if path.is_file()]
    assert {"run.json", "summary.json", "locust.json", "page.html"} <= {p.name for p in written}
    assert [path for path in written if KEY.encode() in path.read_bytes()] == []
