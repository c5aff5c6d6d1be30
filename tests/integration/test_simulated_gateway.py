"""The simulator beside and behind a real sageLLM gateway."""

from __future__ import annotations

import json
import re
import urllib.request

import pytest
from tests.sim.processes import (
    CHAT,
    JSON,
    chat_body,
    exchange,
    plain,
    request_bytes,
    simulator,
)

from .gateways import running_gateway

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

USER = '"messages":[{"role":"user","content":"a b c"}]'
TEXT, EMBED = "/v1/completions", "/v1/embeddings"
# "$" stands for the messages; text is latin-1, so that any byte can be written.
BODIES = [
    (CHAT, '{"model":"sim-llm",$,"max_tokens":3,"stream":true}'),
    (CHAT, '{"model":"default",$,"max_tokens":3,"stream":true,"trace_id":"t"}'),
    (CHAT, '{"model":"sim-llm",$,"max_tokens":3}'),
    (CHAT, '{"model":"",$,"max_tokens":1,"stream":false}'),
    (CHAT, '{"model":"n\xc3\xb6pe",$,"stream":true}'),
    (CHAT, '{"model":"nope",$}'),
    (CHAT, '{"model":"sim-llm",$,"max_tokens":-1}'),
    (CHAT, '{"model":"sim-llm",$,"max_tokens":-1,"stream":true}'),
    (CHAT, '{"model":"sim-llm",$,"max_tokens":1.5}'),
    (CHAT, '{"model":"sim-llm",$,"max_tokens":"a"}'),
    (CHAT, '{"model":"sim-llm",$,"temperature":3,"top_p":0,"stop":1}'),
    (CHAT, '{"model":"sim-llm",$,"temperature":"\xc3\xa9","stream":"maybe"}'),
    (CHAT, '{"model":"sim-llm","messages":[{"role":"bad","content":"x"}]}'),
    (CHAT, '{"model":"sim-llm","messages":[{"role":"user","content":[{"type":"text"}]}]}'),
    (CHAT, '{"model":"sim-llm","messages":["x"]}'),
    (CHAT, '{"model":"sim-llm","messages":[{"role":"user"}]}'),
    (CHAT, '{"model":1,"messages":"x"}'),
    (CHAT, '{"model":null,"messages":null}'),
    (CHAT, '{"model":"sim-llm"}'),
    (CHAT, "{}"),
    (CHAT, "[]"),
    (CHAT, "null"),
    (CHAT, '"x"'),
    (CHAT, "{"),
    (CHAT, '{"model":"m"'),
    (CHAT, '{"model":"sim-llm"} x'),
    (CHAT, '{"model":"\xff"}'),
    (CHAT, ""),
    (TEXT, '{"model":"sim-llm","prompt":"a b","max_tokens":2}'),
    (TEXT, '{"model":"sim-llm","prompt":"a b","max_tokens":2,"trace_id":"mine"}'),
    (TEXT, '{"model":"nope","prompt":"a b","max_tokens":2}'),
    (TEXT, '{"model":"sim-llm","prompt":"a b","stream":true}'),
    (TEXT, '{"model":"sim-llm","prompt":["a b"]}'),
    (TEXT, '{"model":"sim-llm"}'),
    (TEXT, '{"model":"sim-llm","prompt":"a","max_tokens":-1}'),
    (EMBED, '{"model":"any","input":["a b c","d"]}'),
    (EMBED, '{"model":"any","input":"a"}'),
    (EMBED, '{"model":"any","input":[]}'),
    (EMBED, '{"model":"any","input":[1]}'),
    (EMBED, '{"model":"any"}'),
    ("/v1/completions/stream", "{}"),
    ("/v1/models", "{}"),
]
REQUESTS = [
    *(
        request_bytes("POST", path, body.replace("$", USER).encode("latin-1"), JSON)
        for path, body in BODIES
    ),
    request_bytes("POST", CHAT, b"{}", ("content-type: text/plain",)),
    request_bytes("POST", CHAT, b"{}"),
    *(
        request_bytes("GET", path, headers=headers)
        for headers in (
            (),
            ("X-Request-ID: r",),
            ("X-Trace-ID: t",),
            ("X-Trace-ID: t", "X-Request-ID: r"),
        )
        for path in ("/health", "/nope")
    ),
    *(
        request_bytes("GET", path)
        for path in (
            "/",
            "/ready",
            "/startup",
            "/info",
            "/v1/models",
            "/v1/management/engines",
            CHAT,
        )
    ),
    request_bytes("HEAD", "/health"),
    request_bytes("DELETE", "/health"),
    b"GARBAGE\r\n\r\n",
    b"GET /health HTTP/1.1\r\ncontent-length: x\r\n\r\n",
    b"GET /health HTTP/1.0\r\n\r\n",
]


