"""Traces merged into one."""

from __future__ import annotations

import pytest
from files import TRACES, jsonl, native

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.changes.merging import Merge
from sagellm_benchmark.trace.conversion import converted
from sagellm_benchmark.trace.source import open_trace


def test_rows_come_in_order_of_time_under_ids_of_their_own(tmp_path):
    """Origins are laid on each other; ids of the second file are marked, what waits included."""
    one = open_trace(native(tmp_path / "a.jsonl", {}, {"arrival_time_s": 4.0, "session_id": "s"}))
    two = open_trace(
        native(
            tmp_path / "b.jsonl",
            {"arrival_time_s": 0.5, "session_id": "s"},
            {"arrival_time_s": None, "depends_on": ["r0"], "session_id": "s"},
            {"arrival_time_s": 9.0},
        )
    )
    header, rows = converted(one, [Merge([two])])
    found = [(row.request_id, row.session_id, row.depends_on) for row in rows]
    assert found == [
        ("r0", None, []), ("2:r0", "2:s", []), ("2:r1", "2:s", ["2:r0"]), ("r1", "s", []),
        ("2:r2", None, []),
    ]  # fmt: skip
    assert (header.rows_read, header.rows_emitted, header.drops) == (5, 5, {})
    assert header.transforms[0]["files"] == [{"name": "b.jsonl", "sha256": two.sha256}]


def test_formats_mix_and_drops_are_counted(tmp_path):
    """Any formats can be merged; what a file drops is dropped from the merged trace."""
    azure = (TRACES / "azure_lookalike.csv").read_bytes()
    (tmp_path / "a.csv").write_bytes(azure + b"\r\n2023-11-16 18:30:00.0000000,0,1")
    mooncake = open_trace(TRACES / "mooncake_lookalike.jsonl")
    header, rows = converted(mooncake, [Merge([open_trace(tmp_path / "a.csv")])])
    assert (header.rows_emitted, header.rows_read, header.drops) == (270, 271, {"zero_input": 1})
    assert (header.block_size, header.time_resolution_s) == (512, 3.0)
    assert len({row.request_id for row in rows}) == 270


def test_no_two_files_share_a_prefix(tmp_path):
    """Block ids of a file mean nothing in another: they are dealt out in turn."""
    options = {"block_size": 16, "hash_scope": "file", "partial_tail_hashed": True}
    rows = ({"prefix_block_ids": [0], "arrival_time_s": n} for n in (1.0, 2.0))
    one = open_trace(native(tmp_path / "a.jsonl", *rows, **options))
    merged = Merge([one, one]).applied(one)
    assert sorted({row.prefix_block_ids[0] for row in merged.rows()}) == [0, 1, 2]
    assert (merged.header.hash_scope, merged.header.partial_tail_hashed) == ("file", True)


def test_global_ids_stay(tmp_path):
    """Block ids that mean the same in each file are left alone."""
    options = {"block_size": 16, "hash_scope": "global"}
    one = open_trace(native(tmp_path / "a.jsonl", {"prefix_block_ids": [7]}, **options))
    assert {row.prefix_block_ids[0] for row in Merge([one]).applied(one).rows()} == {7}


def test_block_sizes_must_agree(tmp_path):
    """Ids of blocks of different sizes cannot stand in one trace."""
    traces = [
        open_trace(native(tmp_path / f"{size}.jsonl", {}, block_size=size)) for size in (16, 64)
    ]
    with pytest.raises(UsageError, match="--merge: block ids stand for 16 and 64 tokens"):
        Merge(traces[1:]).applied(traces[0])


def test_a_bad_row_names_its_own_file(tmp_path):
    """An error in a merged file is told with that file's name."""
    good = open_trace(native(tmp_path / "good.jsonl", {}, {}))
    broken = jsonl(tmp_path / "x.jsonl", {"timestamp": 0, "input_length": 5, "output_length": 1})
    with broken.open("a") as file:
        file.write('{"timestamp": 1, "input_length": -5, "output_length": 1}\n')
    with pytest.raises(UsageError, match=r"x\.jsonl:2: input_length"):
        list(Merge([open_trace(broken, format="mooncake")]).applied(good).rows())
