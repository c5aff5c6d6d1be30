"""A faulty simulator in this process: each case is a rule that one request id meets."""

from __future__ import annotations

import asyncio
import json
import queue
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass

from tests.sim.processes import CHAT, JSON, chat_body, request_bytes, wait_for

from sagellm_benchmark.sim.config import SimConfig
from sagellm_benchmark.sim.faults import read_faults
from sagellm_benchmark.sim.sendlog import read_send_log
from sagellm_benchmark.sim.server import serve

CASES = {
    "reset": {"do": "reset"},
    "reset-2-tokens": {"do": "reset", "after_tokens": 2},
    "reset-head": {"do": "reset", "after_tokens": 0},
    "reset-many": {"do": "reset", "after_tokens": 99},
    "close": {"do": "close"},
    "close-100-bytes": {"do": "close", "after_bytes": 100},
    "close-many-bytes": {"do": "close", "after_bytes": 10**9},
    "close-half": {"do": "close", "half": True, "after_tokens": 1},
    "stall": {"do": "stall", "seconds": 0.1, "after_tokens": 2},
    "stall-first": {"do": "stall", "seconds": 0.1},
    "stall-ever": {"do": "stall", "after_tokens": 1},
    "drip": {"do": "drip", "interval_ms": 0},
    "drip-late": {"do": "drip", "after_tokens": 3, "interval_ms": 0},
    "drip-slow": {"do": "drip", "interval_ms": 1, "after_tokens": 2},
    "split": {"do": "split", "bytes": 3},
    "comments": {"do": "comments", "after_tokens": 2, "interval_ms": 1},
    "no_done": {"do": "no_done"},
    "no_finish": {"do": "no_done", "finish": False},
    "open_after_done": {"do": "open_after_done", "seconds": 0.1},
    "status": {"do": "status"},
    "status-429": {"do": "status", "code": 429, "retry_after": 7},
    "status-html": {"do": "status", "code": 502, "body": "html"},
    "status-empty": {"do": "status", "code": 529, "body": "empty"},
    "html": {"do": "html"},
    "redirect": {"do": "redirect", "location": "http://127.0.0.1:9/x"},
    "not_http": {"do": "not_http"},
    "gzip": {"do": "gzip"},
    "gzip_bomb": {"do": "gzip_bomb", "bytes": 64 * 2**20 + 5},
    "http10": {"do": "http10"},
    "close_delimited": {"do": "close_delimited"},
    "close_delimited-cut": {"do": "close_delimited", "finish": False},
    "trailers": {"do": "trailers"},
    "informational": {"do": "informational"},
    "lf": {"do": "line_ending"},
    "cr": {"do": "line_ending", "ending": "cr"},
    "crlf-split": {"do": "line_ending", "ending": "crlf", "split": True},
    "mixed": {"do": "line_ending", "ending": "mixed"},
    "lines": {
        "do": "line_ending",
        "ending": "crlf",
        "bom": True,
        "space": False,
        "fields": True,
        "multiline": True,
    },
    "giant_frame": {"do": "giant_frame", "bytes": 3 * 2**20},
    "no_newline": {"do": "no_newline", "bytes": 3 * 2**20, "after_tokens": 2},
    "bad_json": {"do": "bad_json"},
    "null": {"do": "null", "after_tokens": 0},
    "wrong_type": {"do": "wrong_type", "after_tokens": 99},
    "depth_bomb": {"do": "depth_bomb", "depth": 5000},
    "nan": {"do": "nan"},
    "nan-1e999": {"do": "nan", "value": "1e999"},
    "invalid_utf8": {"do": "invalid_utf8"},
    "split_character": {"do": "split_character"},
    "lone_surrogate": {"do": "lone_surrogate"},
    "line_separator": {"do": "line_separator"},
    "duplicate_finish": {"do": "duplicate_finish"},
    "data_after_done": {"do": "data_after_done"},
    "error-openai": {"do": "error_frame", "code": "boom"},
    "error-event": {"do": "error_frame", "form": "event", "code": None},
    "error-gateway": {"do": "error_frame", "form": "gateway", "after_tokens": 2},
    "error-gateway-plain": {"do": "error_frame", "form": "gateway", "code": None},
    "short": {"do": "short", "tokens": 2},
    "empty": {"do": "empty"},
    "wrong_usage": {"do": "wrong_usage", "completion_tokens": 77},
    "reasoning": {"do": "reasoning", "tokens": 2},
    "tool_calls": {"do": "tool_calls"},
    "batch": {"do": "batch", "tokens": 3},
}
"""Rules by the request id that meets them."""

