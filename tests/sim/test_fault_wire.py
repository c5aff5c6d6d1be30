"""Faults of the connection, byte for byte as a client sees them, and what the log says of them."""

from __future__ import annotations

import asyncio
import re
import socket

import pytest
from tests.sim.faulty import CASES, TOKENS, serving
from tests.sim.processes import CHAT, JSON, chat_body, plain, request_bytes, split_response

from sagellm_benchmark.sim.config import SimConfig
from sagellm_benchmark.sim.fault_kinds import KINDS
from sagellm_benchmark.sim.fault_wire import Part, Wire
from sagellm_benchmark.sim.faults import Script, make_rule
from sagellm_benchmark.sim.sendlog import read_send_log

TOKEN = re.compile(rb'"content":"[a-z]+ "')


def tokens(data):
    """How many tokens there are."""
    return len(TOKEN.findall(data))


def logged(server, case):
    """How a case ended: end, kind, status, tokens."""
    line = server.line(case)
    return line.end, line.fault, line.status, len(line.tokens_ns)


def test_a_request_without_a_fault_is_answered_as_without_a_script(faulty_server, request):
    """Byte for byte, streamed or not, and its line names no fault."""
    usual = request.getfixturevalue(faulty_server.dialect)
    here, there = faulty_server, type(faulty_server)(usual, faulty_server.dialect, None)
    for stream in (True, False):
        assert plain(here.ask("none", stream).data) == plain(there.ask("none", stream).data)
    assert here.line("none").fault is None


@pytest.mark.parametrize(
    ("case", "end", "sent"),
    [
        ("reset", "reset", 0),
        ("reset-2-tokens", "reset", 2),
        ("reset-many", "reset", TOKENS),
        ("close", "closed", 0),
    ],
)
def test_a_connection_is_cut_where_the_rule_says(faulty_server, case, end, sent):
    """By RST or FIN; what was sent before arrives, and the log counts just that."""
    got = faulty_server.ask(case)
    assert (got.end, tokens(got.data)) == (end, sent)
    assert b"[DONE]" not in got.data
    status = 200 if sent else None
    assert logged(faulty_server, case) == ("died", case.split("-")[0], status, sent)
    assert faulty_server.line(case).sent_bytes == len(got.data)


def test_after_0_tokens_is_right_after_the_head(faulty_server):
    """Not one byte of the body."""
    got = faulty_server.ask("reset-head")
    assert got.data.startswith(b"HTTP/1.1 200 OK\r\n")
    assert got.data.endswith(b"\r\n\r\n")
    assert got.body == b""


def test_bytes_are_counted_from_the_head_on(faulty_server):
    """To the byte; beyond the response's length the cut comes at its end."""
    assert len(faulty_server.ask("close-100-bytes").data) == 100
    assert len(faulty_server.ask("close-100-bytes", stream=False).data) == 100
    got = faulty_server.ask("close-many-bytes")
    assert got.data.endswith(b"0\r\n\r\n")
    assert logged(faulty_server, "close-many-bytes") == ("died", "close", 200, TOKENS)


@pytest.mark.parametrize("case", ["reset", "reset-2-tokens", "close"])
def test_a_whole_reply_is_cut_before_its_first_byte(faulty_server, case):
    """It has no tokens of its own to count."""
    assert faulty_server.ask(case, stream=False).data == b""


def test_half_closed_is_a_fin_and_then_silence(faulty_server):
    """The client sees the end; the server waits for the client's, and says who closed."""
    got = faulty_server.ask("close-half")
    assert (got.end, tokens(got.data)) == ("closed", 1)
    assert logged(faulty_server, "close-half") == ("client_closed", "close", 200, 1)


def test_a_stall_delays_everything_after_its_place(faulty_server):
    """The reply is whole in the end, and the stamps show the silence where it was."""
    got = faulty_server.ask("stall")
    assert split_response(got.data)[1][-1] == b"data: [DONE]\n\n"
    stamps = faulty_server.line("stall").tokens_ns
    assert len(stamps) == TOKENS
    assert stamps[2] - stamps[1] > 0.09e9
    faulty_server.ask("stall-first")
    line = faulty_server.line("stall-first")
    assert line.head_ns - line.body_ns > 0.09e9


def test_a_stall_for_ever_lasts_until_the_client_leaves(faulty_server):
    """Nothing comes after the place; the log says who closed."""
    got = faulty_server.ask("stall-ever", silent_s=0.2)
    assert (got.end, tokens(got.data)) == ("silent", 1)
    assert logged(faulty_server, "stall-ever") == ("client_closed", "stall", 200, 1)


