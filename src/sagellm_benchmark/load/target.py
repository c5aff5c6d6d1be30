"""Where requests go: URLs, resolved once, each with the TLS context that its connections share.

Requests go there and nowhere else: proxy variables have no say, and that is said.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from sagellm_benchmark.config.settings import Settings
from sagellm_benchmark.errors import UsageError

_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_LOOPBACK = ("127.", "::1", "::ffff:127.")


@dataclass(frozen=True)
class Target:
    """One server.

    Attributes:
        url: As the user gave it, without `/v1`.
        netloc: `address:port`, as the Host header says it.
        hostname: For TLS.
        prefix: Path in front of `/v1/…`, usually empty.
        addresses: Socket families and addresses, in the resolver's order.
        tls: None for plain http.
    """

    url: str
    netloc: str
    hostname: str
    prefix: str
    addresses: tuple[tuple[int, tuple[Any, ...]], ...] = field(repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)


def resolve(url: str, *, insecure: bool = False, cacert: str | None = None) -> Target:
    """Look the target up, once: a lookup a request would be measured as the target's latency.

    Args:
        url: A checked http or https URL.
        insecure: Do not verify the certificate.
        cacert: A file of certificates to trust instead of the system's.

    Raises:
        UsageError: The name is unknown, or the certificates cannot be read.
    """
    parts = urlsplit(url)
    hostname = parts.hostname or ""
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    try:
        found = socket.getaddrinfo(hostname, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        words = error.strerror if isinstance(error, OSError) else "no name that the DNS knows"
        raise UsageError(f"--host {url}: {hostname} cannot be resolved: {words}") from None
    addresses = tuple(dict.fromkeys((family, address) for family, _, _, _, address in found))
    return Target(
        url=url,
        netloc=parts.netloc,
        hostname=hostname,
        prefix=parts.path.rstrip("/"),
        addresses=addresses,
        tls=_context(insecure, cacert) if secure else None,
    )


def resolve_all(settings: Settings) -> tuple[Target, ...]:
    """Look every target of a run up.

    Raises:
        UsageError: As `resolve`.
    """
    insecure, cacert = settings.insecure, settings.cacert
    return tuple(resolve(url, insecure=insecure, cacert=cacert) for url in settings.hosts)


def ignored_proxies() -> list[str]:
    """The proxy variables that are set, without what they say: that may be a password."""
    names = (written for name in _PROXIES for written in (name, name.upper()))
    return [name for name in names if os.environ.get(name)]


def route(targets: Sequence[Target]) -> list[str]:
    """What of the way to the targets is not as the environment has it, in a sentence."""
    proxies, whom = ", ".join(ignored_proxies()), _names(targets)
    return [f"{proxies}: ignored, requests go straight to {whom}."] if proxies else []


def remarks(targets: Sequence[Target], settings: Settings) -> list[str]:
    """Who else may read what goes to the targets, a sentence or two each."""
    found = []
    if settings.insecure and any(target.tls is not None for target in targets):
        found.append(
            "The target's certificate is not verified (--insecure): whoever stands between can "
            "read every request, and answer it."
        )
    bare = [target for target in targets if target.tls is None and not _near(target)]
    if bare and settings.secrets():
        found.append(f"Keys and headers go to {_names(bare)} unencrypted: write https://.")
    return found


def _near(target: Target) -> bool:
    return all(str(address[0]).startswith(_LOOPBACK) for _, address in target.addresses)


def _names(targets: Sequence[Target]) -> str:
    return " and ".join(target.netloc for target in targets)


def _context(insecure: bool, cacert: str | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=cacert)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"--cacert {cacert}: cannot be read: {error}") from None
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
