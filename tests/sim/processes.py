"""Processes and raw requests for the tests of the simulator; what starts here is stopped here."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

CHAT = "/v1/chat/completions"
JSON = ("content-type: application/json",)

# The subcommand by itself, so that these tests need no other part of the command line.
ENTRY = """
import argparse, sys
from sagellm_benchmark.cli import sim
from sagellm_benchmark.errors import UsageError
parser = argparse.ArgumentParser()
sim.add_parser(parser.add_subparsers())
args = parser.parse_args(["sim", *sys.argv[1:]])
try:
    sys.exit(args.run(args))
except UsageError as error:
    print(error, file=sys.stderr)
    sys.exit(2)
"""


def start(*options):
    """Start a simulator; standard output and error are pipes."""
    return subprocess.Popen(
        [sys.executable, "-c", ENTRY, *map(str, options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def stop(process):
    """Stop a simulator as an operator does and return its exit code and what it said."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        _, complaints = process.communicate(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return process.returncode, complaints


@contextmanager
def simulator(*options):
    """Run a simulator on a port of the system's choice; yield the port."""
    process = start(*options)
    try:
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        yield int(re.search(r"http://127\.0\.0\.1:(\d+)", line)[1])
    finally:
        code, complaints = stop(process)
    assert (code, complaints) == (0, "")


def request_bytes(method, path, body=b"", headers=()):
    """Write a request; the connection closes after its answer unless the headers say otherwise."""
    lines = [f"{method} {path} HTTP/1.1", "host: x", "connection: close", *headers]
    if body:
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chat_body(stream, max_tokens=None, model="sim-llm", content="a b c", **more):
    """Write the body of a chat request."""
    body = {"model": model, "messages": [{"role": "user", "content": content}], "stream": stream}
    if max_tokens is not None:
        body["max_tokens"] = max_tokens
    return json.dumps(body | more).encode()


def exchange(port, request, timeout=10):
    """Send raw bytes and return all that comes back until the peer closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as sock:
        sock.sendall(request)
        received = []
        while data := sock.recv(65536):
            received.append(data)
    return b"".join(received)


def wait_for(check, seconds=15):
    """Poll until `check` returns something true; return it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := check():
            return value
        time.sleep(0.05)
    raise AssertionError("it never came true")


def plain(response):
    """Take out what differs from answer to answer: ids, times, ports, words, sizes."""
    for pattern, name in (
        (rb"\r\ndate: [^\r]*", b"\r\ndate: D"),
        (rb"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", b"UUID"),
        (rb'"(chatcmpl|cmpl)-[0-9a-f]{24}"', rb'"\1-ID"'),
        (rb'"trace-[0-9a-f]{8}"', b'"trace-ID"'),
        (rb'"created":\d+', b'"created":C'),
        (rb'"uptime_seconds":[0-9.]+', b'"uptime_seconds":U'),
        (rb"sim-\d+|:\d{4,5}\b", b"PORT"),
        (rb"\[-?\d[-0-9.,e]*\]", b"[VECTOR]"),
        (rb"(?<=\")(?:[a-z]+ )+(?=\")", b"WORDS "),
        (rb"(?m)^[0-9a-f]+\r$", b"SIZE\r"),
        (rb"content-length: \d+", b"content-length: N"),
        (rb"errors\.pydantic\.dev/[0-9.]+", b"errors.pydantic.dev/V"),
    ):
        response = re.sub(pattern, name, response)
    return response


def post(port, path, body):
    """Post JSON and return the whole answer."""
    return exchange(port, request_bytes("POST", path, body, JSON))


def split_response(response):
    """Take a chunked response apart: its head, and the chunks without their framing."""
    head, _, rest = response.partition(b"\r\n\r\n")
    chunks = []
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        assert rest[length : length + 2] == b"\r\n"
        chunks.append(rest[:length])
        rest = rest[length + 2 :]
    assert chunks.pop() == b""
    return head, chunks