def test_drip_and_split_change_only_the_writes(faulty_server):
    """The bytes are those of any reply; every token counts once."""
    usual = plain(faulty_server.ask("none").data)
    for case in ("drip", "drip-late", "split"):
        got = faulty_server.ask(case).data
        assert plain(got.replace(case.encode(), b"none")) == usual
        assert logged(faulty_server, case)[0::3] == ("complete", TOKENS)


def test_a_dripped_token_is_stamped_when_it_is_whole(faulty_server):
    """The stamp is right before the event's last byte: all the others took their time before."""
    faulty_server.ask("drip-slow")
    stamps = faulty_server.line("drip-slow").tokens_ns
    # An event has more than 100 bytes, 1 ms each, from the third on.
    assert stamps[1] - stamps[0] < 0.1e9 < stamps[3] - stamps[2]


def test_comments_go_on_for_ever(faulty_server):
    """Nothing else comes, and nothing is left of it once the client is gone."""
    got = faulty_server.ask("comments", most=2500)
    assert tokens(got.data) == 2
    assert got.body.count(b"d\r\n: keepalive\n\n\r\n") > 10
    assert logged(faulty_server, "comments") == ("client_closed", "comments", 200, 2)


def test_no_done(faulty_server):
    """The body ends in order without the last event, or without finish frame and usage too."""
    usual = split_response(faulty_server.ask("none").data)[1]
    events = split_response(faulty_server.ask("no_done").data)[1]
    assert len(events) == len(usual) - 1
    assert b'"finish_reason":"' in events[-1]
    options = {"include_usage": True}
    cut = split_response(faulty_server.ask("no_finish", stream_options=options).data)[1]
    assert tokens(cut[-1]) == 1
    assert logged(faulty_server, "no_finish") == ("complete", "no_done", 200, TOKENS)


def test_a_connection_stays_open_after_done(faulty_server):
    """`[DONE]` comes at once, the end of the body later."""
    got = faulty_server.ask("open_after_done")
    assert got.data.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
    assert got.reads[-1][1] - got.reads[0][1] > 0.09
    assert got.reads[-1][0] == len(b"0\r\n\r\n")


def test_every_kind_is_tried():
    """The cases leave out none; `refuse` has tests of its own."""
    assert {rule["do"] for rule in CASES.values()} | {"refuse"} == set(KINDS)


def test_what_is_being_done_wrong_ends_with_the_server(tmp_path):
    """A silent stream is logged as stopped, and nothing of it is left (see `serving`)."""
    log = tmp_path / "log"
    rule = make_rule("stall", "all", True, after_tokens=1)
    script = Script(path=tmp_path, rules=(rule,))
    config = SimConfig(fixed=True, ttft_ms=1, itl_ms=1, faults=script, send_log=log)
    request = request_bytes("POST", CHAT, chat_body(True, 5), JSON)
    with socket.socket() as sock:
        with serving(config) as port:
            sock.connect(("127.0.0.1", port))
            sock.sendall(request)
            data = b""
            while not tokens(data):
                data += sock.recv(65536)
        (line,) = read_send_log(log)
    assert (line.end, line.fault, len(line.tokens_ns)) == ("stopped", "stall", 1)


def test_a_long_reply_lets_others_go_on():
    """Also where the kernel takes every write at once."""

    async def session():
        transport = FullTransport()
        transport.get_write_buffer_size = lambda: 0
        sending = asyncio.create_task(Wire(transport).write(Part(data=bytes(10))))
        more = asyncio.create_task(_write_many(Wire(transport), 1000))
        for _ in range(10):
            await asyncio.sleep(0)
        assert sending.done()
        more.cancel()
        return transport.held

    assert asyncio.run(session()) < 100 * 50_000


async def _write_many(wire, count):
    for _ in range(count):
        await wire.write(Part(data=bytes(50_000)))


class FullTransport:
    """A transport whose client does not read."""

    def __init__(self):
        self.held = 0

    def write(self, data):
        """Hold it."""
        self.held += len(data)

    def get_write_buffer_size(self):
        """How much is held."""
        return self.held


def test_a_client_that_does_not_read_keeps_the_fault_waiting():
    """However long the reply: a few writes are held, and no more are made."""

    async def session():
        transport = FullTransport()
        sending = asyncio.create_task(_write_many(Wire(transport), 1000))
        for _ in range(50):
            await asyncio.sleep(0)
        held = transport.held
        sending.cancel()
        return held

    assert asyncio.run(session()) == 100_000
