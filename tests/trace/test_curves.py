"""Traces along another rate."""

from __future__ import annotations

import math

import numpy as np
import pytest
from files import native

from sagellm_benchmark.errors import InputError, UsageError
from sagellm_benchmark.trace.changes.curves import Follow, read_curve
from sagellm_benchmark.trace.source import open_trace
from sagellm_benchmark.trace.statistics import inspect
from sagellm_benchmark.trace.synthesis import uniform

RAMP = "points: [[0, 10], [50, 50]]\n"


def _curve(folder, text):
    (folder / "c.yaml").write_text(text)
    return Follow(read_curve(folder / "c.yaml"))


def _times(trace):
    return np.array([row.arrival_time_s for row in trace.rows()])


@pytest.mark.parametrize("window_s", [7, 60, 600])
def test_arrivals_follow_the_curve(tmp_path, window_s):
    """Each ten seconds hold the requests that the curve has there, within three errors."""
    source = uniform(9, 9, 1500, rate=3.0, burstiness=1.0, seed=2)
    times = _times(_curve(tmp_path, f"{RAMP}window_s: {window_s}\n").applied(source))
    assert (list(times), len(times)) == (sorted(times), 1500)
    for start in range(0, 50, 10):
        expected = 100 + 8 * start + 40
        count = ((times >= start) & (times < start + 10)).sum()
        assert abs(count - expected) < 3 * np.sqrt(expected)


def test_bursts_stay(tmp_path):
    """What is faster than a window is the trace's own: gaps vary as before."""
    source = uniform(9, 9, 20_000, rate=10.0, burstiness=0.25, seed=1)
    followed = _curve(tmp_path, "points: [[0, 20]]\nwindow_s: 600\n").applied(source)
    before, after = inspect(source), inspect(followed)
    assert after["iat"]["cv"] == pytest.approx(before["iat"]["cv"], rel=0.03)
    assert after["rate_per_s"] == pytest.approx(20, rel=0.01)


def test_slow_changes_go(tmp_path):
    """A source with its own ups and downs, slower than a window, comes out even."""
    rows = [{"arrival_time_s": n / 10} for n in range(1000)]
    rows += [{"arrival_time_s": 100 + n / 2} for n in range(1000)]
    trace = open_trace(native(tmp_path / "t.jsonl", *rows))
    times = _times(_curve(tmp_path, "points: [[0, 4]]\nwindow_s: 20\n").applied(trace))
    assert np.abs(np.diff(times) - 0.25).max() < 0.05


def test_what_the_curve_has_no_room_for(tmp_path):
    """A curve that ends in silence leaves the rest out, and counts it."""
    source = uniform(9, 9, 100, rate=5.0, burstiness=math.inf)
    followed = _curve(tmp_path, "steps: [[0, 2], [20, 0]]\n").applied(source)
    times = _times(followed)
    assert (len(times), followed.drops) == (40, {"after_curve": 60})
    assert times.max() <= 20
    assert followed.header.transforms[-1]["op"] == "rate_curve"


def test_rows_without_a_time_stay(tmp_path):
    """Think times are people's; a row that waits is not warped."""
    waits = {"arrival_time_s": None, "depends_on": ["r1"], "think_time_s": 5.0}
    trace = open_trace(native(tmp_path / "t.jsonl", {}, {}, waits))
    rows = list(_curve(tmp_path, RAMP).applied(trace).rows())
    assert (rows[2].arrival_time_s, rows[2].think_time_s) == (None, 5.0)


def test_curves_that_are_none(tmp_path):
    """A mistake in the file is one line with its place; a trace without a span is refused."""
    with pytest.raises(InputError, match=r"c\.yaml:2: no such key: `window`"):
        _curve(tmp_path, f"{RAMP}window: 3\n")
    with pytest.raises(InputError, match="--rate-curve cannot be read"):
        read_curve(tmp_path / "none.yaml")
    with pytest.raises(UsageError, match="--rate-curve: all rows arrive at one instant"):
        _curve(tmp_path, RAMP).applied(uniform(9, 9, 5, rate=None))
