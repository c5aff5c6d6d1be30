"""A server that plays a script a connection, byte by byte, and an engine to meet it.

The server lives in a thread of its own with an asyncio loop; the engine runs in gevent's hub of the
test's thread. Nothing is monkey patched.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import subprocess
import threading
import time
from contextlib import contextmanager, suppress

import gevent

from sagellm_benchmark.load.engine import Engine
from sagellm_benchmark.load.exchange import Deadlines
from sagellm_benchmark.load.request import Job
from sagellm_benchmark.load.target import resolve
from sagellm_benchmark.record.record import Asked
from sagellm_benchmark.trace.row import Row
from sagellm_benchmark.wire.http import request_bytes
from sagellm_benchmark.wire.openai import Ask, Endpoint, request_body

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
LAST = b"0\r\n\r\n"
COMMENT = b": still here\n\n"


def chunk(data):
    """One chunk of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def frame(content, finish=None):
    """One data frame of a chat stream."""
    said = b'{"content":"%s"}' % content.encode() if content else b"{}"
    reason = b'"%s"' % finish.encode() if finish else b"null"
    return b'data: {"id":"c","choices":[{"index":0,"delta":%s,"finish_reason":%s}]}\n\n' % (
        said,
        reason,
    )


def token(content="word "):
    """One token, in a chunk of its own."""
    return chunk(frame(content))


STOP = chunk(frame("", "stop"))
DONE = chunk(b"data: [DONE]\n\n")


def stream(tokens=3):
    """A whole chunked reply of so many tokens."""
    return HEAD + token() * tokens + STOP + DONE + LAST


def plain(status="200 OK", body=b'{"choices":[{"message":{"content":"hi"}}]}', **headers):
    """A reply with a length; `_` in a header's name stands for `-`."""
    lines = [f"HTTP/1.1 {status}", "content-type: application/json"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    lines += [f"content-length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


class Peer:
    """One connection, as the server sees it."""

    def __init__(self, reader, writer):
        self._reader = reader
        self._writer = writer

    async def request(self):
        """The next whole request; b"" when the client has left."""
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    return head + await self._reader.readexactly(int(line.split(b":")[1]))
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""
        return head

    async def send(self, *parts, gap=0.0):
        """Send each part at once, with so many seconds behind it."""
        for part in parts:
            self._writer.write(part)
            await self._writer.drain()
            if gap:
                await asyncio.sleep(gap)

    async def gone(self):
        """Read and forget until the client has left."""
        with suppress(ConnectionError):
            while await self._reader.read(65536):
                pass

    def deaf(self):
        """Read nothing any more."""
        self._writer.transport.pause_reading()

    def listen(self):
        """Read again."""
        self._writer.transport.resume_reading()

    def end(self):
        """Close our side only."""
        self._writer.write_eof()

    def reset(self):
        """Close with a RST."""
        linger = struct.pack("ii", 1, 0)
        self._writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, linger
        )
        self._writer.transport.abort()

    def vanish(self):
        """Close the connection without a word, under TLS without its close_notify."""
        self._writer.transport.abort()


class Server:
    """Plays `script` with every connection, one task each.

    Attributes:
        url: Where it is.
        opened: How many connections there were.
        open: How many there are.
    """

    def __init__(self, script, tls=None, port=0):
        self.opened = 0
        self.open = 0
        self.errors = []
        self._script = script
        self._tasks = set()
        self._writers = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._server = self._call(
            asyncio.start_server(self._play, "127.0.0.1", port, ssl=tls, backlog=512, limit=2**16)
        )
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{port}"

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _play(self, reader, writer):
        self._tasks.add(asyncio.current_task())
        self._writers.append(writer)
        self.opened += 1
        self.open += 1
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await self._script(Peer(reader, writer))
        except (ConnectionError, asyncio.CancelledError):
            pass  # the client left, or the test did
        except Exception as error:
            self.errors.append(error)
        finally:
            self.open -= 1
            self._tasks.discard(asyncio.current_task())
            writer.close()

    def closed(self):
        """Wait until no connection is open any more, as far as this side can say."""
        while self.open:
            self._call(asyncio.sleep(0.001))
        self._call(asyncio.sleep(0.001))  # a socket is closed in the turn behind its task's end

    def close(self):
        """End all connections and the thread."""
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self):
        self._server.close()
        await asyncio.sleep(0.01)  # what was accepted just now begins
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in self._writers:
            # What is not sent by now has nobody to take it. asyncio trips over a transport of its
            # own that has closed in the meantime.
            with suppress(AttributeError):
                writer.transport.abort()
        await asyncio.sleep(0.01)


