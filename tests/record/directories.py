"""Directories of runs on disk, made of records without any load."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from metrics.runs import summary_of
from sagellm_benchmark.config.settings import make_settings
from sagellm_benchmark.metrics.thresholds import Thresholds
from sagellm_benchmark.record.record import RequestRecord
from sagellm_benchmark.record.segments import SegmentWriter

STARTED_AT = "2026-11-23T08:00:00Z"


def manifest(run_id: str = "r", rows: int = 5, options: Any = None, **more: Any) -> dict[str, Any]:
    """A `run.json`; of keys that are objects only what is named is replaced."""
    raw = {"trace": "chat.jsonl", "model": "m"} if options is None else options
    told = make_settings(raw, host="http://one", sources=dict.fromkeys(raw, "cli"))
    made = {
        "schema": "sagellm.run/1",
        "run_id": run_id,
        "version": "0.5.5.0",
        "started_at": STARTED_AT,
        "settings": told.describe(),
        "seed": 0,
        "salt": run_id,
        "prompt_rule": "words/1",
        "tokenizer": None,
        "schedule_digest": "d",
        "trace": {
            "path": raw.get("trace"),
            "sha256": "0f",
            "rows": rows,
            "drops": {"bad": 1},
            "span_s": 1.0,
        },
        "target": {
            "url": "http://one",
            "dialect": "openai",
            "models": ["m"],
            "tls": False,
            "verified": False,
        },
        "server": {"name": None, "version": None},
        "remarks": ["TLS certificates are not verified"],
        "system_declared": None,
        "machine": {
            "system": "Linux",
            "release": "6",
            "architecture": "x86_64",
            "cpus": 2,
            "python": "3",
        },
        "versions": {"locust": "2"},
        "thresholds": msgspec.to_builtins(Thresholds()),
    }
    for key, value in more.items():
        both = isinstance(value, dict) and isinstance(made.get(key), dict)
        made[key] = made[key] | value if both else value
    return msgspec.json.decode(msgspec.json.encode(made))


def write_manifest(folder: Path, content: dict[str, Any]) -> None:
    """Put a `run.json` into a directory."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps(content))


def write_segment(folder: Path, name: str, records: Iterable[RequestRecord]) -> Path:
    """A segment of records."""
    segment = SegmentWriter(folder, name)
    for one in records:
        segment.append(one)
    segment.close()
    return segment.path


def write_run(
    folder: Path, records: list[RequestRecord], *, ended: bool = True, **more: Any
) -> Path:
    """A run's directory; one that did not end has no summary."""
    content = manifest(rows=len(records), **more)
    write_manifest(folder, content)
    write_segment(folder / "records", "local", records)
    if ended:
        summary = summary_of(records, run_id=content["run_id"], started_at=STARTED_AT)
        summary["notes"] = [*content["remarks"], *summary["notes"]]
        (folder / "summary.json").write_bytes(msgspec.json.encode(summary))
    return folder


def summary_in(folder: Path) -> dict[str, Any]:
    """A directory's `summary.json`."""
    return json.loads((folder / "summary.json").read_text())
