"""Readings of servers' metrics on disk."""

from __future__ import annotations

import pytest

from sagellm_benchmark.errors import InputError
from sagellm_benchmark.record.scrapes import FILE, Scrape, ScrapeFile, read_scrapes


def scrape(number):
    """A reading."""
    values = {'a{x="é"}': float(number)}
    return Scrape(t_s=None, name="gpu", url="http://x/metrics", phase="before", values=values)


def test_readings_come_back_as_they_were_written(tmp_path):
    """In order, across two openings of the file; a run without the file has none."""
    assert list(read_scrapes(tmp_path)) == []
    for start in (0, 2):
        file = ScrapeFile(tmp_path)
        file.append(scrape(start))
        file.append(scrape(start + 1))
        file.close()
    assert list(read_scrapes(tmp_path)) == [scrape(number) for number in range(4)]


def test_a_torn_end_is_dropped_and_other_damage_named(tmp_path):
    """What a killed process left half written is nothing; a broken line is named."""
    file = ScrapeFile(tmp_path)
    file.append(scrape(0))
    file.append(scrape(1))
    file.close()
    path = tmp_path / FILE
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    assert list(read_scrapes(tmp_path)) == [scrape(0)]
    path.write_bytes(b"{}\n" + whole)
    with pytest.raises(InputError, match=r"scrapes\.jsonl:1: no reading of sagellm\.scrape/1"):
        list(read_scrapes(tmp_path))
    path.write_bytes(whole.replace(b"scrape/1", b"scrape/2"))
    with pytest.raises(InputError, match=r"schema 'sagellm\.scrape/2'"):
        list(read_scrapes(tmp_path))
