"""Replays against the real sageLLM gateway, a simulated engine behind it: all is accounted for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sagellm_benchmark.record.protocol_metrics import SERVER_ONLY

from .runs import (
    LOCUST,
    REPOSITORY,
    TRACES,
    Finished,
    bench,
    check_all_ok,
    check_books,
    check_valid,
    engine,
    forwarded,
    replay,
    valid_replay,
)

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

REAL_TRACES = Path(
    os.environ.get("SAGELLM_BENCHMARK_TRACES", REPOSITORY.parent / "shared/data/traces")
)
SMALL = ("--input-tokens", 50, "--output-tokens", 12, "--requests", 40)


def trace(real: str, lookalike: str) -> Path:
    """A real trace if this machine has it, else the one that we made in its likeness."""
    path = REAL_TRACES / real
    return path if path.exists() else TRACES / lookalike


def test_azure_replay(gateway: str, tmp_path: Path) -> None:
    """A recorded hour's beginning, four times as fast: each request counted and ok, a valid run."""
    source = trace("azure/AzureLLMInferenceTrace_code.csv", "azure_lookalike.csv")
    run = valid_replay(gateway, tmp_path, source, "--limit", 200, "--speed", 4)
    check_all_ok(run)
    check_valid(run)


def test_mooncake_replay(gateway: str, tmp_path: Path) -> None:
    """Rows with prefix blocks: all counted and ok, and the engine met again what rows share."""
    source = trace("mooncake/arxiv_trace_slice_93rows.jsonl", "mooncake_lookalike.jsonl")
    run = valid_replay(gateway, tmp_path, source, "--limit", 90, "--speed", 0.5)
    check_all_ok(run)
    check_valid(run)
    assert len(run.records) == 90
    cached = [sent.cached_tokens for sent in forwarded(run.folder / "engine.jsonl")]
    assert sum(cached) > 0.25 * sum(record["asked"]["input_tokens"] for record in run.records)
    check_servers_word(run)


def check_servers_word(run: Finished) -> None:
    """The gateway tells answers by status and healthy engines: no latency, no Protocol field."""
    told = {block["name"]: block["figures"] for block in run.summary["server_metrics"]}
    answers = {"gateway_responses", "gateway_client_errors", "gateway_server_errors"}
    assert {name: set(figures) for name, figures in told.items()} == {
        "host": answers,
        "host-info": {"healthy_engines"},
    }
    assert told["host"]["gateway_responses"]["value"] == len(run.records)
    assert told["host-info"]["healthy_engines"]["value"] >= 1
    assert set(SERVER_ONLY) <= set(run.summary["protocol_metrics"]["unobserved"])


def test_limit_of_the_gateway(gateway: str, tmp_path: Path) -> None:
    """Past 100 streams and 100 requests/s the report says who was the limit; all is counted."""
    load = ("--input-tokens", 20, "--output-tokens", 6, "--requests", 500, "--rate", 130)
    slow = ("--fixed", "--ttft-ms", 1200, "--itl-ms", 20)
    run = replay(gateway, tmp_path / "past", *load, "--burstiness", "inf", engine_options=slow)
    check_all_ok(run)
    (note,) = [note for note in run.summary["notes"] if "gateway" in note]
    assert note.startswith("the gateway was the limit")
    assert "it serves 100 at once" in note
    assert "requests/s were sent while TTFT p50 grew" in note
    assert note in " ".join(run.output.split())
    assert "One process of this sageLLM gateway carries some 100 streams" in run.output


@pytest.mark.parametrize(
    "options",
    [
        "--rate 20",
        "--rate 20 --no-stream",
        "--rate 20 --output-length free --requests 3",
        "--rate 20 --endpoint completions --no-stream",
        "--concurrency 8",
    ],
)
def test_ways_to_ask(gateway: str, tmp_path: Path, options: str) -> None:
    """Whatever the way, each request is ok, whole, and counted once."""
    run = replay(gateway, tmp_path / "ways", *SMALL, *options.split())
    check_all_ok(run)
    assert len(run.records) == (3 if "free" in options else 40)
    tokens = 1024 if "free" in options else 12  # the gateway sets a length where none was asked
    streamed = "--no-stream" not in options
    for record in run.records:
        assert record["output_tokens"] == tokens
        assert record["token_source"] == ("chunks" if streamed else "usage")
        assert record["input_tokens"] == (None if streamed else 50)
        assert record["finish_reason"] == ("stop" if streamed else "length")


def test_hidden_truncation(gateway: str, tmp_path: Path) -> None:
    """A reply cut short behind a normal end is noted, and fails where the full length is demanded.

    The engine is told of 5 tokens where the run counts on 12: that is all that a client can see of
    a stream that an engine ended early.
    """
    cut = (*SMALL, "--rate", 20, "--extra-body", '{"max_tokens": 5}')
    run = replay(gateway, tmp_path / "cap", *cut)
    check_all_ok(run)
    assert run.summary["short_output"]["count"] == 40
    assert any("this gateway hides truncation" in note for note in run.summary["notes"])
    run = replay(gateway, tmp_path / "exact", *cut, "--output-length", "exact")
    assert run.summary["counts"]["incomplete"] == 40
    assert run.code in (1, 3), run.told()


def test_streamed_completions(gateway: str, tmp_path: Path) -> None:
    """The gateway streams no text completions: told before, and each refusal counted as one."""
    load = (*SMALL, "--rate", 20, "--endpoint", "completions")
    with engine(gateway, "model-text", tmp_path / "log"):
        target = ("--host", gateway, "--model", "model-text")
        refused = bench(tmp_path / "refused", *load, *target)
        assert refused.code == 2, refused.told()
        assert "streams no text completions: write --no-stream" in refused.errors
        run = bench(tmp_path / "text", *load, *target, "--no-preflight")
    check_books(run)
    assert run.summary["counts"]["http_error"] == 40
    assert {record["http_status"] for record in run.records} == {400}
    assert run.code in (1, 3), run.told()


def test_own_tasks(gateway: str, tmp_path: Path) -> None:
    """The tasks of a locustfile are recorded, counted and ok like the rows of a trace."""
    file = REPOSITORY / "locustfiles" / "own_tasks.py"
    users = ("-f", file, "-u", 4, "-r", 4, "-t", "5s")
    run = replay(gateway, tmp_path / "tasks", *users, command=LOCUST)
    check_all_ok(run)
    assert {record["name"] for record in run.records} == {"ask"}
    assert len(run.records) >= 8


def test_locust_replays_the_same(gateway: str, tmp_path: Path) -> None:
    """Locust itself, with our locustfile, accounts for a trace as `run` does."""
    file = REPOSITORY / "locustfiles" / "replay.py"
    options = ("-f", file, "--trace", TRACES / "azure_lookalike.csv", "--limit", 30, "--speed", 8)
    run = replay(gateway, tmp_path / "locust", *options, command=LOCUST)
    check_all_ok(run)
    assert len(run.records) == 30
