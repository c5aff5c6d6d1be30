"""A URL becomes addresses, a Host header, a path and a TLS context, once."""

from __future__ import annotations

import socket
import ssl

import pytest

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.load.target import resolve


@pytest.mark.parametrize(
    ("url", "netloc", "prefix", "port"),
    [
        ("http://127.0.0.1", "127.0.0.1", "", 80),
        ("http://127.0.0.1:8889", "127.0.0.1:8889", "", 8889),
        ("http://127.0.0.1:8889/", "127.0.0.1:8889", "", 8889),
        ("http://127.0.0.1:8889/proxy/llm", "127.0.0.1:8889", "/proxy/llm", 8889),
        ("https://127.0.0.1", "127.0.0.1", "", 443),
        ("https://127.0.0.1:8443/a/", "127.0.0.1:8443", "/a", 8443),
    ],
)
def test_the_parts_of_a_url(url, netloc, prefix, port):
    """Port by the scheme where none is given; the Host header as it was written."""
    target = resolve(url)
    assert (target.url, target.netloc, target.prefix) == (url, netloc, prefix)
    assert target.hostname == "127.0.0.1"
    assert target.addresses == ((socket.AF_INET, ("127.0.0.1", port)),)
    assert (target.tls is not None) == url.startswith("https")


def test_every_address_once(monkeypatch):
    """All addresses of a name, in the resolver's order, none twice."""
    kind = socket.SOCK_STREAM
    answers = [
        (socket.AF_INET6, kind, 6, "", ("::1", 80, 0, 0)),
        (socket.AF_INET, kind, 6, "", ("127.0.0.1", 80)),
        (socket.AF_INET6, kind, 6, "", ("::1", 80, 0, 0)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    assert resolve("http://both").addresses == (
        (socket.AF_INET6, ("::1", 80, 0, 0)),
        (socket.AF_INET, ("127.0.0.1", 80)),
    )


@pytest.mark.parametrize(
    "name", ["nobody.invalid", "a" * 64, "a..b", "xn--\N{SNOWMAN}", "." * 300, "a b"]
)
def test_a_name_that_means_nothing(name):
    """One line that names the option and the name, whatever the resolver trips over."""
    with pytest.raises(UsageError, match="cannot be resolved") as refused:
        resolve(f"http://{name}:80")
    text = str(refused.value)
    assert text.startswith(f"--host http://{name}:80: ")
    assert "\n" not in text
    assert "None" not in text


def test_certificates_are_verified():
    """By default name and chain are checked; `--insecure` checks neither."""
    context = resolve("https://127.0.0.1").tls
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    context = resolve("https://127.0.0.1", insecure=True).tls
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_NONE, False)


@pytest.mark.parametrize("kind", ["missing", "no certificate", "a folder"])
def test_certificates_that_cannot_be_read(kind, tmp_path):
    """One line that names `--cacert` and the file."""
    path = tmp_path / "ca.pem"
    if kind == "no certificate":
        path.write_text("hello\n")
    elif kind == "a folder":
        path.mkdir()
    with pytest.raises(UsageError) as refused:
        resolve("https://127.0.0.1", cacert=str(path))
    assert str(refused.value).startswith(f"--cacert {path}: cannot be read: ")
    assert "\n" not in str(refused.value)


def test_what_is_shown_of_it():
    """Its text form is short: no addresses, no context."""
    assert "context" not in repr(resolve("https://127.0.0.1")).lower()
