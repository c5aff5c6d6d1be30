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
