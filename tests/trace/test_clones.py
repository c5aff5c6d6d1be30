"""Copies laid over a trace: more load, the same bursts, the same reuse."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest
from files import TRACES, native, real_slices

from sagellm_benchmark.errors import UsageError
from sagellm_benchmark.trace.changes.clones import Clone
from sagellm_benchmark.trace.changes.spreading import SpreadTies
from sagellm_benchmark.trace.conversion import converted
from sagellm_benchmark.trace.formats.native import write
from sagellm_benchmark.trace.library import find
from sagellm_benchmark.trace.source import open_trace
from sagellm_benchmark.trace.statistics import inspect
from sagellm_benchmark.trace.workload.generation import workload_trace

BURSTY = """\
schema: sagellm.workload/1
duration_s: 3600
clients:
  - name: lulls
    rate: {steps: [[0, 1.0], [120, 8.0], [180, 0.2], [400, 3.0]], repeat: true}
    arrivals: {gamma: {cv: 4}}
    input_tokens: 100
    output_tokens: 10
"""
"""Gaps with a CV of 4 within bursts and lulls of minutes, as code completion has them."""


def _kept(before, after):
    for window in ("1", "10", "60"):
        assert after["idc"][window] == pytest.approx(before["idc"][window], rel=0.2)
    assert after["rows"] == 2 * before["rows"]
    assert after["span_s"] == pytest.approx(before["span_s"], rel=0.01)


@pytest.mark.parametrize("seed", range(4))
def test_the_dispersion_is_kept(tmp_path, seed):
    """Twice the load of a bursty trace is as bursty in 1, 10 and 60 s windows, within a fifth."""
    (tmp_path / "w.yaml").write_text(BURSTY)
    trace = workload_trace(tmp_path / "w.yaml", seed)
    before = inspect(trace)
    assert before["idc"]["60"] > 30
    _kept(before, inspect(Clone(2, seed).applied(trace)))


def test_the_dispersion_of_the_azure_trace_is_kept():
    """So is that of the real code trace, whose bursts are the worst that is known."""
    trace = open_trace(real_slices() / "azure/AzureLLMInferenceTrace_code.csv")
    _kept(inspect(trace), inspect(Clone(2).applied(trace)))


def _chat():
    return find(str(TRACES / "chat.yaml"))


def test_sessions_are_cloned_whole():
    """Each copy has every session with the same turns at the same distances, under its own ids."""
    original, copies = defaultdict(list), defaultdict(lambda: defaultdict(list))
    rows = list(Clone(3, 2).applied(_chat()).rows())
    assert len({row.request_id for row in rows}) == len(rows)
    assert [row.arrival_time_s for row in rows] == sorted(row.arrival_time_s for row in rows)
    for row in rows:
        if row.session_id is None:
            continue
        shape = (row.turn_index, row.input_tokens, row.arrival_time_s)
        name, _, number = row.session_id.partition("~")
        if row.clone_index is None:
            original[name].append(shape)
        else:
            assert (number, row.clone_of) == (str(row.clone_index), row.request_id.split("~")[0])
            assert all(each.endswith(f"~{number}") for each in row.depends_on)
            copies[row.clone_index][name].append(shape)
    assert set(copies) == {1, 2}
    for sessions in copies.values():
        assert sessions.keys() == original.keys()
        for name, turns in sessions.items():
            moved = turns[0][2] - original[name][0][2]
            assert [turn[:2] for turn in turns] == [turn[:2] for turn in original[name]]
            assert [turn[2] - moved for turn in turns] == pytest.approx(
                [turn[2] for turn in original[name]], abs=1e-5
            )


def test_private_blocks_are_renumbered_and_shared_ones_kept():
    """System prompts are the same for all copies; what belongs to one session is in one copy."""
    users = defaultdict(set)
    for row in Clone(2).applied(_chat()).rows():
        for block in row.prefix_block_ids or ():
            users[block].add(row.clone_index)
    kinds = Counter(frozenset(each) for each in users.values())
    nodes = 2 * 512 // 64 + 2 * 4 * 256 // 64
    assert kinds[frozenset((None, 1))] == nodes
    assert kinds[frozenset((None,))] == kinds[frozenset((1,))]


def test_reuse_is_neither_lost_nor_inflated():
    """Without sessions the system prompt is told by how many rows begin with it."""
    trace = SpreadTies().applied(open_trace(TRACES / "mooncake_lookalike.jsonl"))
    cloned = Clone(3).applied(trace)
    before, after = inspect(trace)["prefix_hit"], inspect(cloned)["prefix_hit"]
    assert after["block"] == pytest.approx(before["block"], abs=0.04)
    assert cloned.header.transforms[-1]["shared_blocks"] < 10


def test_the_header_counts_the_copies(tmp_path):
    """Rows read, added and written add up; seed and shifts are told; the file can be read back."""
    source = open_trace(TRACES / "azure_lookalike.csv")
    header, rows = converted(source, [Clone(2, 9)])
    write(tmp_path / "c.jsonl", header, rows)
    again = open_trace(tmp_path / "c.jsonl")
    assert (header.rows_read, header.added, header.rows_emitted) == (150, {"clone": 150}, 300)
    assert len(list(again.rows())) == 300
    (done,) = again.header.transforms
    assert (done["op"], done["times"], done["seed"], len(done["shifts_s"])) == ("clone", 2, 9, 1)
    assert list(converted(source, [Clone(2, 9)])[1]) == list(again.rows())


def test_rows_that_wait_are_copied_behind_what_they_wait_for(tmp_path):
    """A row without a time of its own goes with its family, and names its own copy's row."""
    rows = [{"arrival_time_s": float(n)} for n in range(9)]
    waits = {"request_id": "w", "arrival_time_s": None, "depends_on": ["r8"], "think_time_s": 1.0}
    trace = open_trace(native(tmp_path / "t.jsonl", *rows, waits))
    found = list(Clone(4).applied(trace).rows())
    places = {row.request_id: place for place, row in enumerate(found)}
    assert len(found) == 40
    for number in (1, 2, 3):
        assert found[places[f"w~{number}"]].depends_on == [f"r8~{number}"]
        assert places[f"w~{number}"] > places[f"r8~{number}"]


def test_what_cannot_be_cloned(tmp_path):
    """Fewer than two, or rows that all arrive at once, are refused."""
    with pytest.raises(UsageError, match="--clone: 1 is not 2"):
        Clone(1)
    trace = open_trace(native(tmp_path / "t.jsonl", {}, {"arrival_time_s": 0.0}))
    with pytest.raises(UsageError, match="--clone: all rows arrive at one instant"):
        Clone(2).applied(trace)
