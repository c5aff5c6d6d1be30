"""No cell of a CSV file is a formula, whoever writes it."""

from __future__ import annotations

import csv
import io

import pytest

from sagellm_benchmark.load.files import HarmlessWriter


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_no_text_begins_like_a_formula(first):
    """A spreadsheet gets an apostrophe in front of what it would run; figures stay figures."""
    file = io.StringIO(newline="")
    writer = HarmlessWriter(file)
    writer.writerow([f"{first}1+1", "plain", -5, -0.5, "", None])
    (row,) = csv.reader(io.StringIO(file.getvalue(), newline=""))
    assert row == [f"'{first}1+1", "plain", "-5", "-0.5", "", ""]


def test_locust_writes_all_its_csv_with_it(tmp_path):
    """Files and the page's downloads alike: both modules of Locust make their writers here."""
    import locust.stats
    import locust.web

    from sagellm_benchmark.load import plugin  # noqa: F401  (registers with Locust)
    from sagellm_benchmark.load.files import keep_final_csv

    keep_final_csv()
    assert locust.stats.csv.writer is HarmlessWriter
    assert locust.web.csv.writer is HarmlessWriter
