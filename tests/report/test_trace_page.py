"""The page of `trace plot`."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from sagellm_benchmark.report.trace_charts import Shown, _rates, charts
from sagellm_benchmark.report.trace_page import trace_page

from .traffic import observed

SIZES = (100, 1000)
ROWS = [
    {"arrival_time_s": n * 0.7 + n % 3 * 0.2, "input_tokens": 10 + n * 40, "output_tokens": n % 7,
     "session_id": str(n // 3), "think_time_s": n % 5, "prefix_block_ids": [0, n % 9, n]}
    for n in range(90)
]  # fmt: skip
NAMES = ["one.jsonl", "two.jsonl"]


def _page(*observations, names=NAMES):
    return trace_page(names[: len(observations)], observations, SIZES)


def _both():
    other = [{**row, "arrival_time_s": row["arrival_time_s"] / 3} for row in ROWS]
    return observed(ROWS, block_size=16), observed(other, "run", block_size=16)


class _Reader(HTMLParser):
    """Notes every tag with its attributes, and every text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.texts.append(data)


def test_a_page_needs_nobody_and_runs_nothing():
    """No script, no address, no style but the one whose hash the policy names."""
    page = _page(*_both())
    read = _Reader(page)
    assert {tag for tag, _ in read.tags}.isdisjoint({"script", "link", "img", "iframe", "object"})
    for _, attributes in read.tags:
        assert not {name for name in attributes if name.startswith("on")}
        assert attributes.keys().isdisjoint({"style", "href", "src", "xlink:href"})
    assert "http://" not in page
    assert "https://" not in page
    assert "url(" not in page
    assert "@import" not in page
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = next(tag["content"] for _, tag in read.tags if tag.get("http-equiv"))
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")


def test_names_are_text():
    """A name that is markup, an escape or no UTF-8 at all is shown and does nothing."""
    names = ['<script>alert(1)</script>"&', "\x1b[31mred\udcff\u202e"]
    page = _page(*_both(), names=names)
    page.encode()
    read = _Reader(page)
    assert "script" not in {tag for tag, _ in read.tags}
    assert '<script>alert(1)</script>"&' in read.texts
    assert "\x1b" not in page
    assert "\u202e" not in page


@pytest.mark.parametrize("pair", [False, True])
def test_every_drawing_is_svg_with_words(pair):
    """Each chart is well-formed, named in words with its figures, and has units on its axes."""
    shown = [Shown(name, each, each.figures(SIZES)) for name, each in
             zip("ab" if pair else "a", _both()[: 1 + pair], strict=True)]  # fmt: skip
    drawn, missing = charts(shown)
    assert missing == []
    titles = [each.title for each in drawn]
    assert titles == [
        *("Arrivals over time", "Gaps between arrivals", "Input lengths", "Output lengths"),
        *("Turns of a session", "Think times", "Bursts", "Prefix reuse"),
    ]
    for each in drawn:
        for drawing in each.drawings:
            root = ElementTree.fromstring(drawing)
            assert root.get("role") == "img"
            assert root.get("aria-label").startswith(f"{each.title}. A: ")
            assert ("B: " in root.get("aria-label")) == pair
            lines = [path.get("class") for path in root.iter("path")]
            assert lines.count("a line") == 1
            assert lines.count("b line") == pair
            assert len([text for text in root.iter("text") if text.get("class") == "label"]) == 2
            _inside(root)


def _inside(root):
    """Everything that is drawn lies in the drawing."""
    width, height = map(float, root.get("viewBox").split()[2:])
    for path in root.iter("path"):
        for step, first, second in re.findall(r"([MLHV])([\d.-]+)(?: ([\d.-]+))?", path.get("d")):
            across = {"H": [first], "V": []}.get(step, [first])
            down = {"V": [first], "H": []}.get(step, [second])
            assert all(0 <= float(x) <= width for x in across)
            assert all(0 <= float(y) <= height for y in down)


def test_a_distribution_is_drawn_where_it_is():
    """The curve of lengths passes half at the median, and ends at all of them."""
    rows = [{"arrival_time_s": float(n), "input_tokens": 10 ** (1 + n % 3)} for n in range(300)]
    each = observed(rows)
    drawn, missing = charts([Shown("a", each, each.figures(SIZES))])
    assert missing == ["output lengths", "sessions", "think times", "prefix blocks"]
    lengths = next(chart for chart in drawn if chart.title == "Input lengths")
    path = next(
        path.get("d") for path in ElementTree.fromstring(lengths.drawings[0]).iter("path")
        if path.get("class") == "a line"
    )  # fmt: skip
    heights = [float(y) for y in re.findall(r"V([\d.]+)", path)]
    low, high = 270 - 42, 24
    shares = [(low - y) / (low - high) for y in heights]
    assert [round(share, 2) for share in shares] == [0.67, 1.0, 1.0]


def test_a_rate_is_requests_over_time():
    """The area under the arrivals is the number of requests, whatever the windows."""
    times = [0.0, 0.1, 0.2, 3.3, 9.0, 40.0, 41.5, 77.7]
    each = observed([{"arrival_time_s": time} for time in times], time_resolution_s=3.0)
    for width_s in (0.5, 2.0, 30.0, 500.0):
        points = _rates(each, width_s)
        area = sum(rate * (end - start) for (start, rate), (end, _) in pairwise(points))
        assert area == pytest.approx(len(times)), width_s


def test_an_empty_trace_has_a_page():
    """Where there is nothing to draw, the page says so and holds the figures."""
    page = _page(observed([]))
    assert "Not drawn, since there is nothing of it: arrivals over time, gaps, " in page
    assert "<figure" not in page
    one = _page(observed([{"arrival_time_s": 0.0, "input_tokens": 5}]))
    assert one.count("<figure") == 1


def test_the_verdict_stands_on_the_page():
    """Two traces are told apart in words and distances; a trace from itself in none."""
    a, b = _both()
    page = _page(a, b)
    assert "<li>B has 3.00 times the rate of A: " in page
    assert "Times within 0.001 s of each other are the same to Kolmogorov-Smirnov." in page
    assert "Nothing." in _page(a, a)
    assert "What differs" not in _page(a)
