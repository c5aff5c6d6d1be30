"""However lines are spread, repeated and torn: each request comes out once, and always the same."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from record.directories import manifest, write_manifest, write_segment
from record.outcomes import outcome, record
from sagellm_benchmark.errors import InputError
from sagellm_benchmark.record.merged import MergedSegment
from sagellm_benchmark.record.merging import Assembly, Counts
from sagellm_benchmark.record.record import RequestRecord
from sagellm_benchmark.record.segments import read_records
from sagellm_benchmark.record.sources import find_segments
from sagellm_benchmark.wire.states import Status

LOST = {"status": Status.LOST, "reason": "worker"}


def assembled(folder):
    """What is put together of a run's directory."""
    if not (folder / "run.json").exists():
        write_manifest(folder, manifest())
    return Assembly(find_segments([folder]))


def seen(assembly):
    """The records that are kept, by their number."""
    decode = msgspec.json.Decoder(RequestRecord).decode
    found = [decode(line) for _, line in assembly.lines()]
    assert len(found) == assembly.counts.records
    return {one.seq: one for one in found}


def completed(assembly, out):
    """The records that a later command reads."""
    merged = MergedSegment(assembly, out)
    for path, line in assembly.lines():
        merged.add(path, line)
    merged.close()
    return list(read_records(sorted((out / "records").glob("*.jsonl"))))


def test_each_request_once(tmp_path):
    """What two places have is kept where it was first, and what one lacks is added."""
    write_segment(tmp_path / "records", "local", [record(0), record(1)])
    write_segment(tmp_path / "workers" / "w", "w", [record(1), record(2)])
    assembly = assembled(tmp_path)
    assert assembly.counts == Counts(2, 3, 1, 0, 0)
    assert sorted(seen(assembly)) == [0, 1, 2]
    assert sorted(one.seq for one in completed(assembly, tmp_path)) == [0, 1, 2]
    added = list(read_records([tmp_path / "records" / "merged.jsonl"]))
    assert [one.seq for one in added] == [2]


def test_again_changes_nothing(tmp_path):
    """A directory that is complete stays as it is, byte for byte."""
    write_segment(tmp_path / "records", "local", [record(0)])
    write_segment(tmp_path / "workers" / "w", "w", [record(1)])
    completed(assembled(tmp_path), tmp_path)
    files = {path: path.read_bytes() for path in tmp_path.rglob("*.jsonl")}
    completed(assembled(tmp_path), tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.jsonl")} == files


def test_who_knows_more_is_believed(tmp_path):
    """A coordinator's guess gives way to the worker that did it; its segment is set aside whole."""
    guess = record(1, outcome(sent=None, tokens=[], **LOST))
    write_segment(tmp_path / "records", "local", [record(0), guess])
    write_segment(tmp_path / "workers" / "w", "w", [record(1)])
    assembly = assembled(tmp_path)
    assert assembly.counts == Counts(2, 2, 0, 1, 0)
    assert seen(assembly)[1].status == "ok"
    after = completed(assembly, tmp_path)
    assert {one.seq: one.status for one in after} == {0: "ok", 1: "ok"}
    aside = list(read_records([tmp_path / "records" / "superseded" / "local.jsonl"]))
    assert [one.status for one in aside] == ["ok", "lost"]


RANKED = [
    outcome(sent=None, tokens=[], **LOST),
    outcome(tokens=[], **LOST),
    outcome(sent=None, tokens=[], status=Status.SKIPPED, ended=1300.0),
    outcome(tokens=[1100.0], ended=1200.0),
    outcome(tokens=[1100.0, 1150.0], ended=1300.0),
]
"""Of one request, the less final first."""


@settings(derandomize=True, deadline=None, max_examples=40)
@given(places=st.lists(st.sampled_from([0, 1, 2]), min_size=5, max_size=5), order=st.randoms())
def test_the_more_final_one(places, order, tmp_path_factory):
    """Wherever the lines of a request lie, in whatever order: the most final one is kept."""
    folder = tmp_path_factory.mktemp("run")
    numbered = list(zip(places, RANKED, strict=True))
    order.shuffle(numbered)
    for place in range(3):
        mine = [record(7, each) for where, each in numbered if where == place]
        write_segment(folder / "workers" / f"w{place}", "s", mine)
    kept = seen(assembled(folder))
    assert msgspec.json.encode(kept[7]) == msgspec.json.encode(record(7, RANKED[-1]))


def test_equally_final_ones(tmp_path):
    """Two that differ in something else: the same one, whichever comes first."""
    kept = set()
    for first, second in (("a", "b"), ("b", "a")):
        folder = tmp_path / first
        write_segment(folder / "workers" / "w1", "s", [record(0, worker=first)])
        write_segment(folder / "workers" / "w2", "s", [record(0, worker=second)])
        assembly = assembled(folder)
        assert assembly.counts.conflicting == 1
        kept.add(seen(assembly)[0].worker)
    assert len(kept) == 1


def test_a_torn_end(tmp_path):
    """What a killed process left unfinished is dropped and counted; what follows it is not lost."""
    torn = write_segment(tmp_path / "records", "a", [record(0), record(1)])
    torn.write_bytes(torn.read_bytes()[:-40])
    write_segment(tmp_path / "records", "b", [record(2)])
    assembly = assembled(tmp_path)
    assert assembly.counts == Counts(2, 2, 0, 0, 1)
    assert sorted(seen(assembly)) == [0, 2]


def test_damage_in_the_middle(tmp_path):
    """That is no torn end, and is told with file and line."""
    path = write_segment(tmp_path / "records", "a", [record(0), record(1)])
    path.write_bytes(b"{}\n" + path.read_bytes())
    with pytest.raises(InputError, match=r"a\.jsonl:1: no record"):
        assembled(tmp_path)


def test_nothing_is_written_before_all_is_read(tmp_path):
    """Given up half way, the directory is as it was."""
    write_segment(tmp_path / "records", "a", [record(0)])
    write_segment(tmp_path / "workers" / "w", "w", [record(1)])
    before = sorted(tmp_path.rglob("*"))
    assembly = assembled(tmp_path)
    with MergedSegment(assembly, tmp_path) as merged:
        merged.add(*next(iter(assembly.lines())))
    assert sorted(tmp_path.rglob("*")) == sorted([*before, tmp_path / "run.json"])


def test_text_of_replies_stays_private(tmp_path):
    """Where replies were kept nobody else may read the new file either."""
    kept = manifest(options={"trace": "t.jsonl", "keep_content": "all"})
    write_manifest(tmp_path, kept)
    write_segment(tmp_path / "workers" / "w", "w", [record(1)])
    completed(assembled(tmp_path), tmp_path)
    path = tmp_path / "records" / "merged.jsonl"
    assert path.stat().st_mode & 0o077 == 0
