"""The files of a run: where they are, where each setting came from; no secret is in them."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.load.processes import FILES, Load, Results, came_out, load, made, to

CANARIES = {
    "CANARY_KEY": "canary4f9d1c2e7a",
    "header": "canary-header-8b3e",
    "session": "canary-session-11aa",
}


@pytest.fixture(scope="module")
def told(fast, tmp_path_factory):
    """A run that got its settings from everywhere, with secrets among them."""
    folder = tmp_path_factory.mktemp("told")
    (folder / "locust.conf").write_text("seed = 7\nstop-timeout = 9\n")
    (folder / "system.yaml").write_text("other: {gpu: none, board: 'made up'}\n")
    options = (
        *("--headless", *FILES, *made(requests=10, rate=50), *to(fast, "told")),
        *("--config", folder / "locust.conf", "--system", folder / "system.yaml"),
        *("--api-key-env", "CANARY_KEY", "--header", f"X-Token={CANARIES['header']}"),
        *("--header", f"Cookie=id={CANARIES['session']}", "--keep-content", "all"),
        *("--slo", "ttft_ms.p99<=10000", "--loglevel", "DEBUG"),
    )
    env = {
        "CANARY_KEY": CANARIES["CANARY_KEY"],
        "SAGELLM_BENCHMARK_TEMPERATURE": "0.5",
        "http_proxy": "http://127.0.0.1:9",
    }
    with load(folder / "load", *options, env=env) as process:
        process.ended()
        yield process


def test_every_setting_has_its_source(told):
    """run.json holds every value in force, with the place that it came from."""
    settings = told.run.manifest["settings"]
    assert settings["input_tokens"] == {"value": 8, "source": "cli"}
    assert settings["temperature"] == {"value": 0.5, "source": "env"}
    assert settings["seed"] == {"value": 7, "source": "file"}
    assert settings["stop_timeout"] == {"value": 9, "source": "file"}
    assert settings["idle_timeout"] == {"value": 60.0, "source": "default"}
    assert settings["header"]["value"] == ["X-Token=***", "Cookie=***"]
    assert settings["api_key_env"] == {"value": "CANARY_KEY", "source": "cli"}
    assert all(set(setting) == {"value", "source"} for setting in settings.values())


def test_what_was_run_is_written_down(told, fast):
    """run.json tells versions, the target, the declared system, proxies ignored, and the end."""
    manifest = told.run.manifest
    assert manifest["run_id"] == "told"
    assert manifest["target"]["url"] == fast.url
    assert manifest["target"]["dialect"] == "sagellm"
    assert manifest["target"]["models"] == ["sim-llm"]
    assert manifest["target"]["proxies_ignored"] == ["http_proxy"]
    assert manifest["system_declared"] == {"other": {"gpu": "none", "board": "made up"}}
    assert manifest["trace"]["rows"] == 10
    assert len(manifest["schedule_digest"]) == 64
    assert manifest["exit_code"] == told.process.returncode
    assert manifest["verdict"] == told.run.summary["verdict"]["state"]


def holds_no_secret(process):
    """Look through everything that a process wrote."""
    for path in process.folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not [canary for canary in CANARIES.values() if canary.encode() in content], path


def test_no_secret_is_in_any_file(told):
    """Keys and header values stand in no file of the run, none of Locust's, and no output."""
    assert told.run.states == {"ok": 10}
    names = {path.name for path in told.folder.rglob("*")}
    assert names >= {"run.json", "summary.json", "local.jsonl", "stdout", "stderr", "h.html"}
    holds_no_secret(told)


class Gossip(BaseHTTPRequestHandler):
    """Refuses everybody, and tells everything that it heard."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        """Refuse."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = f"401: I was told {dict(self.headers)}".encode()
        self.send_response(401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_):
        """Nobody reads it."""


@pytest.fixture
def gossip():
    """The URL of such a server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Gossip)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_server_that_repeats_secrets(gossip, tmp_path):
    """What a server says of our key and headers is masked, in the preflight and in records."""
    options = (
        *("--headless", *FILES, *made(requests=10, rate=50), "--host", gossip, "--model", "m"),
        *("--api-key-env", "CANARY_KEY", "--header", f"X-Token={CANARIES['header']}"),
    )
    env = {"CANARY_KEY": CANARIES["CANARY_KEY"]}
    asking = Load(tmp_path / "asking", *options, env=env)
    sending = Load(tmp_path / "sending", *options, "--no-preflight", env=env)
    try:
        assert asking.ended() == 2
        assert "refuses us with HTTP 401" in asking.err
        came_out(sending, 1)
        assert sending.run.states == {"http_error": 10}
        assert all("I was told" in record.error.message for record in sending.run.records)
        holds_no_secret(asking)
        holds_no_secret(sending)
    finally:
        asking.close()
        sending.close()


def test_a_name_is_given_once(fast, tmp_path):
    """A `--run-id` that exists already is refused with exit code 2, and the run stays as it was."""
    taken = tmp_path / "runs" / "mine"
    taken.mkdir(parents=True)
    (taken / "summary.json").write_text("{}")
    options = ("--headless", *made(requests=5, rate=50), *to(fast, "mine"))
    with load(tmp_path, *options) as again:
        assert again.ended() == 2
        assert "error: --run-id mine: runs/mine exists already; choose another name" in again.err
        assert [path.name for path in taken.iterdir()] == ["summary.json"]
        assert fast.posts("mine") == []


def test_two_runs_at_once_in_one_place(fast, tmp_path):
    """Runs that share `--out` and begin together get a directory each; latest names one of them."""
    out = tmp_path / "runs"
    options = ("--headless", *made(requests=10, rate=20), *to(fast), "--out", out)
    both = [Load(tmp_path / name, *options) for name in "ab"]
    try:
        for each in both:
            assert each.ended() in (0, 3)
            assert "Traceback" not in each.err
        directories = [path for path in out.iterdir() if not path.is_symlink()]
        assert len(directories) == 2
        for directory in directories:
            assert Results(directory).states == {"ok": 10}
        assert (out / "latest").resolve() in directories
        assert json.loads((out / "latest" / "run.json").read_text())["run_id"]
    finally:
        for each in both:
            each.close()
