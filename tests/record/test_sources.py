"""Where the records of one run are looked for, and that two runs are never taken for one."""

from __future__ import annotations

import pytest

from record.directories import manifest, write_manifest, write_segment
from record.outcomes import record
from sagellm_benchmark.errors import InputError
from sagellm_benchmark.record.sources import find_segments


def test_every_place_of_a_run(tmp_path):
    """The coordinator's, those of workers under it, and a worker's brought from elsewhere."""
    write_manifest(tmp_path / "a", manifest())
    one = write_segment(tmp_path / "a" / "records", "local", [record(0)])
    two = write_segment(tmp_path / "a" / "workers" / "w1", "s", [record(1)])
    write_manifest(tmp_path / "w2", manifest())
    (tmp_path / "w2" / "scrapes.jsonl").write_text("no record\n")
    three = write_segment(tmp_path / "w2", "s", [record(2)])
    found = find_segments([tmp_path / "a", tmp_path / "w2", tmp_path / "a"])
    assert found.segments == (one, two, three)
    assert (found.directory, found.manifest["run_id"]) == (tmp_path / "a", "r")


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (manifest("q"), "a record of run q, and .* is run r: one run is put together at a time"),
        (manifest(started_at="2026-11-23T09:00:00Z"), "another run of the name r: it started at"),
    ],
)
@pytest.mark.parametrize("place", ["b", "a/workers/w1"])
def test_two_runs_are_not_mixed(other, words, place, tmp_path):
    """Another name, or the same name at another time: one line, wherever it lies."""
    for folder, content in (("a", manifest()), (place, other)):
        write_manifest(tmp_path / folder, content)
        write_segment(tmp_path / folder, "s", [record(0)])
    paths = [tmp_path / "a"] if "workers" in place else [tmp_path / "a", tmp_path / place]
    with pytest.raises(InputError, match=words):
        find_segments(paths)


def test_nothing_to_merge(tmp_path):
    """A directory that is none, without a run.json, or without records is named."""
    with pytest.raises(InputError, match="no such directory"):
        find_segments([tmp_path / "none"])
    with pytest.raises(InputError, match=r"no run: there is no run\.json"):
        find_segments([tmp_path])
    write_manifest(tmp_path, manifest())
    with pytest.raises(InputError, match="no records"):
        find_segments([tmp_path])
