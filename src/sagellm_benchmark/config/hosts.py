"""The targets of a run as `--host` names them.

In goes what a user wrote, one URL or several with commas between; out come the same URLs in one
form, without what people paste behind them, or a `UsageError` that says what to write.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.redact import redact

_ENDPOINT = re.compile(r"/v1(/chat/completions|/completions|/embeddings)?$")
"""What people paste behind the host, and we add ourselves."""


def check_hosts(hosts: str | None) -> str:
    """The targets' URLs without a trailing `/v1` or slash, with commas between.

    Raises:
        UsageError: There is none, one is no http(s) URL, or two are the same.
    """
    if not hosts:
        raise UsageError("--host is missing: write --host http://ADDRESS:PORT")
    found: list[str] = []
    for given in hosts.split(","):
        host = _check_host(given.strip(" "))
        if host in found:
            raise UsageError(f"--host names {host} twice: each target once")
        found.append(host)
    return ",".join(found)


def _check_host(host: str) -> str:
    if not host:
        raise UsageError("--host: a URL is missing beside a comma: write URL,URL")
    if " " in host or not (host.isascii() and host.isprintable()):
        raise UsageError("--host holds what no URL may: percent-encode spaces and other than ASCII")
    shown = redact(host if "://" in host else f"://{host}").removeprefix("://")
    parts = _split(host, shown)
    if parts.scheme not in ("http", "https"):
        raise UsageError(f"--host {shown}: write http://ADDRESS:PORT or https://ADDRESS:PORT")
    if not parts.hostname:
        raise UsageError(f"--host {shown}: no address in it; write http://ADDRESS:PORT")
    if parts.username or parts.password:
        raise UsageError("--host must not hold a password: use --api-key-env or --header")
    if parts.query or parts.fragment:
        raise UsageError(f"--host {shown}: must not hold a query or a fragment")
    path = _ENDPOINT.sub("", parts.path.rstrip("/"))
    return f"{parts.scheme}://{parts.netloc}{path}"


def _split(host: str, shown: str) -> SplitResult:
    try:
        parts = urlsplit(host)
        if parts.port == 0:  # reading it is what checks it
            raise ValueError("no server has port 0")
    except ValueError as error:
        raise UsageError(f"--host {shown}: {error}") from None
    return parts
