"""The live page in a real browser: it starts, follows, judges, stops and shows runs.

Chromium is the system's; without one this is skipped, and says so. Nothing but the process under
test may be asked for anything, and no console may complain.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from contextlib import contextmanager

import pytest
from tests.load.processes import free_port, load, target, to, wait_for
from tests.web.test_page import REPLAY, Page

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(240),
    pytest.mark.skipif(not CHROMIUM, reason="no chromium on the path: apt-get install chromium"),
]
ARGUMENTS = (
    *(
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
    ),
    *("--disable-component-update", "--disable-sync", "--no-first-run"),
)
SHOTS = os.environ.get("SAGELLM_BENCHMARK_TEST_SHOTS")
"""A directory for pictures of the page, for people to look at."""


@contextmanager
def browser():
    """A browser of the system's."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        try:
            yield chromium
        finally:
            chromium.close()


class Watched:
    """A tab whose console and requests are looked at.

    Attributes:
        tab: Playwright's page.
        complaints: What the console said, what a script threw, what was asked of other hosts.
    """

    def __init__(self, chromium, url, **options):
        self.tab = chromium.new_page(**options)
        self.complaints = []
        tell = self.complaints.append
        self.tab.on("console", lambda said: said.type in ("error", "warning") and tell(said.text))
        self.tab.on("pageerror", lambda error: tell(str(error)))
        self.tab.on(
            "request",
            lambda asked: asked.url.startswith((url, "data:")) or tell(f"asked for {asked.url}"),
        )

    def number(self, name):
        """What a tile says now."""
        tile = self.tab.locator(".tile", has=self.tab.get_by_text(name, exact=True))
        return tile.locator("b").inner_text()

    def state(self, word, seconds=60):
        """Wait until the page says so."""
        self.tab.wait_for_selector(f"#state.{word}", timeout=seconds * 1000)

    def drawn(self, title):
        """A chart as it looks."""
        panel = self.tab.locator(".panel", has=self.tab.get_by_role("heading", name=title))
        return panel.locator("canvas").evaluate("canvas => canvas.toDataURL()")

    def shot(self, name):
        """Keep a picture, where somebody wants one."""
        if SHOTS:
            self.tab.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)

    def fits(self):
        """Whether the page is no wider than its window."""
        return self.tab.evaluate(
            "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        )


@pytest.fixture(scope="module")
def traces(tmp_path_factory):
    """A trace of three seconds and one of a minute."""
    folder = tmp_path_factory.mktemp("traces")
    row = '{"timestamp": %d, "input_length": 40, "output_length": 12, "hash_ids": [%d]}\n'
    for name, count in (("short.jsonl", 45), ("long.jsonl", 900)):
        lines = "".join(row % (number * 67, number) for number in range(count))
        (folder / name).write_text(lines)
    return folder


def test_runs_from_a_browser(traces, tmp_path):
    """Start, charts that move, a verdict, Stop, another run, its report, both compared."""
    with target(tmp_path / "sim", "--fixed", "--ttft-ms", 60, "--itl-ms", 15) as gateway:
        port = free_port()
        options = ("--web-port", port, "--trace-dir", traces, *to(gateway))
        with load(tmp_path, *options, file=REPLAY) as process, browser() as chromium:
            page = Page(port)
            wait_for(page.serves, process)
            url = page.url
            seen = Watched(chromium, url, viewport={"width": 1280, "height": 900})
            _first_run(seen, url)
            _second_run(seen)
            _looks(seen)
            _documents(seen, url, process)
            _locust_s_page(chromium, url)
            assert seen.complaints == []


def _first_run(seen, url):
    """A long one, by the keyboard alone, stopped."""
    tab = seen.tab
    tab.goto(f"{url}/llm")
    seen.state("idle")
    seen.shot("idle")
    tab.focus("#f-trace")
    tab.keyboard.type("long")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.id") == "f-model"  # the one host cannot be changed
    tab.focus("#f-slo")
    tab.keyboard.type("ttft_ms<=2000")
    tab.keyboard.press("Enter")
    seen.state("running")
    tab.wait_for_selector("#verdict-state.badge:not(:empty)")
    wait_for(lambda: seen.number("In flight").isdigit() and int(seen.number("In flight")) > 0)
    wait_for(lambda: "ms" in seen.number("TTFT p50"))
    before = seen.drawn("Output tokens")
    now = tab.inner_text("#progress-words")
    wait_for(lambda: tab.inner_text("#progress-words") != now)
    wait_for(lambda: seen.drawn("Output tokens") != before)
    assert len(seen.drawn("TTFT")) > 3000
    assert "TTFT over time, now: p50" in tab.locator(".plot").first.get_attribute("aria-label")
    assert tab.inner_text("#verdict-title") == "Verdict so far"
    assert "Verdict so far:" in tab.inner_text("#verdict-said")
    assert tab.inner_text("#states tbody th") == "ok"
    seen.shot("running")
    assert tab.evaluate("document.activeElement.id") == "stop"
    tab.keyboard.press("Enter")
    seen.state("finished")
    assert tab.inner_text("#verdict-title") == "Verdict"


def _second_run(seen):
    """A short one to its end, after a start that is refused."""
    tab = seen.tab
    tab.click("#new")
    tab.fill("#f-rate", "fast")
    tab.click("#go")
    tab.wait_for_selector("#refusal:not([hidden])")
    assert "--rate must be a number" in tab.inner_text("#refusal")
    tab.fill("#f-rate", "")
    tab.select_option("#f-trace", "short.jsonl")
    first = tab.inner_text("#run-id")
    tab.click("#go")
    wait_for(lambda: tab.inner_text("#run-id") != first)
    seen.state("finished")
    assert "45 of 45 requests due" in tab.inner_text("#progress-words")
    wait_for(lambda: tab.locator("#runs tbody tr").count() == 2)
    seen.shot("finished")


def _looks(seen):
    """Light and dark, wide and narrow: nothing sticks out."""
    tab = seen.tab
    light = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    tab.click("#theme")
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") != light
    assert len(seen.drawn("TTFT")) > 3000
    assert seen.fits()
    seen.shot("dark")
    tab.set_viewport_size({"width": 390, "height": 844})
    wait_for(seen.fits)
    seen.shot("phone")
    tab.click("#theme")
    tab.set_viewport_size({"width": 1280, "height": 900})


def _documents(seen, url, process):
    """The report that a run wrote, or words that there is none; the two runs compared."""
    tab = seen.tab
    lines = json.loads(tab.evaluate("fetch('llm/runs').then(r => r.text())"))["runs"]
    tab.locator("#runs tbody input").nth(0).check()
    tab.locator("#runs tbody input").nth(1).check()
    tab.click("#compare")
    tab.wait_for_url(re.compile(r"/llm/compare\?runs="))
    assert "ompar" in tab.title()
    tab.goto(f"{url}/llm")
    reported = [line["run_id"] for line in lines if line["report"]]
    assert reported, process.out
    tab.click(f"#runs a[aria-label='Report of {reported[0]}']")
    tab.wait_for_url(re.compile(r"/report$"))
    assert reported[0] in tab.title()
    assert tab.locator("svg").count() > 0


def _locust_s_page(chromium, url):
    """Locust's own has the tab and the link, and no field for users."""
    locust = Watched(chromium, url, viewport={"width": 1280, "height": 900})
    tab = locust.tab
    tab.goto(f"{url}/?tab=llm")
    tab.wait_for_selector("text=TTFT from due")
    locust.shot("locust")
    assert tab.locator("[role=tab]", has_text="LLM").count() == 1
    tab.goto(url)
    tab.get_by_role("button", name="New").click()
    tab.wait_for_selector("input[name=host]")
    assert not tab.locator("input[name=userCount]").is_visible()
    assert not tab.locator("input[name=spawnRate]").is_visible()
    locust.shot("locust-new")
    tab.keyboard.press("Escape")
    tab.click("text=Open the live page")
    tab.wait_for_url(f"{url}/llm")
    assert locust.complaints == []