@pytest.fixture(scope="module")
def gateway_port(gateway_bin, tmp_path_factory):
    """A real gateway with nothing behind it."""
    with running_gateway(gateway_bin, tmp_path_factory.mktemp("gateway") / "log") as url:
        yield int(url.rpartition(":")[2])


def _call(port, method, path, value=None):
    data = None if value is None else json.dumps(value).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", data, {"content-type": "application/json"}, method=method
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def test_the_sagellm_dialect_sends_the_bytes_of_the_real_gateway(gateway_port):
    """For each request the two answers agree in all but ids, times, words and sizes."""
    differing = []
    with (
        simulator(
            "--dialect", "openai", "--register", f"http://127.0.0.1:{gateway_port}"
        ) as engine,
        simulator() as sim,
    ):
        embedder = {"engine_id": "e", "model_id": "m", "host": "127.0.0.1", "port": engine}
        embedder |= {"engine_kind": "embedding", "metadata": {"pre_verified_healthy": True}}
        for request in REQUESTS:
            if EMBED.encode() in request:
                _call(gateway_port, "POST", "/v1/management/engines/register", embedder)
            real = plain(exchange(gateway_port, request))
            ours = plain(exchange(sim, request))
            if EMBED.encode() in request:
                _call(gateway_port, "DELETE", "/v1/management/engines/e")
            if real != ours:
                differing.append((request, real, ours))
    assert differing == []


def test_an_engine_registers_serves_through_the_gateway_and_leaves(gateway_port, tmp_path):
    """Tokens reach a client through the real gateway, and the registry is empty afterwards."""
    log = tmp_path / "send.jsonl"
    body = chat_body(True, 5, model="behind")
    gateway = f"http://127.0.0.1:{gateway_port}"
    with simulator(
        "--dialect", "openai", "--model", "behind", "--register", gateway, "--send-log", log
    ):
        answer = exchange(gateway_port, request_bytes("POST", CHAT, body, JSON)).decode()
        assert _call(gateway_port, "GET", "/v1/management/engines")["healthy"] == 1
    contents = re.findall(r'"content":"([^"]*)"', answer)
    assert len(contents) == 5
    assert "Stream error" not in answer
    assert _call(gateway_port, "GET", "/v1/management/engines")["total"] == 0
    seen = [json.loads(line) for line in log.read_text().splitlines()]
    (chat,) = [line for line in seen if line["path"] == CHAT]
    assert chat["request_id"] == re.search(r'"id":"(chatcmpl-[0-9a-f]+)"', answer)[1]
    assert len(chat["tokens_ns"]) == 5


def test_an_engine_that_dies_midstream_shows_as_the_gateways_error_text(gateway_port):
    """The gateway turns the cut connection into content after the tokens that came through."""
    body = chat_body(True, 9, model="dying")
    gateway = f"http://127.0.0.1:{gateway_port}"
    options = ("--die-every", 1, "--die-after-tokens", 3)
    with simulator("--dialect", "openai", "--model", "dying", "--register", gateway, *options):
        answer = exchange(gateway_port, request_bytes("POST", CHAT, body, JSON)).decode()
    contents = re.findall(r'"content":"([^"]*)"', answer)
    assert len(contents) == 4
    assert "peer closed connection without sending complete message body" in contents[-1]
