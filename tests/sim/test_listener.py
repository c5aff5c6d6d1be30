"""The port that comes and goes."""

from __future__ import annotations

import socket
import time
from contextlib import closing

import pytest
from tests.sim.faulty import serving
from tests.sim.processes import CHAT, JSON, chat_body, post, request_bytes, wait_for

from sagellm_benchmark.sim.config import SimConfig
from sagellm_benchmark.sim.faults import Script, make_rule
from sagellm_benchmark.sim.listener import Listener


def _connects(port):
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def test_a_refusal_closes_the_port_and_opens_it_again(tmp_path):
    """This request is answered, idle connections end, new ones are refused; later all is well."""
    rule = make_rule("refuse", "requests", [1], seconds=0.5)
    script = Script(path=tmp_path, rules=(rule,))
    with serving(SimConfig(fixed=True, ttft_ms=1, itl_ms=1, faults=script)) as port:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as idle:
            idle.sendall(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
            assert idle.recv(65536)
            began = time.monotonic()
            answer = post(port, CHAT, chat_body(True, 2))
            assert answer.endswith(b"0\r\n\r\n")
            assert not _connects(port)
            assert idle.recv(1) == b""
        wait_for(lambda: _connects(port))
        assert time.monotonic() - began > 0.45
        assert post(port, CHAT, chat_body(True, 2)).endswith(b"0\r\n\r\n")


def test_a_busy_connection_ends_with_its_answer(tmp_path):
    """What runs is not cut, and not kept alive."""
    rules = (make_rule("refuse", "requests", [2], seconds=0.1),)
    script = Script(path=tmp_path, rules=rules)
    config = SimConfig(fixed=True, ttft_ms=1, itl_ms=20, faults=script, keep_alive_s=60)
    request = request_bytes("POST", CHAT, chat_body(True, 20), JSON)
    with (
        serving(config) as port,
        socket.create_connection(("127.0.0.1", port), timeout=5) as busy,
    ):
        busy.sendall(request.replace(b"connection: close\r\n", b""))
        data = busy.recv(65536)
        post(port, CHAT, chat_body(True, 1))
        while more := busy.recv(65536):
            data += more
    assert data.endswith(b"0\r\n\r\n")
    assert data.count(b'"role":null,"content":"') == 20


def test_a_server_may_stop_while_nobody_listens(tmp_path):
    """It does not wait for the refusal to end, and leaves nothing behind."""
    script = Script(path=tmp_path, rules=(make_rule("refuse", "all", True, seconds=60.0),))
    began = time.monotonic()
    with serving(SimConfig(fixed=True, ttft_ms=1, itl_ms=1, faults=script)) as port:
        post(port, CHAT, chat_body(True, 1))
        with pytest.raises(ConnectionRefusedError):
            post(port, CHAT, chat_body(True, 1))
    assert time.monotonic() - began < 30


def test_a_token_does_not_wait_for_the_clients_acknowledgement():
    """Each write leaves at once: asyncio sees to that where the socket names its protocol."""
    with closing(Listener("127.0.0.1", 0)) as listener:
        assert listener._socket.proto == socket.IPPROTO_TCP
