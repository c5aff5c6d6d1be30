"""Start and stop, in this process and as a process of its own."""

from __future__ import annotations

import asyncio
import re
import signal
from contextlib import suppress

import pytest
from tests.sim.processes import exchange, request_bytes, start, stop, wait_for

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.sim.config import SimConfig
from sagellm_benchmark.sim.server import serve


def test_serve_says_where_and_ends_when_told():
    """The URL answers while it serves; `stop` ends it with its connections."""

    async def session():
        stopping, urls = asyncio.Event(), []

        def ready(url):
            urls.append(url)

        serving = asyncio.create_task(serve(SimConfig(), ready, stopping))
        while not urls:
            await asyncio.sleep(0.01)
        port = int(urls[0].rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await reader.readline()) == b"HTTP/1.1 200 OK\r\n"
        stopping.set()
        await asyncio.wait_for(serving, 5)
        with suppress(ConnectionResetError):
            await asyncio.wait_for(reader.read(), 5)
        writer.close()

    asyncio.run(session())


def test_a_time_limit_ends_it():
    """`max_seconds` is enough to stop a server that nobody stops."""
    asyncio.run(asyncio.wait_for(serve(SimConfig(max_seconds=0.05)), 5))


def test_a_port_that_is_taken_is_told_in_one_line():
    """The line names both options."""

    async def session():
        urls = []
        serving = asyncio.create_task(serve(SimConfig(), urls.append))
        while not urls:
            await asyncio.sleep(0.01)
        try:
            with pytest.raises(UsageError, match=r"--host 127\.0\.0\.1 --port \d+"):
                await serve(SimConfig(port=int(urls[0].rpartition(":")[2])))
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    asyncio.run(session())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_process_in_order(tmp_path, number):
    """Exit 0, no complaint, one line of output, and the URL in the ready file."""
    ready = tmp_path / "ready"
    process = start("--port", 0, "--ready-file", ready, "--itl-ms", 2)
    try:
        url = wait_for(lambda: ready.exists() and ready.read_text().strip())
        port = int(url.rpartition(":")[2])
        assert exchange(port, request_bytes("GET", "/health")).startswith(b"HTTP/1.1 200 OK\r\n")
        process.send_signal(number)
        output, complaints = process.communicate(timeout=10)
    finally:
        stop(process)
    assert (process.returncode, complaints) == (0, "")
    assert re.fullmatch(
        rf"simulated gateway on {url} model=sim-llm dialect=sagellm .*itl_ms=2 .*\n", output
    )


def test_the_process_stops_by_itself():
    """--max-seconds ends it with exit 0."""
    process = start("--max-seconds", "0.1")
    assert process.wait(10) == 0
    assert stop(process) == (0, "")


def test_a_gateway_that_is_not_there_is_told_at_once():
    """--register fails before anything is served, with exit 2."""
    process = start("--register", "http://127.0.0.1:1")
    process.wait(10)
    code, complaints = stop(process)
    assert code == 2
    assert complaints.startswith("--register http://127.0.0.1:1: POST ")
    assert complaints.count("\n") == 1
