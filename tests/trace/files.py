"""Small trace files for tests, and where to find the real slices if they are there."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from sagellm_benchmark.trace.source import open_trace

REPOSITORY = Path(__file__).parents[2]
TRACES = REPOSITORY / "traces"
DEMO = REPOSITORY / "src/sagellm_benchmark/data/demo.jsonl"
HEADER = {"schema": "sagellm.trace/1", "source": {"name": "test"}}


def real_slices() -> Path:
    """The folder of real slices, or a skip that says where it was looked for."""
    folder = Path(
        os.environ.get("SAGELLM_BENCHMARK_TRACES", REPOSITORY.parent / "shared/data/traces")
    )
    if not (folder / "expected.json").exists():
        pytest.skip(f"no real trace slices in {folder}; set SAGELLM_BENCHMARK_TRACES")
    return folder


def jsonl(path: Path, *rows: dict) -> Path:
    """Write rows as JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def native(path: Path, *rows: dict, **header: object) -> Path:
    """Write rows behind a header; ids and arrivals may be left out."""
    filled = [
        {"request_id": f"r{number}", "arrival_time_s": float(number), "input_tokens": 10, **row}
        for number, row in enumerate(rows)
    ]
    kept = [{key: value for key, value in row.items() if value is not None} for row in filled]
    return jsonl(path, {**HEADER, **header}, *kept)


def rows_of(path: Path, **options: object) -> list:
    """Open a trace and read it whole."""
    return list(open_trace(path, **options).rows())
