"""The page about a run's files names every file, key and field that there is."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import msgspec
import pytest

from record.directories import manifest
from sagellm_benchmark.record.archive import MANIFEST_SCHEMA, SUMMARY_SCHEMA
from sagellm_benchmark.record.merged import MERGED, SUPERSEDED
from sagellm_benchmark.record.merging import Counts
from sagellm_benchmark.record.record import SCHEMA
from sagellm_benchmark.record.scrapes import SCHEMA as SCRAPE_SCHEMA
from sagellm_benchmark.record.scrapes import Scrape

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "files.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("schema", [MANIFEST_SCHEMA, SCHEMA, SCRAPE_SCHEMA, SUMMARY_SCHEMA])
def test_every_schema(schema):
    """Each schema that a file names is told."""
    assert f"`{schema}`" in PAGE


def test_keys_of_run_json():
    """Every key is explained."""
    keys = set(re.findall(r"`(\w+)`", PAGE.partition("## run.json")[2].partition("## ")[0]))
    assert set(manifest()) <= keys


def test_what_merge_writes():
    """Files and counts by their names."""
    names = {*(field.name for field in fields(Counts)), "ended"}
    assert all(f"`{name}`" in PAGE for name in names)
    assert f"`records/{MERGED}`" in PAGE
    assert f"`records/{SUPERSEDED}/`" in PAGE


def test_a_readings_fields():
    """In the order in which they are written."""
    names = ", ".join(field.name for field in msgspec.structs.fields(Scrape))
    assert f"`{{{names}}}`" in PAGE


@pytest.mark.parametrize("page", ["files.md", "export.md", "system.md"])
def test_links_lead_somewhere(page):
    """Every link finds its file, and its heading."""
    for name, _, heading in re.findall(
        r"\]\(([\w.]+)(#([\w-]+))?\)", (DOCS / page).read_text("utf-8")
    ):
        text = (DOCS / name).read_text("utf-8")
        headings = [
            re.sub(r"[^\w -]", "", line).strip().lower().replace(" ", "-")
            for line in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        ]
        assert not heading or heading in headings, (page, name, heading)
