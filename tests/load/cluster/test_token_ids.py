"""Prompts of token ids through several workers."""

from __future__ import annotations

import json

import pytest
from tests.load.cluster.processes import Cluster
from tests.load.processes import books_agree, came_out, target, to

pytestmark = pytest.mark.integration


def test_token_ids_reach_the_server_from_every_worker(tmp_path):
    """Each prompt has exactly the ids of its row: the server counts as many as were recorded."""
    trace, many = tmp_path / "ids.jsonl", 40
    rows = [
        {"request_id": f"r{n}", "arrival_time_s": n / 50, "output_tokens": 2,
         "prompt_token_ids": list(range(n + 1))}
        for n in range(many)
    ]  # fmt: skip
    head = {"schema": "sagellm.trace/1", "source": {"name": "t"}}
    trace.write_text("".join(json.dumps(each) + "\n" for each in (head, *rows)))
    options = ("--trace", trace, "--endpoint", "completions")
    with target(tmp_path / "sim", "--dialect", "openai") as whom:
        cluster = Cluster(tmp_path, *options, *to(whom))
        try:
            came_out(cluster.coordinator, 0)
            results = cluster.coordinator.run
            books_agree(results, whom)
            asked = {record.request_id: record.seq + 1 for record in results.records}
            assert len(asked) == many
            posts = whom.posts(results.run_id)
            assert {line.request_id: line.prompt_tokens for line in posts} == asked
        finally:
            cluster.close()
