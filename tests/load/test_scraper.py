"""Servers' own metrics during a run: who is asked, with what, and what becomes of bad answers."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import gevent
import pytest

from sagellm_benchmark.clock import now
from sagellm_benchmark.config.options import parse_values
from sagellm_benchmark.config.settings import Settings
from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.load import scraper
from sagellm_benchmark.load.scraper import Scraper, find_pages
from sagellm_benchmark.load.target import resolve
from sagellm_benchmark.record.scrapes import read_scrapes

from .processes import free_port
from .scripted import once, plain, server, silent

KEY = "sk-that-nobody-else-may-see"


def pages_of(*urls, **raw):
    """The pages of a run against these targets."""
    settings = Settings(parse_values({"model": "m", **raw}), ",".join(urls))
    return find_pages(settings, [resolve(url) for url in urls])


def run_in(folder, *, secrets=()):
    """As much of a run as a scraper sees."""
    return SimpleNamespace(
        identity=SimpleNamespace(directory=folder), secrets=secrets, origin_ns=now()
    )


def page(body, **headers):
    """A script: this page to every request, each on a connection of its own."""
    return once(plain(body=body, **headers))


def scraping(pages, folder, **options):
    """A scraper that has read its pages once."""
    made = Scraper(pages, run_in(folder, **options))
    made.begin()
    return made


def read_once(folder, pages, **options):
    """What the reading before the load says of each page."""
    scraping(pages, folder, **options).end()
    return [scrape for scrape in read_scrapes(folder) if scrape.phase == "before"]


def test_each_targets_own_pages_are_read_and_those_that_were_named():
    """`/metrics` and `/info` of every target, behind its path; a URL without a path means one."""
    (metrics, info) = pages_of("http://127.0.0.1:1/sub")
    assert (metrics.name, metrics.url) == ("host", "http://127.0.0.1:1/sub/metrics")
    assert (info.name, info.url) == ("host-info", "http://127.0.0.1:1/sub/info")
    assert metrics.payload.startswith(b"GET /sub/metrics HTTP/1.1\r\n")
    named = pages_of(
        "http://127.0.0.1:1", scrape=["a=http://127.0.0.1:2", "b=http://127.0.0.1:3/m?x=1"]
    )
    assert [each.url for each in named[2:]] == [
        "http://127.0.0.1:2/metrics",
        "http://127.0.0.1:3/m?x=1",
    ]
    two = pages_of("http://127.0.0.1:1", "http://127.0.0.1:2")
    assert [each.name for each in two] == ["host-1", "host-1-info", "host-2", "host-2-info"]


def test_no_page_is_read_twice_and_none_where_none_is_wanted():
    """A named page of the target's is not read again by itself; `none` switches all off."""
    url = "http://127.0.0.1:1"
    named = pages_of(url, scrape=[f"gateway={url}/metrics"])
    assert [each.name for each in named] == ["host-info", "gateway"]
    assert pages_of(url, scrape=["none"]) == ()


def test_the_key_goes_to_the_runs_own_targets_alone(monkeypatch):
    """Neither key nor headers reach another address, or another port of the same one."""
    monkeypatch.setenv("THE_KEY", KEY)
    more = [
        "near=http://127.0.0.1:1/else",
        "far=http://127.0.0.1:2/metrics",
        "tls=https://127.0.0.1:1",
    ]
    pages = pages_of(
        "http://127.0.0.1:1", scrape=more, api_key_env="THE_KEY", header=["X-Team=the-team"]
    )
    own = {each.name for each in pages if KEY.encode() in each.payload}
    assert own == {each.name for each in pages if b"the-team" in each.payload}
    assert own == {"host", "host-info", "near"}


def test_a_name_that_nobody_knows_is_found_before_any_load():
    """One line that names the option."""
    with pytest.raises(UsageError, match=r"--scrape gpu: nobody\.invalid cannot be resolved"):
        pages_of("http://127.0.0.1:1", scrape=["gpu=http://nobody.invalid/metrics"])


BAD = {
    "HTTP 500": once(plain("500 Oops")),
    "HTTP 302": once(plain("302 Found", location="http://127.0.0.1:1/metrics")),
    "it is compressed": page(b"x", content_encoding="gzip"),
    "closed before the answer was complete": once(plain(body=b"a 1\n")[:-2]),
    "closed before the answer": once(b""),
    "the answer is no HTTP": once(b"what?\r\n\r\n"),
    "more than 1 MiB": page(b"a 1\n" * 300_000),
    "line 1 is no metric": once(plain(body=b"<html>").replace(b"application/json", b"text/html")),
    "no JSON": page(b"{"),
    "no answer in": silent(),
}