TOKENS = 4
"""Length of every reply."""


@dataclass
class Got:
    """What came back.

    Attributes:
        data: Every byte.
        end: "closed", "reset", or "silent" where neither came in time, "open".
        reads: Size and time of each read.
    """

    data: bytes
    end: str
    reads: list[tuple[int, float]]

    @property
    def head(self):
        """Everything before the body."""
        return self.data.partition(b"\r\n\r\n")[0]

    @property
    def body(self):
        """Everything after the head."""
        return self.data.partition(b"\r\n\r\n")[2]


class Faulty:
    """A running server of one dialect.

    Args:
        port: Where it listens.
        dialect: What it speaks.
        log: Its send log.
    """

    def __init__(self, port, dialect, log):
        self.port, self.dialect, self._log = port, dialect, log

    def ask(self, case, stream=True, silent_s=5.0, most=10**9, path=CHAT, **more):
        """Send one request and read all there is, so many bytes, or until nothing came so long."""
        body = json.loads(chat_body(stream, **{"max_tokens": TOKENS, **more}))
        if path == "/v1/completions":
            body["prompt"] = "a b c"
            del body["messages"]
        headers = (*JSON, f"x-request-id: {case}")
        request = request_bytes("POST", path, json.dumps(body).encode(), headers)
        with socket.create_connection(("127.0.0.1", self.port), timeout=silent_s) as sock:
            sock.sendall(request)
            return _read_all(sock, most)

    def line(self, case):
        """The log's latest line of a case."""

        def written():
            lines = [line for line in read_send_log(self._log) if line.request_id == case]
            return lines and lines[-1]

        return wait_for(written)


def _read_all(sock, most):
    data, reads = [], []
    while sum(size for size, _ in reads) < most:
        try:
            some = sock.recv(1 << 16)
        except ConnectionResetError:
            return Got(b"".join(data), "reset", reads)
        except TimeoutError:
            return Got(b"".join(data), "silent", reads)
        if not some:
            return Got(b"".join(data), "closed", reads)
        data.append(some)
        reads.append((len(some), time.monotonic()))
    return Got(b"".join(data), "open", reads)


@contextmanager
def faulty(folder, dialect, cases=CASES):
    """Serve every case from a thread; yield a `Faulty`."""
    script, log = folder / f"{dialect}.json", folder / f"{dialect}.log"
    rules = [{**rule, "ids": [name]} for name, rule in cases.items()]
    script.write_text(json.dumps({"faults": rules}))
    config = SimConfig(
        dialect=dialect,
        fixed=True,
        ttft_ms=1,
        itl_ms=1,
        send_log=log,
        faults=read_faults(script),
        max_seconds=900,
    )
    with serving(config) as port:
        yield Faulty(port, dialect, log)


@contextmanager
def serving(config):
    """Serve from a thread; yield the port."""
    said = queue.Queue()
    stopping = threading.Event()
    problems = []

    async def session():
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        loop.set_exception_handler(lambda _, context: problems.append(context))

        def ready(url):
            said.put((int(url.rpartition(":")[2]), lambda: loop.call_soon_threadsafe(stop.set)))

        await serve(config, ready, stop)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        problems.extend(left)
        stopping.set()

    thread = threading.Thread(target=lambda: asyncio.run(session()))
    thread.start()
    port, stop = said.get(timeout=10)
    try:
        yield port
    finally:
        stop()
        thread.join(10)
    assert stopping.is_set()
    assert not problems, problems
