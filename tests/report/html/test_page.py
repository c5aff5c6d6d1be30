"""The page of a run: what it shows, that it stands alone, and that nothing in it can run."""

from __future__ import annotations

import base64
import hashlib
import re
import stat
from html.parser import HTMLParser

import pytest

from metrics.runs import mixed_run
from record.outcomes import at, outcome, record
from report.reports import HOSTILE, archive_of, hostile_archive
from sagellm_benchmark.report.glossary import TERMS
from sagellm_benchmark.report.html import write_report
from sagellm_benchmark.report.html.page import page
from sagellm_benchmark.trace.row import Row
from sagellm_benchmark.wire.states import Phase, Status

_VOID = {"meta"}
_ELEMENTS = {
    *("html", "head", "meta", "title", "style", "body", "header", "nav", "main", "section"),
    *("footer", "h1", "h2", "h3", "p", "a", "button", "div", "span", "ul", "li", "code", "b"),
    *("small", "pre", "table", "caption", "thead", "tbody", "tr", "th", "td", "details"),
    *("summary", "figure", "figcaption", "svg", "path", "rect", "circle", "text", "script"),
}
_ATTRIBUTES = {
    *("lang", "charset", "http-equiv", "content", "name", "class", "id", "href", "type"),
    *("popovertarget", "popover", "hidden", "scope", "viewbox", "role", "aria-label"),
    *("aria-hidden", "d", "x", "y", "r", "cx", "cy", "width", "height", "text-anchor"),
}


class Reader(HTMLParser):
    """Elements, attributes and texts of a page, as a browser would find them."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.attributes, self.texts = [], [], []
        self.open = []
        self.balanced = True
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        """An element begins."""
        self.elements.append(tag)
        self.attributes += attrs
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        """An element without content."""
        self.elements.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        """An element ends; it must be the one that began last."""
        self.balanced &= bool(self.open) and self.open.pop() == tag

    def handle_data(self, data):
        """Text."""
        self.texts.append(data)

    def handle_comment(self, data):
        """There are none."""
        raise AssertionError(f"a comment: {data}")


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    """The page of an ordinary run, with failures."""
    return page(archive_of(tmp_path_factory.mktemp("runs") / "r", mixed_run(150, 1)))


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory):
    """The page of a run whose every text means harm."""
    return page(hostile_archive(tmp_path_factory.mktemp("runs") / "r"))


def test_no_text_becomes_markup(spoiled):
    """Whatever models, traces and servers wrote: only our elements and attributes are there."""
    found = Reader(spoiled)
    assert set(found.elements) <= _ELEMENTS
    assert {name for name, _ in found.attributes} <= _ATTRIBUTES
    assert found.balanced and not found.open
    assert found.elements.count("script") == 1
    assert "alert(1)" in "".join(found.texts)  # it was there to be shown
    assert "49" not in {text.strip() for text in found.texts}
    assert "{{ 7 * 7 }}" in "".join(found.texts)


def test_links_lead_into_the_page(spoiled):
    """No address of anybody's is linked to, loaded or sent to."""
    found = Reader(spoiled)
    assert all(value.startswith("#") for name, value in found.attributes if name == "href")
    assert not re.search(r"\b(?:src|action|srcset|style|on\w+)=", re.sub(r">[^<]*<", "><", spoiled))


def test_nothing_moves_or_turns_the_writing(spoiled):
    """No terminal escape and no sign that turns the writing is left in the page."""
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", spoiled)


