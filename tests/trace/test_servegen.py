"""Pools of measured clients."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from files import TRACES, real_slices
from pools import pool, write_pool

from sagellm_benchmark.errors import InputError
from sagellm_benchmark.trace.workload.generation import workload_trace
from sagellm_benchmark.trace.workload.servegen import WINDOW_S, read_pool


def _spec(folder, pool, seconds=4800, **keys):
    path = folder / "w.yaml"
    options = {"path": str(pool), **keys}
    path.write_text(
        f"schema: sagellm.workload/1\nduration_s: {seconds}\n"
        f"clients: [{{name: p, servegen: {json.dumps(options)}}}]\n"
    )
    return workload_trace(path)


def test_the_look_alike_in_the_repository_is_generated():
    """What stands in traces/ is what the generator makes, byte for byte."""
    folder = TRACES / "servegen_lookalike"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == pool()


def test_a_pool_is_read(tmp_path):
    """Clients come busiest first; one without lengths is left out and counted; spans are kept."""
    clients, left_out = read_pool(write_pool(tmp_path / "p"), None, 0, math.inf)
    assert ([each.name for each in clients], left_out) == (
        ["chunk-0", "chunk-3", "chunk-7", "chunk-4"],
        1,
    )
    busy = clients[0]
    assert (len(busy.windows), busy.windows[0].gaps.kind) == (8, "gamma")
    assert clients[2].windows[0].gaps.kind == "weibull"
    assert [each.start_s for each in busy.lengths] == [600, 3000]
    assert [busy.span(second) for second in (0, 700, 2999, 3000, 9e9)] == [0, 0, 0, 1, 1]
    assert len(read_pool(tmp_path / "p", 2, 600, 1200)[0]) == 2


def test_rates_follow_the_windows(tmp_path):
    """In each window as many requests arrive as its clients' rates say, within three errors."""
    folder = write_pool(tmp_path / "p")
    clients, _ = read_pool(folder, None, 0, math.inf)
    counts = np.zeros(8)
    runs = 12
    for seed in range(runs):
        trace = _spec(tmp_path, folder)
        trace = workload_trace(tmp_path / "w.yaml", seed)
        times = [row.arrival_time_s for row in trace.rows()]
        counts += np.bincount((np.array(times) // WINDOW_S).astype(int), minlength=8)
    for window in range(8):
        rates = [(each.windows[window].rate, each.windows[window].gaps) for each in clients]
        expected = runs * WINDOW_S * sum(rate for rate, _ in rates)
        spread = {"gamma": lambda gaps: 1 / gaps.shape, "weibull": lambda _: 1.9,
                  "poisson": lambda _: 1.0}  # fmt: skip
        variance = sum(runs * WINDOW_S * rate * spread[gaps.kind](gaps) for rate, gaps in rates)
        assert abs(counts[window] - expected) < 3 * math.sqrt(variance)


def test_lengths_are_those_of_the_time(tmp_path):
    """Every request's lengths are counts that its client had just then; the two are independent."""
    folder = write_pool(tmp_path / "p")
    clients, _ = read_pool(folder, 1, 0, math.inf)
    rows = list(_spec(tmp_path, folder, clients=1).rows())
    for row in rows:
        lengths = clients[0].lengths[clients[0].span(row.arrival_time_s)]
        assert lengths.input_tokens[row.input_tokens] and lengths.output_tokens[row.output_tokens]
    pairs = np.array([(row.input_tokens, row.output_tokens) for row in rows])
    assert abs(np.corrcoef(pairs.T)[0, 1]) < 3 / math.sqrt(len(rows))


def test_a_rate_scales_all_clients(tmp_path):
    """`rate` is the mean of all together, and `from_s` moves the start."""
    folder = write_pool(tmp_path / "p")
    rows = list(_spec(tmp_path, folder, seconds=1800, rate=5, from_s=1200).rows())
    assert len(rows) == pytest.approx(9000, abs=3 * math.sqrt(9000 * 4))
    assert max(row.arrival_time_s for row in rows) < 1800
    assert {row.user_id for row in rows} == {f"p-chunk-{number}" for number in (0, 3, 4, 7)}


def test_nothing_arrives_behind_the_measurement(tmp_path):
    """A workload longer than what was measured ends with it."""
    rows = list(_spec(tmp_path, write_pool(tmp_path / "p"), seconds=99_999).rows())
    assert max(row.arrival_time_s for row in rows) < 8 * WINDOW_S


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("chunk-0-trace.csv", b"0,1,1,Gamma,1,1\n500,1,1,Gamma,1,1\n", r"trace\.csv:2: .* 600"),
        ("chunk-0-trace.csv", b"0,1,1,Cauchy,1,1\n", r"trace\.csv:1: .*'Cauchy'"),
        ("chunk-0-trace.csv", b"0,1,1,Gamma,-1,1\n", r"trace\.csv:1: .*shape -1"),
        ("chunk-0-trace.csv", b"0,1,1\n", r"trace\.csv:1: no window"),
        ("chunk-0-trace.csv", b"0,nan,1,Gamma,1,1\n", r"trace\.csv:1: .*rate nan"),
        ("chunk-0-dataset.json", b"{", r"dataset\.json: no lengths"),
        ("chunk-0-dataset.json", b'{"0": {"input_tokens": "open(1)", "output_tokens": "{}"}}',
         r"dataset\.json: no lengths"),
    ],
)  # fmt: skip
def test_files_that_are_none_are_named(tmp_path, name, content, problem):
    """What is not ServeGen's is one error with the file; what looks like code is not run."""
    folder = write_pool(tmp_path / "p")
    (folder / name).write_bytes(content)
    with pytest.raises(InputError, match=problem):
        read_pool(folder, None, 0, math.inf)


def test_no_pool(tmp_path):
    """A folder that is not there, or holds nothing, or only idle clients, is told."""
    for folder, problem in ((tmp_path / "none", "no such folder"), (tmp_path, "holds no chunk")):
        with pytest.raises(InputError, match=problem):
            read_pool(folder, None, 0, math.inf)
    with pytest.raises(InputError, match="no client sends between"):
        read_pool(write_pool(tmp_path / "p"), None, 1e6, 2e6)


def test_the_real_files_are_read(tmp_path):
    """Six clients of the real pool give a trace at the rate asked for."""
    folder = real_slices() / "servegen/language/m-small"
    rows = list(_spec(tmp_path, folder, seconds=600, rate=20, from_s=100_000).rows())
    assert 6000 < len(rows) < 18_000
