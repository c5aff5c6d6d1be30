"""A run's directory is read as it was written, and what is none is named in one line."""

from __future__ import annotations

import json

import pytest
from tests.metrics.runs import mixed_run, summary_of

from sagellm_benchmark.errors import InputError
from sagellm_benchmark.record.archive import open_archive
from sagellm_benchmark.record.record import RequestRecord

from .directories import manifest, write_manifest


def _write(folder, *, summary="sagellm.summary/1", **changes):
    write_manifest(folder, manifest("a"))
    if summary is not None:
        content = {**summary_of(mixed_run(30, 1)), "schema": summary, **changes}
        (folder / "summary.json").write_text(json.dumps(content))


def test_a_run_is_found_through_a_link(tmp_path):
    """`runs/latest` is a link, and the run behind it is what is read."""
    _write(tmp_path / "a")
    (tmp_path / "latest").symlink_to("a")
    archive = open_archive(tmp_path / "latest")
    assert archive.directory == (tmp_path / "a").resolve()
    assert archive.run_id == "a"


def test_what_is_no_run_is_refused(tmp_path):
    """A missing directory, a file, an empty directory: each has its own line."""
    (tmp_path / "file").touch()
    for name, words in (("none", "no such directory"), ("file", "no directory"), ("", "no run")):
        with pytest.raises(InputError, match=words):
            open_archive(tmp_path / name)


def test_a_run_that_did_not_end_names_merge(tmp_path):
    """Without a summary there is still a way to one."""
    _write(tmp_path / "a", summary=None)
    with pytest.raises(InputError, match="sagellm-benchmark merge"):
        open_archive(tmp_path / "a")


def test_another_schema_is_refused(tmp_path):
    """A later version's files are not misread."""
    _write(tmp_path / "a", summary="sagellm.summary/2")
    with pytest.raises(InputError, match=r"summary/2', expected 'sagellm.summary/1'"):
        open_archive(tmp_path / "a")


def test_a_run_without_records_says_so(tmp_path):
    """A summary alone cannot be read record by record."""
    _write(tmp_path / "a")
    with pytest.raises(InputError, match="no records"):
        open_archive(tmp_path / "a").records()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"latency": None}, r"got `null` - at `\$.latency`"),
        ({"throughput": {}}, r"`requests_per_s` - at `\$.throughput`"),
        ({"duration_s": "long"}, r"got `str` - at `\$.duration_s`"),
        ({"counts": {"planned": "many"}}, r"at `\$.counts"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_summary_of_another_shape_is_one_line(tmp_path, changes, words):
    """What was cut or edited is told by its place, before any reader trips over it."""
    _write(tmp_path / "a", **changes)
    with pytest.raises(InputError, match=words):
        open_archive(tmp_path / "a")


def test_a_file_without_bottom_is_one_line(tmp_path):
    """JSON nested deeper than it can be read is bad input like any other."""
    _write(tmp_path / "a")
    (tmp_path / "a" / "run.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match="nested too deep"):
        open_archive(tmp_path / "a")


def test_a_part_of_the_records_is_not_all(tmp_path):
    """Figures are not counted anew from fewer records than the run had; the line names merge."""
    _write(tmp_path / "a")
    (tmp_path / "a" / "records").mkdir()
    (tmp_path / "a" / "records" / "local.jsonl").touch()
    words = r"holds 0 records, and summary.json counts 30: `sagellm-benchmark merge \S*/a`"
    with pytest.raises(InputError, match=words):
        list(open_archive(tmp_path / "a").every(RequestRecord))
