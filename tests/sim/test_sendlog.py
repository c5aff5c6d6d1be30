"""The send log as an oracle."""

from __future__ import annotations

import socket

import pytest
from tests.sim.processes import CHAT, JSON, chat_body, exchange, post, request_bytes, simulator

from sagellm_benchmark.clock import NS_PER_MS, now
from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.sim.sendlog import SendLog, read_send_log


def test_the_stamps_are_true_and_on_the_shared_clock(tmp_path):
    """Each token was sent in order, after its due time and before the client had it."""
    log = tmp_path / "send.jsonl"
    reads = []
    with (
        simulator("--fixed", "--ttft-ms", 40, "--itl-ms", 20, "--send-log", log) as port,
        socket.create_connection(("127.0.0.1", port), timeout=5) as sock,
    ):
        before = now()
        sock.sendall(request_bytes("POST", CHAT, chat_body(True, 5), JSON))
        while data := sock.recv(65536):
            reads.append((now(), data.count(b'"role":null,"content":"')))
    (line,) = read_send_log(log)
    arrivals = [stamp for stamp, tokens in reads for _ in range(tokens)]
    assert before < line.accepted_ns + 100 * NS_PER_MS
    assert before < line.received_ns <= line.body_ns < line.head_ns < line.tokens_ns[0]
    assert len(line.tokens_ns) == len(arrivals) == 5
    for k, (sent, got) in enumerate(zip(line.tokens_ns, arrivals, strict=True)):
        assert line.body_ns + (40 + 20 * k) * NS_PER_MS <= sent < got
    assert line.tokens_ns[-1] <= line.done_ns < reads[-1][0]


def test_every_request_has_a_line_with_its_ids_and_size(tmp_path):
    """The log counts what the server saw, and names it as the client did."""
    log = tmp_path / "send.jsonl"
    with simulator("--fixed", "--ttft-ms", 1, "--itl-ms", 1, "--send-log", log) as port:
        ids = ("X-Request-ID: r1", "X-Trace-ID: t1", *JSON)
        streamed = exchange(port, request_bytes("POST", CHAT, chat_body(True, 3), ids))
        refused = post(port, CHAT, b"{}")
        whole = post(port, CHAT, chat_body(False, 3))
    first, second, third = read_send_log(log)
    assert (first.request_id, first.trace_id, first.status) == ("r1", "t1", 200)
    assert first.body_id.encode() in streamed
    assert (first.prompt_tokens, first.cached_tokens, first.output_tokens) == (3, 0, 3)
    assert (second.request_id, second.status, second.prompt_tokens) == (None, 422, None)
    assert (third.status, third.tokens_ns, third.output_tokens) == (200, [], 3)
    sizes = [line.sent_bytes for line in (first, second, third)]
    assert sizes == [len(streamed), len(refused), len(whole)]
    assert {line.path for line in (first, second, third)} == {CHAT}


def test_what_runs_at_the_end_is_logged_as_stopped(tmp_path):
    """SIGTERM loses no line."""
    log = tmp_path / "send.jsonl"
    with (
        socket.socket() as sock,
        simulator("--fixed", "--ttft-ms", 1, "--itl-ms", 1, "--send-log", log) as port,
    ):
        sock.settimeout(5)
        sock.connect(("127.0.0.1", port))
        sock.sendall(request_bytes("POST", CHAT, chat_body(True, 100_000), JSON))
        while b'"role":null' not in sock.recv(65536):
            pass
    (line,) = read_send_log(log)
    assert line.end == "stopped"
    assert line.tokens_ns


def test_a_log_that_cannot_be_written_names_its_option(tmp_path):
    """Before anything is served."""
    with pytest.raises(UsageError, match="--send-log"):
        SendLog(tmp_path / "no" / "such" / "folder")
