"""URLs of targets in one form, or a line that says what to write."""

from __future__ import annotations

import pytest

from sagellm_benchmark.config.hosts import check_hosts
from sagellm_benchmark.errors import UsageError

HOST = "http://127.0.0.1:8889"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        *((HOST, HOST), (f"{HOST}/", HOST), (f"{HOST}/v1", HOST), (f"{HOST}/v1/", HOST)),
        ("https://Example.com", "https://Example.com"),
        ("http://h/proxy/v1", "http://h/proxy"),
        ("http://h/v1/chat/completions", "http://h"),
        ("http://h/proxy/v1/embeddings/", "http://h/proxy"),
        ("http://[::1]:80/v1", "http://[::1]:80"),
        ("HTTP://h", "http://h"),
        ("http://a/v1,http://b/", "http://a,http://b"),
        ("http://a, https://b", "http://a,https://b"),
    ],
)
def test_hosts(given, kept):
    """A path, a trailing /v1 or a whole endpoint is accepted; the /v1 is ours to write."""
    assert check_hosts(given) == kept


@pytest.mark.parametrize(
    ("given", "words"),
    [
        *(("http://a,", "--host: a URL is missing"), (",http://a", "--host: a URL")),
        ("http://a,http://b/,http://b/v1", "--host names http://b twice"),
        ("http://a,b", "--host b: write http://"),
        *((None, "--host is missing: write --host http://"), ("", "--host is missing")),
        *(("localhost:8889", "--host localhost:8889: write http://"), ("h", "--host h: write")),
        *(("unix:///run/s", "--host unix:///run/s: write http://"), ("ftp://h", "--host ftp://h")),
        *(("http://", "--host http://: no address"), ("http://:80", "--host http://:80: no addr")),
        *(("http://h?a=1", "--host http://h?a=1: must not hold"), ("http://h#a", "--host http")),
        *(("http://h:99999", "--host http://h:99999: Port"), ("http://h:x", "--host http://h:x")),
        *(("http://h:0", "--host http://h:0: no server"), ("http://[::1", "--host http://[::1")),
        *(("http://h/a b", "--host holds"), ("http://h/ü", "--host holds")),
        *(("http://h\n", "--host holds"), ("http://\udcff", "--host holds")),
    ],
)
def test_hosts_that_are_none(given, words):
    """One line that says what to write."""
    with pytest.raises(UsageError) as refused:
        check_hosts(given)
    assert str(refused.value).startswith(words)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "given",
    [
        *("http://me:s3cret@h", "ftp://me:s3cret@h", "me:s3cret@h:80"),
        *("http://me:s3cret@h:99999", "http://me:s3cret@h?x", "http://s3cret@h"),
    ],
)
def test_a_password_in_the_host_is_never_repeated(given):
    """Refused, and masked in the line that says so."""
    with pytest.raises(UsageError, match="--host") as refused:
        check_hosts(given)
    assert "s3cret" not in str(refused.value)
