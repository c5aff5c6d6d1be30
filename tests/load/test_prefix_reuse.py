"""The reuse that `trace inspect` predicts is the reuse that a server's prefix cache sees."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.load.processes import books_agree, came_out, target, to
from tests.load.test_workloads import Run

from sagellm_benchmark.trace.source import open_trace
from sagellm_benchmark.trace.statistics import inspect

LOOKALIKE = Path(__file__).parents[2] / "traces" / "mooncake_lookalike.jsonl"
POINT = 0.01
"""The cache works in blocks of 64 words and never serves a prompt's last one."""


@pytest.fixture(scope="module")
def trace(tmp_path_factory):
    """The look-alike of Mooncake's trace, with replies of two tokens."""
    path = tmp_path_factory.mktemp("reuse") / "trace.jsonl"
    rows = [json.loads(line) | {"output_length": 2} for line in LOOKALIKE.read_text().splitlines()]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _cached(whom, folder, trace, name, *options):
    """Share of the input tokens of a run that the server's cache held."""
    done = Run(folder / name, trace, "--speed", 6, *options, *to(whom, name))
    try:
        came_out(done, 0)
        books_agree(done.run, whom)
    finally:
        done.close()
    posts = whom.posts(name)
    return sum(each.cached_tokens for each in posts) / sum(each.prompt_tokens for each in posts)


@pytest.mark.integration
def test_a_servers_cache_sees_what_was_predicted(trace, tmp_path):
    """Salted or not, a run reuses what the trace does; only without salt the last run's too."""
    predicted = inspect(open_trace(trace))["prefix_hit"]["token"]
    assert 0.3 < predicted < 0.6
    costs = ("--ttft-ms", 5, "--prefill-ms-per-1k", 0, "--itl-ms", 1, "--kv-tokens", 10**8)
    with target(tmp_path / "target", *costs) as whom:
        first = _cached(whom, tmp_path, trace, "first", "--salt", "none")
        salted = _cached(whom, tmp_path, trace, "salted")
        again = _cached(whom, tmp_path, trace, "again", "--salt", "none")
    assert first == pytest.approx(predicted, abs=POINT)
    assert salted == pytest.approx(predicted, abs=POINT)
    assert again > 0.95
