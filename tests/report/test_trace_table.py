"""Tables of figures of traces, for people."""

from __future__ import annotations

from sagellm_benchmark.report.differences import differences, unknown
from sagellm_benchmark.report.trace_table import one_table, pair_table
from sagellm_benchmark.trace.comparison import compare

from .traffic import observed

SIZES = (32, 1000)


def _rows(pause, blocks=(0, 1)):
    return [{"arrival_time_s": n * pause, "input_tokens": 40, "output_tokens": 5,
             "session_id": str(n // 2), "think_time_s": pause / 2,
             "prefix_block_ids": blocks and [*blocks, n + 9]} for n in range(60)]  # fmt: skip


def _pair(a, b):
    figures = [each.figures(SIZES) for each in (a, b)]
    comparison = compare(a, b)
    told = differences(comparison, *figures), unknown(*figures)
    return pair_table(["one", "two"], figures, comparison.figures(), *told)


def test_one_trace_is_a_line_a_figure():
    """Every figure has its line; caches are told with their sizes."""
    text = one_table("t.jsonl", observed(_rows(0.5), block_size=16).figures(SIZES))
    lines = text.splitlines()
    assert lines[0] == "trace          t.jsonl (native)"
    assert "gaps           p50    500 ms   p90    500 ms   p99    500 ms   max    500 ms" in lines
    assert "sessions       30, of 2.00 turns in the mean and 2 at most" in lines
    assert lines[-3].endswith("(cache of 32 tokens)")
    assert lines[-2].endswith("(cache of 1,000 tokens)")
    assert lines[-1].endswith("62 distinct blocks, 992 tokens at most")
    assert {line[15] != " " for line in lines} == {True}


def test_two_traces_stand_side_by_side():
    """Both columns are aligned, distances follow, and what differs is said last."""
    text = _pair(observed(_rows(0.5), block_size=16), observed(_rows(1.0, blocks=None), "run"))
    blocks = text.split("\n\n")
    assert blocks[0] == "A  one\nB  two"
    rows = blocks[1].splitlines()
    assert len({len(row) for row in rows}) == 1
    assert [row.split()[-2:] for row in rows if row.startswith("gap p50")] == [["1", "s"]]
    assert [row.split()[-1] for row in rows if row.startswith("reused")] == ["-"]
    assert blocks[2].splitlines()[0].split() == ["distance", "of", "KS", "Wasserstein"]
    assert blocks[2].endswith("Times within 0.001 s are the same to KS.")
    said = blocks[3].splitlines()
    assert said[0] == "B has 0.500 times the rate of A: 1.00 requests/s against 2.00."
    assert said[-1] == "B tells nothing of prefix blocks."
    assert max(map(len, said)) <= 100


def test_the_same_trace_differs_in_nothing():
    """A trace beside itself is said to be alike."""
    one = observed(_rows(0.5), block_size=16)
    assert _pair(one, one).endswith("\nNothing differs noticeably.\n")


def test_what_is_empty_has_a_table():
    """No rows at all are a table too, alone and beside another."""
    empty = observed([])
    assert "0 of 0 read" in one_table("t", empty.figures(SIZES))
    assert "A has 0 requests, B 60." in _pair(empty, observed(_rows(1.0)))