@pytest.mark.parametrize("words", BAD)
def test_a_page_that_cannot_be_read_is_noted(tmp_path, monkeypatch, words):
    """Each has its line with the reason, and values of nobody."""
    monkeypatch.setattr(scraper, "LIMIT_S", 0.5)
    monkeypatch.setattr(scraper, "MOST_BYTES", 1 << 20)
    with server(BAD[words]) as to:
        (found,) = read_once(tmp_path, pages_of(to.url, scrape=[f"x={to.url}"])[2:])
    assert words in found.error
    assert (found.values, found.name) == ({}, "x")


def test_nobody_there_is_noted(tmp_path):
    """A refused connection takes no time and stops nothing."""
    pages = pages_of(f"http://127.0.0.1:{free_port()}")
    assert {found.error for found in read_once(tmp_path, pages)} == {"Connection refused"}


def test_what_a_server_writes_back_holds_no_secret(tmp_path):
    """A page that shows the key it was asked with is kept without it."""
    with server(page(b'a{key="%s"} 1\n' % KEY.encode(), content_type="text/plain")) as to:
        found, _ = read_once(tmp_path, pages_of(to.url), secrets=(KEY,))
    assert len(found.values) == 1
    assert KEY not in (tmp_path / "scrapes.jsonl").read_text()


def test_pages_are_read_before_during_and_after(tmp_path, monkeypatch):
    """Three phases in order, buckets left out in the middle, what the servers say at the end."""
    monkeypatch.setattr(scraper, "FIRST_S", 0.01)
    monkeypatch.setattr(scraper, "INTERVAL_S", 0.01)
    asked = 0

    async def script(peer):
        nonlocal asked
        if not await peer.request():
            return
        asked += 1
        text = f'vllm:num_preemptions_total {asked}\nvllm:h_bucket{{le="1"}} 1\n'
        await peer.send(plain(body=text.encode()).replace(b"application/json", b"text/plain"))

    with server(script) as to:
        made = scraping(pages_of(to.url, scrape=[f"engine={to.url}"])[2:], tmp_path)
        gevent.sleep(0.2)
        (block,) = made.end()
    scrapes = list(read_scrapes(tmp_path))
    phases = [scrape.phase for scrape in scrapes]
    assert phases == ["before", *["during"] * (len(phases) - 2), "after"]
    assert len(phases) > 2
    assert [scrape.t_s is None for scrape in scrapes] == [True, *[False] * (len(phases) - 1)]
    assert [len(scrape.values) for scrape in scrapes] == [2, *[1] * (len(phases) - 2), 2]
    assert block["figures"]["evict_count"]["value"] == asked - 1
    assert block["scrapes"] == asked


def test_a_target_without_the_page_is_not_asked_again(tmp_path, monkeypatch):
    """404 before the load: a hosted API hears of us once. A page that was named is asked on."""
    monkeypatch.setattr(scraper, "FIRST_S", 0.01)
    with server(once(plain("404 Not Found"))) as to:
        made = scraping(pages_of(to.url, scrape=[f"x={to.url}/own"]), tmp_path)
        gevent.sleep(0.1)
        blocks = made.end()
        assert to.opened == 5
    assert [(block["name"], block["scrapes"]) for block in blocks] == [
        ("host", 1),
        ("host-info", 1),
        ("x", 3),
    ]


def test_a_page_may_not_fill_the_disk(tmp_path, monkeypatch):
    """Beyond so many values a page is refused during the load."""
    monkeypatch.setattr(scraper, "FIRST_S", 0.01)
    monkeypatch.setattr(scraper, "MOST_VALUES", 3)
    text = b"a 1\nb 1\nc 1\nd 1\n"
    with server(once(plain(body=text).replace(b"application/json", b"text/plain"))) as to:
        made = scraping(pages_of(to.url, scrape=[f"x={to.url}"])[2:], tmp_path)
        gevent.sleep(0.1)
        made.end()
    before, during, after = read_scrapes(tmp_path)
    assert (before.error, after.error) == (None, None)
    assert during.error == "more than 3 values beside its histograms"


def test_a_disk_that_takes_nothing_ends_no_run(tmp_path, caplog):
    """A warning, and no server metrics."""
    with caplog.at_level(logging.WARNING):
        made = scraping(pages_of("http://127.0.0.1:1"), tmp_path / "gone")
        assert made.end() == []
    assert "scrapes.jsonl cannot be written" in caplog.text