def test_only_our_style_and_script_may_be_used(usual):
    """The policy forbids everything but the very bytes of the style and the script in the page."""
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', usual)
    policy = policy.replace("&#39;", "'")
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for element, rule in (("style", "style-src"), ("script", "script-src")):
        (content,) = re.findall(rf"<{element}>(.*?)</{element}>", usual, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{rule} 'sha256-{digest}';" in policy


def test_every_name_opens_its_definition(usual):
    """Each button names a definition that is in the page, once, with its words."""
    found = Reader(usual)
    ids = [value for name, value in found.attributes if name == "id"]
    targets = {value for name, value in found.attributes if name == "popovertarget"}
    assert len(ids) == len(set(ids))
    assert targets <= set(ids)
    assert {"is-ttft_ms", "is-tpot_ms", "is-dispatch_lag_ms", "is-goodput"} <= {*targets, *ids}
    assert TERMS["tpot_ms"].meaning in "".join(found.texts)


def test_the_verdict_comes_first(usual):
    """Nobody sees a figure before the verdict and its reasons."""
    found = Reader(usual)
    ids = [value for name, value in found.attributes if name == "id" and value[:3] != "is-"]
    assert ids[:5] == ["theme", "verdict", "figures", "time", "spread"]
    words = "".join(found.texts)
    assert words.index("Exit code") < words.index("requests ok")


def test_every_chart_has_its_table(usual):
    """What cannot be seen can be read: each chart has a name, and its numbers as a table."""
    figures = re.findall(r"<figure.*?</figure>", usual, re.DOTALL)
    assert len(figures) == 14
    for each in figures:
        assert 'role="img" aria-label="' in each
        assert "<details><summary>As a table</summary>" in each
        assert each.count("<tr>") > 2


def test_failures_have_an_example(tmp_path):
    """Kind, count, message, ids of the first, and what had come of its reply."""
    records = [
        record(
            seq,
            outcome(status=Status.INCOMPLETE, reason="closed", phase=Phase.BODY),
            Row(request_id=f"row-{seq}"),
        )
        for seq in range(3)
    ]
    words = " ".join(Reader(page(archive_of(tmp_path / "r", records))).texts)
    for word in ("incomplete", "closed", "r0", "row-0", "body", "seq 1, seq 2"):
        assert word in words


@pytest.mark.parametrize(
    "result",
    [
        {"sent": None, "tokens": [], "status": Status.DROPPED, "reason": "cap"},
        {"tokens": [], "last_token_ns": at(1500.0), "ended": 1500.0},
        {"tokens": [1100.5]},
        {"due": 0.0, "sent": 0.0, "tokens": [0.0, 0.0]},
    ],
    ids=["nothing was sent", "not streamed", "one token", "no time at all"],
)
@pytest.mark.parametrize("many", [1, 3])
def test_a_run_of_next_to_nothing_has_a_page(tmp_path, result, many):
    """Where there is nothing to measure the page says so, and draws what there is."""
    made = page(archive_of(tmp_path / "r", [record(seq, outcome(**result)) for seq in range(many)]))
    found = Reader(made)
    assert found.balanced and not found.open
    assert "nan" not in re.sub(r"<style>.*?</style>", "", made, flags=re.DOTALL).lower().split()
    assert 'd="Mnan' not in made


def test_a_run_without_a_request_has_a_page(tmp_path):
    """An empty segment is a run too: no charts, and the verdict."""
    made = page(archive_of(tmp_path / "r", []))
    assert "<figure" not in made
    assert "Exit code" in made


def test_the_same_run_gives_the_same_bytes(tmp_path):
    """At any time, from the directory alone."""
    archive = archive_of(tmp_path / "r", mixed_run(60, 2))
    assert page(archive) == page(archive)


def test_a_page_with_replies_is_for_its_owner(tmp_path):
    """Where replies are kept nobody else may read the page; else the umask decides."""
    modes = {}
    for keep in ("none", "errors"):
        options = {"trace": "chat.jsonl", "keep_content": keep}
        archive = archive_of(tmp_path / keep, mixed_run(20, 2), options=options)
        write_report(archive, tmp_path / f"{keep}.html")
        modes[keep] = stat.S_IMODE((tmp_path / f"{keep}.html").stat().st_mode)
    assert modes["errors"] == 0o600
    assert modes["none"] & 0o044


def test_long_replies_are_cut(tmp_path):
    """A kept reply is shown as far as a reader reads, and how much more there is."""
    one = record(0, outcome(status=Status.INCOMPLETE, reason="closed"))
    one.text = "word " * 3000
    made = page(archive_of(tmp_path / "r", [one]))
    assert "13,000 characters more" in made
    assert made.count("word ") < 500


def test_servers_and_declarations_are_shown(tmp_path):
    """What servers said of themselves and what the operator declared is told as such."""
    archive = archive_of(
        tmp_path / "r", mixed_run(20, 2), system_declared={"engine": {"flags": ["--x", "1"]}}
    )
    figure = {"value": 0.5, "from": "vllm:kv_cache_usage_perc", "unit": "share"}
    archive.summary["server_metrics"] = [
        {
            "name": "engine",
            "url": "http://e",
            "kind": "vllm",
            "scrapes": 9,
            "errors": 1,
            "figures": {"kv_cache_usage": figure},
        }
    ]
    words = " ".join(" ".join(Reader(page(archive)).texts).split())
    for word in ("declared, not measured", "engine.flags", "scraped 9 times, 1 failed", "vllm:kv"):
        assert word in words


def test_hostile_texts_are_met(spoiled):
    """The texts that mean harm really are in the page, as text."""
    words = "".join(Reader(spoiled).texts)
    assert all(text in words for text in HOSTILE if text.isprintable() and "|" not in text)
