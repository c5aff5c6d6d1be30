"""The figures of `trace inspect`."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from files import native, real_slices
from hypothesis import given, settings
from hypothesis import strategies as st

from sagellm_benchmark.trace.source import open_trace
from sagellm_benchmark.trace.statistics import Tokens, inspect

fixed = settings(derandomize=True, deadline=None)


@fixed
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=200))
def test_quantiles_are_numpys(values):
    """Counting values gives the quantiles that numpy gives of all of them."""
    tokens = Tokens()
    tokens.add(values[:9])
    tokens.add([None, *values[9:]])
    expected = np.quantile(values, [0.5, 0.9, 0.99])
    described = tokens.described()
    assert [described[name] for name in ("p50", "p90", "p99")] == pytest.approx(expected.tolist())
    assert described["max"] == max(values)


@fixed
@given(st.lists(st.integers(0, 300_000), min_size=2, max_size=200))
def test_arrival_figures_are_numpys(tmp_path_factory, millis):
    """CV, ties and dispersion agree with the same figures from the whole list of arrivals."""
    times = np.array(sorted(millis)) / 1000
    path = tmp_path_factory.mktemp("arrivals") / "t.jsonl"
    figures = inspect(open_trace(native(path, *({"arrival_time_s": float(t)} for t in times))))
    gaps, span_s = np.diff(times), times[-1] - times[0]
    if span_s == 0:
        assert figures["iat"] == {"cv": None, "ties": 1.0}
        return
    assert figures["span_s"] == pytest.approx(span_s)
    assert figures["rate_per_s"] == pytest.approx(len(gaps) / span_s)
    assert figures["iat"]["cv"] == pytest.approx(gaps.std() / gaps.mean(), abs=1e-6)
    assert figures["iat"]["ties"] == sum(a == b for a, b in pairwise(times)) / len(gaps)
    for width_s in (1, 10, 60, 600):
        index = ((times - times[0]) // width_s).astype(int)
        counts = np.bincount(index)[: index[-1]]
        expected = None if len(counts) < 2 else pytest.approx(counts.var() / counts.mean())
        assert figures["idc"][str(width_s)] == expected


def test_prefix_hits_are_contiguous(tmp_path):
    """Blocks count as reused from the start on and only as far as they were all seen before."""
    rows = [
        {"input_tokens": 40, "prefix_block_ids": [1, 2, 3]},
        {"input_tokens": 40, "prefix_block_ids": [1, 9, 3]},
        {"input_tokens": 20, "prefix_block_ids": [1, 2]},
        {"input_tokens": 50},
    ]
    trace = open_trace(native(tmp_path / "t.jsonl", *rows, block_size=16))
    assert inspect(trace)["prefix_hit"] == {"block": 3 / 8, "token": (16 + 20) / 150}


def test_what_is_unknown_is_none(tmp_path):
    """A trace of one row without output has no rate, no gaps, no output figures, no prefix."""
    figures = inspect(open_trace(native(tmp_path / "t.jsonl", {})))
    assert (figures["rows"], figures["span_s"], figures["rate_per_s"]) == (1, 0.0, None)
    assert figures["iat"] == {"cv": None, "ties": None}
    assert set(figures["idc"].values()) == {None}
    assert (figures["output_tokens"], figures["prefix_hit"]) == (None, None)


def test_sessions_and_waiting_rows_are_counted(tmp_path):
    """Different sessions count once each; rows that wait for others are counted as such."""
    rows = [{"session_id": "a"}, {"session_id": "a"}, {"session_id": "b"},
            {"depends_on": ["r0"], "arrival_time_s": None}]  # fmt: skip
    figures = inspect(open_trace(native(tmp_path / "t.jsonl", *rows)))
    assert (figures["sessions"], figures["dependents"], figures["rows"]) == (2, 1, 4)


def test_figures_of_the_real_slices():
    """The published figures of the real slices come out, each to the digits given."""
    folder = real_slices()
    expected = json.loads((folder / "expected.json").read_text())
    assert len(expected) >= 10
    for name, want in expected.items():
        got = inspect(open_trace(folder / name))
        for key, value in want.items():
            assert got[key] == value or _close(got[key], value), (name, key, got[key], value)


def _close(got, want):
    if isinstance(want, dict):
        return all(_close(got[key], value) for key, value in want.items())
    return got == pytest.approx(want, abs=6e-4 if want < 100 else 6e-3)
