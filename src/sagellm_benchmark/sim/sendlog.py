"""The send log: one JSON line per request, with the true time of every token that was sent.

Stamps are CLOCK_MONOTONIC nanoseconds, which every process of a machine shares: a client on the
same machine can compare them with its own. A line is written when its request ended.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.sim.exchange import Exchange


class Sent(msgspec.Struct):
    """One line of the log; `_ns` are monotonic nanoseconds, 0 where it never came to that.

    Attributes:
        request_id: The client's X-Request-ID.
        trace_id: The client's X-Trace-ID.
        body_id: The id in the response body.
        method: Of the request.
        path: Of the request.
        status: Of the response; None where none was sent.
        end: "complete", "died" (on purpose), "client_closed" or "stopped".
        accepted_ns: The connection was made.
        received_ns: The request line was read.
        body_ns: The last byte of the request was read.
        head_ns: The response head was handed to the kernel.
        tokens_ns: Each token of a stream was handed to the kernel.
        done_ns: The last bytes were handed to the kernel.
        sent_bytes: Size of the response, head and framing included.
        prompt_tokens: Words of the prompt; None where no engine saw the request.
        cached_tokens: Those of them that the prefix cache held.
        output_tokens: Tokens that the reply was to have.
        backlogged: The client read too slowly for the stamps to be the kernel's times.
        fault: Kind of the scripted fault that hit it; None where none did.
    """

    request_id: str | None
    trace_id: str | None
    body_id: str | None
    method: str
    path: str
    status: int | None
    end: str
    accepted_ns: int
    received_ns: int
    body_ns: int
    head_ns: int
    tokens_ns: list[int]
    done_ns: int
    sent_bytes: int
    prompt_tokens: int | None
    cached_tokens: int | None
    output_tokens: int | None
    backlogged: bool
    fault: str | None


def sent(exchange: Exchange) -> Sent:
    """Put down what is known of an exchange that ended."""
    request, job = exchange.request, exchange.job
    return Sent(
        request_id=request.headers.get("x-request-id"),
        trace_id=request.headers.get("x-trace-id"),
        body_id=exchange.body_id,
        method=request.method,
        path=request.path,
        status=exchange.status,
        end=exchange.end,
        accepted_ns=request.accepted_ns,
        received_ns=request.received_ns,
        body_ns=request.body_ns,
        head_ns=exchange.head_ns,
        tokens_ns=exchange.token_ns,
        done_ns=exchange.done_ns,
        sent_bytes=exchange.sent_bytes,
        prompt_tokens=job.prompt_tokens if job else None,
        cached_tokens=job.cached_tokens if job else None,
        output_tokens=job.output_tokens if job else None,
        backlogged=exchange.backlogged,
        fault=exchange.fault,
    )


class SendLog:
    """An append-only file of `Sent` lines.

    Args:
        path: The file; what it held before is replaced.

    Raises:
        UsageError: It cannot be written.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("wb", buffering=0)
        except OSError as error:
            raise UsageError(f"--send-log {path}: {error.strerror}") from error
        self._encode = msgspec.json.Encoder().encode

    def write(self, exchange: Exchange) -> None:
        """Append one line."""
        self._file.write(self._encode(sent(exchange)) + b"\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_send_log(path: Path) -> list[Sent]:
    """Read a log back, in the order in which the requests ended."""
    with path.open("rb") as lines:
        return [msgspec.json.decode(line, type=Sent) for line in lines]
