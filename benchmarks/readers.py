"""Other ways to read the same streams, each a process that prints its CPU seconds and tokens.

`fasthttp` is Locust's own: FastHttpSession, a line at a time, json.loads a frame. `uvloop` is the
floor: a bare asyncio protocol that stamps each read and parses nothing. Both keep every stamp, and
no record.
"""

from __future__ import annotations

import json
import sys
import time
from urllib.parse import urlsplit


def body(tokens: int) -> bytes:
    """The request all of them send."""
    message = {"role": "user", "content": "one two three four"}
    return json.dumps(
        {"model": "sim-llm", "stream": True, "max_tokens": tokens, "messages": [message]}
    ).encode()


def fasthttp(url: str, streams: int, tokens: int, rounds: int) -> tuple[float, int]:
    """Locust's FastHttpSession.

    Returns:
        CPU seconds from the first request to the last reply, and tokens read.
    """
    import gevent
    import locust  # noqa: F401  (patches the process, before anything else is imported)
    from locust.contrib.fasthttp import FastHttpSession
    from locust.event import EventHook

    payload, counts = body(tokens), []

    def user() -> None:
        session = FastHttpSession(url, EventHook(), None)
        for _ in range(rounds):
            response = session.post("/v1/chat/completions", data=payload, stream=True)._response
            stamps = []
            while line := response.readline(b"\n"):
                if line.startswith(b"data: {"):
                    frame = json.loads(line[6:])
                    if frame["choices"] and frame["choices"][0]["delta"].get("content"):
                        stamps.append(time.perf_counter_ns())
            counts.append(len(stamps))

    began = time.process_time()
    gevent.joinall([gevent.spawn(user) for _ in range(streams)], raise_error=True)
    return time.process_time() - began, sum(counts)


def uvloop(url: str, streams: int, tokens: int, rounds: int) -> tuple[float, int]:
    """A bare asyncio protocol on uvloop.

    Returns:
        CPU seconds from the first request to the last reply, and tokens read.
    """
    import asyncio

    import uvloop as loops

    parts = urlsplit(url)
    payload = body(tokens)
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(payload)}\r\n\r\n"
    )
    request = head.encode() + payload
    replies: list[list[bytes]] = []

    class Reader(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def begin(self) -> asyncio.Future[None]:
            self.stamps: list[int] = []
            self.reads: list[bytes] = []
            self.done = asyncio.get_running_loop().create_future()
            self.transport.write(request)
            return self.done

        def data_received(self, data: bytes) -> None:
            self.stamps.append(time.perf_counter_ns())
            self.reads.append(data)
            if data.endswith(b"0\r\n\r\n"):
                replies.append(self.reads)
                self.done.set_result(None)

    async def user() -> None:
        loop = asyncio.get_running_loop()
        _, reader = await loop.create_connection(Reader, parts.hostname, parts.port)
        for _ in range(rounds):
            await reader.begin()

    async def every() -> None:
        await asyncio.gather(*(user() for _ in range(streams)))

    began = time.process_time()
    loops.run(every())
    cpu_s = time.process_time() - began
    joined = [b"".join(reads) for reads in replies]
    filled, empty = b'"content":"', b'"content":""'
    return cpu_s, sum(reply.count(filled) - reply.count(empty) for reply in joined)


if __name__ == "__main__":
    reader = {"fasthttp": fasthttp, "uvloop": uvloop}[sys.argv[1]]
    cpu, count = reader(sys.argv[2], *(int(text) for text in sys.argv[3:6]))
    print(json.dumps({"cpu_s": cpu, "tokens": count}))