@contextmanager
def server(script, tls=None, port=0):
    """A server for as long as the block lasts; a mistake in its script fails the test."""
    found = Server(script, tls, port)
    try:
        yield found
        assert found.errors == []
    finally:
        found.close()


def always(*parts, gap=0.0):
    """A script: the same reply to every request, the connection kept."""

    async def script(peer):
        while await peer.request():
            await peer.send(*parts, gap=gap)

    return script


def once(*parts, gap=0.0):
    """A script: one reply, then the connection is closed."""

    async def script(peer):
        await peer.request()
        await peer.send(*parts, gap=gap)

    return script


def dripping(*first, drop, every=0.02):
    """A script: these parts, then drop by drop until the client leaves."""

    async def script(peer):
        await peer.request()
        await peer.send(*first)
        while True:
            await peer.send(drop, gap=every)

    return script


def silent(*first):
    """A script: these parts, then nothing until the client leaves."""

    async def script(peer):
        await peer.request()
        await peer.send(*first)
        await peer.gone()

    return script


@contextmanager
def engine(url, *, first_token=10, idle=10, total=20, insecure=False, cacert=None, **options):
    """An engine for as long as the block lasts; nothing may be in flight at its end."""
    target = resolve(url, insecure=insecure, cacert=cacert)
    made = Engine((target,), Deadlines.seconds(first_token, idle, total), **options)
    try:
        yield made
        assert made.counts.in_flight == 0
    finally:
        made.close()


def job(text="hello", *, whole=False, **ask):
    """A chat request; `whole` asks for no stream."""
    asked = Ask(endpoint=Endpoint.CHAT, model="m", stream=not whole, prompt=text, **ask)
    payload = request_bytes("/v1/chat/completions", "127.0.0.1", {}, request_body(asked))
    return Job(payload, asked, Asked(), "r-0", "chat", Row(request_id="r-0"))


def all_of(*greenlets, seconds=20):
    """Wait for greenlets and return what they brought."""
    done = gevent.joinall(greenlets, timeout=seconds, raise_error=True)
    assert len(done) == len(greenlets), "still running"
    return [greenlet.value for greenlet in greenlets]


def wait_for(check, seconds=5):
    """Let the hub run until `check` says something true; return it."""
    end = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < end, "it never came true"
        gevent.sleep(0.005)
    return found


def told(outcome):
    """The state in words: status, phase, reason."""
    return outcome.status.value, outcome.phase and outcome.phase.value, outcome.reason


def open_files():
    """How many files this process has open."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  (a Path would sort and stat)


def refusing():
    """A URL that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


@contextmanager
def crowded():
    """A URL whose port takes no further connection and refuses none."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        waiting = []
        for _ in range(3):
            waiting.append(socket.socket())
            waiting[-1].setblocking(False)
            waiting[-1].connect_ex(listening.getsockname())
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        for each in waiting:
            each.close()


def make_certificate(folder, name="localhost"):
    """A self-signed certificate for a name and for 127.0.0.1: its file and its key's."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    names = f"subjectAltName=DNS:{name}" + (",IP:127.0.0.1" if name == "localhost" else "")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt"]
    command += ["ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
    command += ["-addext", names, "-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
    return cert, key
