"""Connections that never stand: whom a run is sent to, and what each request of it counts as."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.load.scripted import (
    Peer,
    always,
    crowded,
    make_certificate,
    refusing,
    server,
    silent,
    stream,
)
from tests.load.scripted import plain as answer


@dataclass(frozen=True)
class Unreachable:
    """A target to which no connection can be made.

    Attributes:
        name: What the test is called.
        fault: What is wrong, for the document.
        whom: Opens it in a folder, and yields its URL and the options it needs.
        status: What each request counts as where the load is sent all the same; None where it
            cannot be.
        phase: How far they came.
        reason: One word for why, where there is one.
        says: What the record's message must hold.
        refused: What the one line must hold where the target is asked before the load.
    """

    name: str
    fault: str
    whom: Callable[[Path], object]
    status: str | None
    phase: str | None
    says: str
    refused: str
    reason: str | None = None


Place = Iterator[tuple[str, tuple[str, ...]]]


def _context(folder: Path, name: str) -> tuple[ssl.SSLContext, Path]:
    certificate, key = make_certificate(folder, name)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context, certificate


@contextmanager
def nobody(folder: Path) -> Place:
    """A port on which nobody listens."""
    yield refusing(), ()


@contextmanager
def nowhere(folder: Path) -> Place:
    """A name that no DNS will ever know."""
    yield "http://gateway.invalid:8889", ()


@contextmanager
def deaf(folder: Path) -> Place:
    """A port that takes no further connection and refuses none."""
    with crowded() as url:
        yield url, ("--first-token-timeout", "1")


@contextmanager
def plain(folder: Path) -> Place:
    """A server without TLS, named with https."""

    async def complain(peer: Peer) -> None:
        await peer.send(answer("400 Bad Request"))

    with server(complain) as found:
        yield found.url.replace("http://", "https://"), ()


@contextmanager
def untrusted(folder: Path) -> Place:
    """A certificate that its owner has signed."""
    context, _ = _context(folder, "localhost")
    with server(always(stream()), context) as found:
        yield found.url, ()


@contextmanager
def misnamed(folder: Path) -> Place:
    """A certificate that is trusted, and of somebody else."""
    context, certificate = _context(folder, "elsewhere")
    with server(always(stream()), context) as found:
        yield found.url, ("--cacert", str(certificate))


@contextmanager
def mute(folder: Path) -> Place:
    """A server that takes the connection and never shakes hands."""
    with server(silent()) as found:
        yield found.url.replace("http://", "https://"), ("--first-token-timeout", "1")


UNREACHABLE = (
    Unreachable(
        *("backlog", "the port takes no further connection and refuses none", deaf),
        *("timeout", "connect", "no connection to", "no answer in", "first_token"),
    ),
    Unreachable(
        *("handshake", "the TLS handshake is never answered", mute),
        *("timeout", "tls", "no connection to", "no answer in", "first_token"),
    ),
    Unreachable(
        *("refused", "nobody listens at that port", nobody),
        *("connect_error", "connect", "Connection refused", "Connection refused"),
    ),
    Unreachable(
        *("dns", "a name that the DNS does not know", nowhere, None, "dns", ""),
        "gateway.invalid cannot be resolved",
    ),
    Unreachable(
        *("plain", "https to a server that speaks plain http", plain),
        *("connect_error", "tls", "127.0.0.1:", "GET /v1/models failed"),
    ),
    Unreachable(
        *("untrusted", "a certificate that nobody vouches for", untrusted),
        *("connect_error", "tls", "certificate not trusted: self", "certificate"),
    ),
    Unreachable(
        *("misnamed", "a certificate of another name", misnamed),
        *("connect_error", "tls", "certificate not trusted: IP address mismatch", "certificate"),
    ),
)
