"""Whole runs that read what the servers say of themselves."""

from __future__ import annotations

import json

import pytest
from tests.load.processes import books_agree, came_out, target, to
from tests.load.test_workloads import Run

from sagellm_benchmark.metrics.server import server_metrics
from sagellm_benchmark.record.protocol_metrics import SERVER_ONLY
from sagellm_benchmark.record.scrapes import read_scrapes

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def trace(tmp_path_factory):
    """Forty prompts of three blocks, the first of which all have in common."""
    path = tmp_path_factory.mktemp("trace") / "trace.jsonl"
    rows = [
        {
            "timestamp": number * 50,
            "input_length": 1200,
            "output_length": 4,
            "hash_ids": [1, number % 5 + 2, number + 100],
        }
        for number in range(40)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """A simulated engine that forgets."""
    folder = tmp_path_factory.mktemp("engine")
    costs = ("--ttft-ms", 5, "--prefill-ms-per-1k", 1, "--itl-ms", 2, "--kv-tokens", 10_000)
    with target(folder, *costs) as found:
        yield found


def ran(folder, trace, whom, name, *options):
    """A finished run."""
    done = Run(folder / name, trace, *options, *to(whom, name))
    try:
        came_out(done, 0)
        books_agree(done.run, whom)
        return done.run, done.out
    finally:
        done.close()


def test_the_prefix_hit_rate_is_the_servers_own(engine, trace, tmp_path):
    """What the run says of the cache is what the engine logged of every single request.

    What an earlier run left behind is not counted; that one read nothing, as it was told.
    """
    silent, said = ran(tmp_path, trace, engine, "silent", "--scrape", "none")
    assert silent.summary["server_metrics"] == []
    assert set(SERVER_ONLY) <= set(silent.summary["protocol_metrics"]["unobserved"])
    assert list(read_scrapes(silent.folder)) == []
    assert "servers " not in said
    run, said = ran(tmp_path, trace, engine, "counted")
    posts = engine.posts("counted")
    cached = sum(each.cached_tokens for each in posts)
    rate = cached / sum(each.prompt_tokens for each in posts)
    metrics = run.summary["protocol_metrics"]
    assert 0.3 < metrics["prefix_hit_rate"] == pytest.approx(rate, abs=1e-6)
    assert metrics["evict_count"] > 0
    told = {"prefix_hit_rate", "evict_count", "kv_used_tokens"}
    assert set(SERVER_ONLY) - set(metrics["unobserved"]) == told
    assert all(set(SERVER_ONLY) <= set(record.unobserved) for record in run.records)
    assert "prefix cache hits" in said
    readings = list(read_scrapes(run.folder))
    names = {(reading.name, reading.phase) for reading in readings}
    assert names == {
        (name, phase) for name in ("host", "host-info") for phase in ("before", "during", "after")
    }
    assert run.summary["server_metrics"] == server_metrics(readings)
