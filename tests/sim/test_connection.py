"""Connections: keep-alive, order, bad bytes, late accepts, deaths."""

from __future__ import annotations

import socket
import time

from tests.sim.processes import (
    CHAT,
    JSON,
    chat_body,
    exchange,
    post,
    request_bytes,
    simulator,
    split_response,
)

from sagellm_benchmark.clock import now
from sagellm_benchmark.sim.sendlog import read_send_log

HEALTH = b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n"


def receive(sock, end=None):
    """Read until the bytes end in `end` or the peer closes."""
    data = b""
    while (end is None or not data.endswith(end)) and (more := sock.recv(65536)):
        data += more
    return data


def test_a_connection_serves_one_request_after_the_other(sagellm):
    """Keep-alive is the rule; a stream may be followed by anything."""
    stream = request_bytes("POST", CHAT, chat_body(True, 2), JSON).replace(
        b"connection: close\r\n", b""
    )
    with socket.create_connection(("127.0.0.1", sagellm), timeout=5) as sock:
        for _ in range(2):
            sock.sendall(stream)
            answer = receive(sock, b"0\r\n\r\n")
            assert b"connection: close" not in answer
            assert len(split_response(answer)[1]) == 5
            sock.sendall(HEALTH)
            assert b'"healthy"' in receive(sock, b"}}")


def test_requests_sent_at_once_are_answered_in_order(sagellm):
    """The second waits for the end of the first, although it is quicker."""
    stream = request_bytes("POST", CHAT, chat_body(True, 3), JSON).replace(
        b"connection: close\r\n", b""
    )
    with socket.create_connection(("127.0.0.1", sagellm), timeout=5) as sock:
        sock.sendall(stream + HEALTH)
        answer = receive(sock, b"}}")
    assert answer.index(b"[DONE]") < answer.index(b'"healthy"')


def test_a_request_may_arrive_byte_by_byte(sagellm):
    """The answer does not depend on how the bytes were cut."""
    with socket.create_connection(("127.0.0.1", sagellm), timeout=5) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request_bytes("POST", CHAT, chat_body(True, 2), JSON):
            sock.sendall(bytes([byte]))
        assert len(split_response(receive(sock))[1]) == 5


def test_bytes_that_are_no_http_are_refused(sagellm):
    """One 400 as uvicorn writes it, then the connection closes."""
    answer = exchange(sagellm, b"GARBAGE\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert answer.endswith(b"\r\n\r\nInvalid HTTP request received.")


def test_a_body_that_waits_to_be_asked_for_is_asked_for(sagellm):
    """Expect: 100-continue gets its 100."""
    body = chat_body(False, 1)
    request = request_bytes("POST", CHAT, body, (*JSON, "Expect: 100-continue"))
    with socket.create_connection(("127.0.0.1", sagellm), timeout=5) as sock:
        sock.sendall(request.removesuffix(body))
        assert receive(sock, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(body)
        assert receive(sock).startswith(b"HTTP/1.1 200 OK\r\n")


def test_an_idle_connection_is_closed_and_a_busy_one_is_not():
    """The idle time counts from the end of an answer; a long stream outlives it."""
    with simulator("--keep-alive-s", 0.2, "--fixed", "--ttft-ms", 500) as port:
        stream = request_bytes("POST", CHAT, chat_body(True, 1), JSON)
        with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
            sock.sendall(stream.replace(b"connection: close\r\n", b""))
            assert receive(sock, b"0\r\n\r\n").endswith(b"0\r\n\r\n")
            began = time.monotonic()
            assert sock.recv(1) == b""
            assert time.monotonic() - began > 0.1


def test_a_late_accept_delays_the_answer_but_not_the_connect():
    """The kernel shakes hands at once; the request is read only after the delay."""
    with simulator("--accept-delay-ms", 300) as port:
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
            connected = time.monotonic() - began
            sock.sendall(HEALTH)
            receive(sock, b"}}")
            answered = time.monotonic() - began
    assert connected < 0.2
    assert answered >= 0.3


def test_every_mth_generation_dies_after_n_tokens(tmp_path):
    """The cut comes midstream, in the middle of a chunked body, and stands in the log."""
    log = tmp_path / "log"
    options = ("--fixed", "--ttft-ms", 1, "--itl-ms", 1, "--send-log", log)
    with simulator(*options, "--die-every", 3, "--die-after-tokens", 2) as port:
        answers = [post(port, CHAT, chat_body(True, 5)) for _ in range(6)]
        whole = post(port, CHAT, chat_body(False, 5))
    assert [answer.endswith(b"0\r\n\r\n") for answer in answers] == [True, True, False] * 2
    assert answers[2].count(b'"role":null') == 2
    assert b" 200 OK" in whole
    ends = [(line.end, len(line.tokens_ns)) for line in read_send_log(log)]
    assert ends == [("complete", 5), ("complete", 5), ("died", 2)] * 2 + [("complete", 0)]


def test_a_client_that_leaves_frees_the_engine(tmp_path):
    """Its stream stops, the log says why, and the next request finds room."""
    log = tmp_path / "log"
    options = ("--ttft-ms", 1, "--itl-ms", 5, "--max-batch", 1, "--send-log", log)
    with simulator(*options) as port:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
            sock.sendall(request_bytes("POST", CHAT, chat_body(True, 10_000), JSON))
            while b'"role":null' not in sock.recv(65536):
                pass
        left = now()
        answer = post(port, CHAT, chat_body(True, 2))
    assert len(split_response(answer)[1]) == 5
    gone, served = read_send_log(log)
    assert (gone.end, served.end) == ("client_closed", "complete")
    assert 0 < len(gone.tokens_ns) < 10_000
    assert gone.done_ns < left


def test_a_client_that_does_not_read_is_told_of_in_the_log(tmp_path):
    """Its stamps are marked, for the kernel did not take the bytes when they were handed over."""
    log = tmp_path / "log"
    with simulator("--fixed", "--ttft-ms", 0, "--itl-ms", 0, "--send-log", log) as port:
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.settimeout(20)
            sock.connect(("127.0.0.1", port))
            sock.sendall(request_bytes("POST", CHAT, chat_body(True, 30_000), JSON))
            time.sleep(0.5)
            assert receive(sock).endswith(b"0\r\n\r\n")
        post(port, CHAT, chat_body(True, 2))
    assert [line.backlogged for line in read_send_log(log)] == [True, False]
