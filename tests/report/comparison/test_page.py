"""The page of a comparison."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from record.outcomes import outcome, record
from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.report.comparison.differences import compare_sides
from sagellm_benchmark.report.comparison.page import comparison_html, comparison_page
from sagellm_benchmark.report.comparison.sides import Side
from sagellm_benchmark.wire.states import Status

from .runs import SLOWER, STEADY, replies, several, sides, write_run

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


class _Reader(HTMLParser):
    """Notes every tag with its attributes, and every text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.texts.append(data.strip())

    def count(self, tag):
        return sum(name == tag for name, _ in self.tags)


def _groups(tmp_path):
    a = several(tmp_path, "a", STEADY, records=replies(40))
    b = several(tmp_path, "b", SLOWER, records=replies(40, 150.0))
    return a, b, several(tmp_path, "c", STEADY[:1], records=replies(40, gap_ms=30.0))


@pytest.fixture
def page(tmp_path):
    """Of two sides with repeats and one without."""
    return comparison_html(compare_sides(sides(*_groups(tmp_path))))


def test_a_page_needs_nobody_and_runs_nothing(page):
    """No script, no address that is fetched, no style but the one that the policy names."""
    read = _Reader(page)
    assert {tag for tag, _ in read.tags}.isdisjoint({"script", "link", "img", "iframe", "object"})
    for _, attributes in read.tags:
        assert not {name for name in attributes if name.startswith("on")}
        assert attributes.keys().isdisjoint({"style", "href", "src", "xlink:href"})
    assert "url(" not in page
    assert "@import" not in page
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = next(tag["content"] for _, tag in read.tags if tag.get("http-equiv"))
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")


def test_each_curve_is_drawn_for_each_side_and_is_a_table_too(page):
    """Whoever cannot see the curves reads them; lines differ in more than colour."""
    read = _Reader(page)
    figures = page.split("<figure")[1:]
    assert len(figures) == 8
    for figure in figures:
        for style in ("s1", "s2", "s3"):
            assert figure.count(f'class="{style} line"') == 2  # the legend's and the chart's
        assert 'role="img" aria-label="' in figure
        assert "<details><summary>The same as a table</summary>" in figure
        assert re.findall(r'<th scope="row">(?:A|0 s)', figure)
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    assert {f".s{n}.line {{ stroke-dasharray" in style for n in range(2, 9)} == {True}
    assert read.count("h1") == 1


def test_figures_of_the_curves_are_those_of_the_records(page):
    """Sides whose TTFT and ITL are known show them."""
    ttft = page.split("<figure")[1]
    rows = dict(re.findall(r'<th scope="row">(.)</th>(.*?)</tr>', ttft, re.DOTALL))
    assert re.findall("<td>(.*?)</td>", rows["A"])[2] == "102"
    assert re.findall("<td>(.*?)</td>", rows["B"])[2] == "152"
    itl = page.split("<figure")[2]
    rows = dict(re.findall(r'<th scope="row">(.)</th>(.*?)</tr>', itl, re.DOTALL))
    assert re.findall("<td>(.*?)</td>", rows["A"])[2] == "20.0"
    assert re.findall("<td>(.*?)</td>", rows["C"])[2] == "30.0"


def test_a_table_for_each_side_with_its_intervals(page):
    """Verdicts stand as words; a side of one run has no interval."""
    tables = page.split('<table class="changes">')[1:]
    assert len(tables) == 2
    assert "95 % interval" in tables[0]
    assert '<span class="badge worse">worse</span>' in tables[0]
    assert "95 % interval" not in tables[1].split("</table>")[0]
    assert '<span class="badge cannot tell">cannot tell</span>' in tables[1]


def test_hostile_text_stays_text(tmp_path):
    """Names, targets, ids and reasons that are markup are shown and do nothing."""
    x = write_run(tmp_path / "x", records=replies(5))
    y = write_run(
        tmp_path / "y",
        manifest={"run_id": HOSTILE, "target": {"url": HOSTILE, "dialect": HOSTILE}},
        changes={"verdict": {"state": "invalid", "reasons": [HOSTILE]}},
        records=replies(5),
    )
    base, other = sides([x], [y])
    found = comparison_html(compare_sides([base, Side("B", HOSTILE, other.archives)]))
    read = _Reader(found)
    assert {tag for tag, _ in read.tags}.isdisjoint({"script", "img"})
    assert HOSTILE in read.texts
    assert found.index("Do not use this comparison") < found.index('<table class="changes">')


def test_sides_without_one_ok_request_have_no_curves(tmp_path):
    """What is not there is left out; the page is whole."""
    failed = [record(0, outcome(status=Status.TIMEOUT))]
    found = comparison_html(
        compare_sides(sides(*([write_run(tmp_path / x, records=failed)] for x in "xy")))
    )
    assert "<figure" not in found
    assert found.rstrip().endswith("</html>")


def test_the_page_is_written_once(tmp_path):
    """The live page and the command write it the same way, and never over another file."""
    groups = sides(*([write_run(tmp_path / name, records=replies(5))] for name in "xy"))
    out = tmp_path / "c.html"
    comparison_page(groups, out)
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")
    with pytest.raises(UsageError, match="exists"):
        comparison_page(groups, out)
